from modeltranslation.translator import TranslationOptions, register

from portal.models import Centre, Department, Page, Term


@register(Department)
class DepartmentTranslation(TranslationOptions):
    fields = (
        "name",
        "short_name",
        "society",
        "headline",
        "introduction",
        "college_door",
        "abroad_door",
        "address",
        "contacts",
        "opening_hours",
    )


@register(Centre)
class ContentPageTranslation(TranslationOptions):
    fields = ("title", "summary", "body", "published_at")


@register(Page)
class PageTranslation(ContentPageTranslation):
    fields = ("body_changed_on",)


@register(Term)
class TermTranslation(TranslationOptions):
    fields = ("name", "note", "search_words", "other_renderings", "published_at")
    # Each language has its own; see portal.bilingual.parity.
    unpaired_fields = ("search_words", "other_renderings")

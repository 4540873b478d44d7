from modeltranslation.translator import TranslationOptions, register

from portal.models import Centre, Department, Page


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


@register([Centre, Page])
class ContentPageTranslation(TranslationOptions):
    fields = ("title", "summary", "body", "published_at")

from modeltranslation.translator import TranslationOptions, register

from partners.models import Country, Institution


@register(Country)
class CountryTranslation(TranslationOptions):
    fields = ("name", "capital", "body", "search_words", "published_at")
    unpaired_fields = ("search_words",)


@register(Institution)
class InstitutionTranslation(TranslationOptions):
    fields = ("name", "aliases", "city", "summary", "published_at")
    unpaired_fields = ("aliases",)

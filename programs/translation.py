from modeltranslation.translator import TranslationOptions, register

from portal.translation import ContentPageTranslation
from programs.models import Area, Certificate, Industry, Material, Program, Question, Resource, Step

register([Area, Resource])(ContentPageTranslation)


@register(Program)
class ProgramTranslation(ContentPageTranslation):
    fields = ("audience", "materials_introduction", "search_words")
    unpaired_fields = ("search_words",)


@register(Step)
class StepTranslation(TranslationOptions):
    fields = ("text",)


@register(Question)
class QuestionTranslation(TranslationOptions):
    fields = ("question", "answer")


@register(Material)
class MaterialTranslation(TranslationOptions):
    fields = ("name", "note")


@register(Certificate)
class CertificateTranslation(TranslationOptions):
    fields = ("name", "awarding_body", "level", "validity", "published_at")


@register(Industry)
class IndustryTranslation(TranslationOptions):
    fields = ("name",)

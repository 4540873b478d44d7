from modeltranslation.translator import TranslationOptions, register

from portal.translation import ContentPageTranslation
from programs.models import Area, Program, Question, Step

register(Area)(ContentPageTranslation)


@register(Program)
class ProgramTranslation(ContentPageTranslation):
    fields = ("audience", "materials", "search_words")


@register(Step)
class StepTranslation(TranslationOptions):
    fields = ("text",)


@register(Question)
class QuestionTranslation(TranslationOptions):
    fields = ("question", "answer")

from modeltranslation.translator import TranslationOptions, register

from programs.models import Area, Program, Question, Step


@register(Area)
class AreaTranslation(TranslationOptions):
    fields = ("title", "summary", "body", "published_at")


@register(Program)
class ProgramTranslation(TranslationOptions):
    fields = ("title", "summary", "body", "audience", "materials", "published_at")


@register(Step)
class StepTranslation(TranslationOptions):
    fields = ("text",)


@register(Question)
class QuestionTranslation(TranslationOptions):
    fields = ("question", "answer")

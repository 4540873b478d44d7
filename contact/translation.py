from modeltranslation.translator import TranslationOptions, register

from contact.models import AnswerTemplate


@register(AnswerTemplate)
class AnswerTemplateTranslation(TranslationOptions):
    fields = ("title", "text")

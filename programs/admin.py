from django.contrib import admin

from portal.bilingual.editing import Bilingual, BilingualAdmin
from programs.models import Area, Program, Question, Step


@admin.register(Area)
class AreaAdmin(BilingualAdmin):
    fields = ["title", "summary", "body", "slug", "enquiry_recipients", "sort_order", "published_at"]
    list_display = ["__str__", "sort_order"]


class StepInline(Bilingual, admin.StackedInline):
    model = Step
    fields = ["text", "sort_order"]
    extra = 0


class QuestionInline(Bilingual, admin.StackedInline):
    model = Question
    fields = ["question", "answer", "sort_order"]
    extra = 0


@admin.register(Program)
class ProgramAdmin(BilingualAdmin):
    fields = [
        "title",
        "summary",
        "body",
        "audience",
        "materials_introduction",
        "search_words",
        "slug",
        "area",
        "centres",
        "countries",
        "sort_order",
        "published_at",
    ]
    list_display = ["__str__", "area", "sort_order"]
    list_filter = ["area", "centres"]
    inlines = [StepInline, QuestionInline]

from django.contrib import admin

from portal.bilingual.editing import Bilingual, BilingualAdmin
from programs.models import Area, Certificate, Material, Program, Question, Step


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


class MaterialInline(Bilingual, admin.StackedInline):
    model = Material
    fields = ["name", "prepared_by", "language", "template", "note", "sort_order"]
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
    inlines = [StepInline, MaterialInline, QuestionInline]


@admin.register(Certificate)
class CertificateAdmin(BilingualAdmin):
    fields = ["name", "awarding_body", "level", "validity", "program", "country", "sort_order", "published_at"]
    list_display = ["__str__", "program", "sort_order"]
    list_filter = ["program", "country"]

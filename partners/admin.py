from django.contrib import admin

from partners.models import Country, Institution
from portal.bilingual.editing import BilingualAdmin


@admin.register(Country)
class CountryAdmin(BilingualAdmin):
    fields = [
        "name",
        "capital",
        "body",
        "iso_code",
        "slug",
        "latitude",
        "longitude",
        "sort_order",
        "published_at",
    ]
    list_display = ["__str__", "iso_code", "sort_order"]


@admin.register(Institution)
class InstitutionAdmin(BilingualAdmin):
    fields = ["name", "summary", "country", "website", "sort_order", "published_at"]
    list_display = ["__str__", "country"]
    list_filter = ["country"]

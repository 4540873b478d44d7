from decimal import Decimal

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from partners.models import Country, Institution
from portal.bilingual.editing import PLACE, BilingualAdmin


class DegreesField(forms.DecimalField):
    """Takes degrees as they are copied from a map, and rounds them to the hundredths that are stored."""

    def to_python(self, value):
        degrees = super().to_python(value)
        # Other numbers are refused by the validators that follow.
        is_degrees = degrees is not None and degrees.is_finite() and abs(degrees) <= 180
        return degrees.quantize(Decimal("0.01")) if is_degrees else degrees


class CountryForm(forms.ModelForm):
    """The form of a country. It takes its code in small letters too."""

    class Meta:
        field_classes = {"latitude": DegreesField, "longitude": DegreesField}

    def clean_iso_code(self):
        return self.cleaned_data["iso_code"].upper()


@admin.register(Country)
class CountryAdmin(BilingualAdmin):
    form = CountryForm
    fieldsets = [
        (None, {"fields": ["name", "capital", "body", "iso_code"]}),
        (_("On the compass"), {"fields": [("latitude", "longitude")]}),
        (PLACE, {"fields": ["slug", "search_words", "sort_order"]}),
    ]
    list_display = ["__str__", "iso_code", "sort_order"]


class InstitutionForm(forms.ModelForm):
    """The form of an institution, with the programs in which it is a partner: the far side of Program.institutions."""

    partner_in = forms.ModelMultipleChoiceField(queryset=None, label=_("partner in"), required=False)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # It is missing where those who may not change programs read it instead.
        if partner_in := self.fields.get("partner_in"):
            programs = Institution._meta.get_field("programs")
            partner_in.queryset = programs.related_model.objects.all()
            partner_in.widget = AutocompleteSelectMultiple(programs.through._meta.get_field("program"), admin.site)
            partner_in.widget.choices = partner_in.choices
            # As in BilingualAdmin: without the cross that clears everything.
            partner_in.widget.is_required = True
            self.initial["partner_in"] = self.instance.programs.all() if self.instance.pk else []


@admin.register(Institution)
class InstitutionAdmin(BilingualAdmin):
    form = InstitutionForm
    incoming_fields = {"partner_in": "programs.program.institutions"}
    fields = ["name", "aliases", "city", "summary", "website", "country", "partner_in", "sort_order"]
    list_display = ["__str__", "country"]
    list_filter = ["country"]

    def get_readonly_fields(self, request, obj=None):
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.has_perm("programs.change_program") else [*fields, "partner_in"]

    @admin.display(description=_("partner in"))
    def partner_in(self, institution):
        """Returns what those who may not change it see in place of the field of the form."""
        return pgettext("between names", ", ").join(map(str, institution.programs.all()))

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        if "partner_in" in form.cleaned_data:
            form.instance.programs.set(form.cleaned_data["partner_in"])
        elsewhere = form.instance.programs.exclude(countries=form.instance.country)
        if elsewhere:
            text = _(
                "These programs do not list %(country)s among their countries, so they are not among the programs"
                " on its page: %(names)s."
            )
            names = pgettext("between names", ", ").join(map(str, elsewhere))
            messages.warning(request, text % {"country": form.instance.country, "names": names})

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from partners.models import Country, Institution
from portal.bilingual.editing import BilingualAdmin


@admin.register(Country)
class CountryAdmin(BilingualAdmin):
    fields = [
        "name",
        "capital",
        "body",
        "search_words",
        "iso_code",
        "slug",
        "latitude",
        "longitude",
        "sort_order",
        "published_at",
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
            self.initial["partner_in"] = self.instance.programs.all() if self.instance.pk else []


@admin.register(Institution)
class InstitutionAdmin(BilingualAdmin):
    form = InstitutionForm
    fields = ["name", "aliases", "city", "summary", "website", "country", "partner_in", "sort_order", "published_at"]
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

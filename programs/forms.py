from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from partners.models import Country
from portal.models import Centre
from programs.models import Area


class FinderForm(forms.Form):
    """The search form for programs. It uses GET, and every field is optional."""

    q = forms.CharField(
        label=_("Keywords"),
        max_length=100,
        required=False,
        error_messages={
            "max_length": _("Keywords: use at most %(limit_value)d characters"),
            "null_characters_not_allowed": _("Keywords: use letters, digits and Chinese characters"),
        },
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    area = forms.TypedChoiceField(label=_("Type of program"), required=False, empty_value=None)
    centre = forms.TypedChoiceField(label=_("Service centre"), required=False, empty_value=None)
    country = forms.TypedChoiceField(label=_("Country or region"), required=False, empty_value=None)

    use_required_attribute = False

    def __init__(self, data):
        super().__init__(data, auto_id="finder-%s", label_suffix="")
        self.offer("area", Area, _("All types"))
        self.offer("centre", Centre, _("All centres"))
        self.offer("country", Country, _("All countries and regions"))

    def offer(self, name, model, everything):
        """Offers the published rows of `model`, or `everything`, in the field `name`. It cleans to a row or None."""
        rows = {row.slug: row for row in model.objects.published()}
        field = self.fields[name]
        field.choices = [("", everything), *((slug, row.display_title) for slug, row in rows.items())]
        field.coerce = rows.__getitem__
        field.error_messages["invalid_choice"] = format_lazy(
            _("{field}: this choice is not offered here."), field=field.label
        )

    def programs_in(self, programs):
        """
        Returns the rows of `programs`, a ProgramQuerySet, that match, as ProgramQuerySet.matching() says.

        If the form has errors, no row matches.
        """
        if not self.is_valid():
            return programs.none()
        chosen = self.cleaned_data
        return programs.matching(chosen["area"], chosen["centre"], chosen["country"], chosen["q"])

    @property
    def chosen_country(self):
        """The Country that was chosen, or None."""
        return self.cleaned_data.get("country") if self.is_valid() else None

    @property
    def is_used(self):
        """Whether any field was filled in."""
        return any(self.data.get(name) for name in self.fields)

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Exists, OuterRef
from django.db.models.fields.files import FieldFile
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from partners.models import Country
from portal import content_version
from portal.bilingual.languages import LANGUAGE_NAMES
from portal.models import Centre
from portal.search_index import split_query
from programs.models import VERSION_TAKEN, Area, Found, Industry, Program, Resource, ResourceFile
from programs.resource_files import FILE_HELP, validate_upload

# A filter offers so many choices. There are at most about 250 countries and regions: their filter offers them all.
CHOICES_OFFERED = 50


class FilterForm(forms.Form):
    """Base of the forms above a list. They use GET, and every field is optional or left out."""

    use_required_attribute = False

    def __init__(self, data, version=None):
        """`version` is that of the content, as for content_version.once()."""
        super().__init__(data, auto_id="finder-%s", label_suffix="")
        self.version = version

    def offer(self, name, rows, everything, at_most=None):
        """
        Offers `rows`, which have a slug, or `everything`, in the field `name`. It cleans to a row or None.

        Of more than `at_most` rows, only the chosen one is offered: an address that chooses another holds as ever.
        """
        beginning = rows[: at_most + 1] if at_most else rows
        offered = content_version.once(self.version, f"{type(self).__name__}.{name}", lambda: list(beginning))
        if at_most and len(offered) > at_most:
            offered = rows.filter(slug=self.data.get(name, "").replace("\0", ""))
        rows = {row.slug: row for row in offered}
        self.fields[name].coerce = rows.__getitem__
        self.offer_choices(name, [(slug, str(row)) for slug, row in rows.items()], everything)

    def offer_choices(self, name, choices, everything):
        """
        Offers `choices`, pairs of a value and its label, or `everything`, in the field `name`.

        If there are none, the field is left out. With a value it stays, to say that the value is unknown.
        """
        if not choices and not self.data.get(name):
            del self.fields[name]
            return
        field = self.fields[name]
        field.choices = [("", everything), *choices]
        field.error_messages["invalid_choice"] = format_lazy(
            _("{field}: this choice is not offered here."), field=field.label
        )

    @property
    def is_used(self):
        """Whether any field was filled in."""
        return any(self.data.get(name) for name in self.fields)


NO_WORDS = _("Keywords: use letters, digits and Chinese characters")


class FinderForm(FilterForm):
    """The search form for programs."""

    q = forms.CharField(
        label=_("Keywords"),
        max_length=100,
        required=False,
        error_messages={
            "max_length": _("Keywords: use at most %(limit_value)d characters"),
            "null_characters_not_allowed": NO_WORDS,
            "no_words": NO_WORDS,
        },
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    area = forms.TypedChoiceField(label=_("Type of program"), required=False, empty_value=None)
    centre = forms.TypedChoiceField(label=_("Service centre"), required=False, empty_value=None)
    country = forms.TypedChoiceField(label=_("Country or region"), required=False, empty_value=None)

    def __init__(self, data, version=None):
        super().__init__(data, version)
        self.offer("area", Area.objects.published().defer("body"), _("All types"), at_most=CHOICES_OFFERED)
        self.offer("centre", Centre.objects.published().defer("body"), _("All centres"), at_most=CHOICES_OFFERED)
        self.offer("country", Country.objects.published().defer("body"), _("All countries and regions"))

    def clean_q(self):
        """Signs alone, such as an emoji, find nothing. Without this check they would count as no keywords at all."""
        typed = self.cleaned_data["q"]
        if typed and not split_query(typed):
            raise forms.ValidationError(self.fields["q"].error_messages["no_words"])
        return typed

    def programs_in(self, programs) -> Found:
        """
        Finds the rows of `programs`, a ProgramQuerySet, that match, as ProgramQuerySet.matching() says.

        If the form has errors, no row matches.
        """
        if not self.is_valid():
            return Found.of([])
        chosen = map(self.cleaned_data.get, ("area", "centre", "country", "q"))
        return programs.matching(*chosen)

    @property
    def chosen_country(self):
        """The Country that was chosen, or None."""
        return self.cleaned_data.get("country") if self.is_valid() else None


class ResourceFilterForm(FilterForm):
    """The filters above the list of resources. Each offers what published resources have."""

    kind = forms.ChoiceField(label=_("Kind"), required=False)
    program = forms.TypedChoiceField(label=_("Program"), required=False, empty_value=None)
    country = forms.TypedChoiceField(label=_("Country or region"), required=False, empty_value=None)
    industry = forms.TypedChoiceField(label=_("Industry"), required=False, empty_value=None)
    language = forms.ChoiceField(label=_("Language of the file"), required=False)

    def __init__(self, data):
        super().__init__(data)
        resources = Resource.objects.published()
        kinds = set(resources.order_by().values_list("kind", flat=True).distinct())
        self.offer_choices("kind", [choice for choice in Resource.Kind.choices if choice[0] in kinds], _("All kinds"))
        programs = Program.objects.published().filter(Exists(resources.filter(programs=OuterRef("pk"))))
        self.offer("program", programs, _("All programs"), at_most=CHOICES_OFFERED)
        countries = Country.objects.published().filter(Exists(resources.filter(countries=OuterRef("pk"))))
        self.offer("country", countries, _("All countries and regions"))
        industries = Industry.objects.filter(Exists(resources.filter(industry=OuterRef("pk"))))
        self.offer("industry", industries, _("All industries"), at_most=CHOICES_OFFERED)
        self.offer_choices("language", LANGUAGE_NAMES.items(), _("Any language"))

    def resources_in(self, resources):
        """Returns the rows of `resources`, a ResourceQuerySet, that match. If the form has errors, no row matches."""
        return resources.matching(**self.cleaned_data) if self.is_valid() else resources.none()


IN_THE_FUTURE = _("This day is still to come. The newest version is current at once, so its date is today or earlier.")


class StoredFileInput(forms.FileInput):
    """A file input for a new file, and a link to a stored one, which cannot be replaced."""

    template_name = "programs/stored_file_input.html"
    #: The admin shows this widget, and not the address of the file, to who may only view.
    read_only = True

    def get_context(self, name, value, attrs):
        context = super().get_context(name, value, attrs)
        context["stored"] = value.instance if isinstance(value, FieldFile) and value.instance.pk else None
        return context


class ResourceFileForm(forms.ModelForm):
    """The form of the admin for a version of a file. The language and the content of a stored version are fixed."""

    class Meta:
        model = ResourceFile
        fields = ["language", "version", "dated", "file"]
        widgets = {"file": StoredFileInput}
        help_texts = {"file": FILE_HELP}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # Who may only view has no fields.
        for name in {"language", "file"} & self.fields.keys():
            self.fields[name].disabled = bool(self.instance.pk)
        if file := self.fields.get("file"):
            # The name is shortened when it is stored.
            file.max_length = None
            file.help_text = "" if self.instance.pk else file.help_text

    def clean_dated(self):
        dated = self.cleaned_data["dated"]
        if dated > timezone.localdate():
            raise forms.ValidationError(IN_THE_FUTURE, code="future")
        return dated

    def clean_file(self):
        file = self.cleaned_data["file"]
        if isinstance(file, UploadedFile):
            validate_upload(file)
        return file


class ResourceFileFormSet(forms.BaseInlineFormSet):
    """The versions of the files of a resource. Two with one version and language get the message of the constraint."""

    def get_unique_error_message(self, unique_check):
        return VERSION_TAKEN

    def clean(self):
        # Django does not validate a constraint with the foreign key of an inline.
        super().clean()
        answers = [(form, form.cleaned_data) for form in self.forms if hasattr(form, "cleaned_data")]
        deleted = [form.instance.pk for form, answer in answers if answer.get("DELETE")]
        stored = ResourceFile.objects.filter(resource=self.instance.pk).exclude(pk__in=deleted)
        owners = {(file.language, file.version): file.pk for file in stored}
        for form, answer in answers:
            version = answer.get("language"), answer.get("version")
            if not answer.get("DELETE") and owners.get(version, form.instance.pk) != form.instance.pk:
                form.add_error("version", VERSION_TAKEN)

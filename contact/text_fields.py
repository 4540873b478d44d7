"""Form fields for text that people type or paste."""

import unicodedata

from django import forms
from django.utils.formats import number_format
from django.utils.functional import keep_lazy_text
from django.utils.translation import gettext_lazy as _

from portal.bilingual.email_addresses import is_deliverable
from portal.bilingual.telephones import may_be_telephone


def shown_numbers(values: dict) -> dict:
    """Returns `values` with each int as readers of the active language write it: 5,000 in English, 5000 in Chinese."""
    return {
        name: number_format(value, force_grouping=True) if isinstance(value, int) else value
        for name, value in values.items()
    }


@keep_lazy_text
def with_numbers(text, **numbers: int) -> str:
    """Returns `text` with `numbers` in it, in the language that is active when it is shown."""
    return text % shown_numbers(numbers)


class TextField(forms.CharField):
    """
    A text field whose length only the server checks, and whose errors name it by its label.

    It has no maxlength attribute, because browsers cut off pasted text without a message.
    """

    default_error_messages = {
        "max_length": _("%(label)s: use at most %(limit_value)s characters; there are %(show_value)s"),
        "null_characters_not_allowed": _("%(label)s: there is a character in it that cannot be stored"),
    }

    def widget_attrs(self, widget):
        attrs = super().widget_attrs(widget)
        attrs.pop("maxlength", None)
        return attrs

    def run_validators(self, value):
        try:
            super().run_validators(value)
        except forms.ValidationError as errors:
            for error in errors.error_list:
                error.params = {"label": self.label, **shown_numbers(error.params or {})}
            raise


class OneLineField(TextField):
    """A text field of one line. Any white space, including line breaks, becomes a single space."""

    def to_python(self, value):
        return " ".join(super().to_python(value).split())


class MultiLineField(TextField):
    """A text field of several lines. Line breaks become LF; browsers send CRLF (HTML, "normalize newlines")."""

    widget = forms.Textarea

    def to_python(self, value):
        return super().to_python(value).replace("\r\n", "\n").replace("\r", "\n")

    def prefilled(self, text: str) -> str:
        """Returns what the field can hold of `text` from a link: its beginning, without control characters."""
        kept = (letter for letter in self.to_python(text) if letter in "\n\t" or unicodedata.category(letter) != "Cc")
        return "".join(kept)[: self.max_length]


class TelephoneField(OneLineField):
    """A telephone number of any country, as it was typed; see may_be_telephone()."""

    default_error_messages = {
        "invalid": _("Enter a whole telephone number in digits, such as 010-53656705 or +44 20 7946 0000 ext. 12"),
    }

    def clean(self, value):
        value = super().clean(value)
        if value and not may_be_telephone(value):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return value


class DeliverableEmailField(TextField, forms.EmailField):
    """An e-mail address that mail can be sent to; see is_deliverable()."""

    widget = forms.EmailInput(attrs={"spellcheck": "false"})
    default_error_messages = {
        "required": _("Enter an e-mail address"),
        "invalid": _("Enter an e-mail address in the form name@example.com"),
    }

    def clean(self, value):
        value = super().clean(value)
        if not is_deliverable(value):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return value

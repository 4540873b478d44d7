"""Form fields for text that people type or paste."""

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.bilingual.email_addresses import is_deliverable


class TextField(forms.CharField):
    """
    A text field whose length only the server checks.

    It has no maxlength attribute, because browsers cut off pasted text without a message.
    """

    default_error_messages = {"max_length": _("Use at most %(limit_value)d characters; there are %(show_value)d")}

    def widget_attrs(self, widget):
        attrs = super().widget_attrs(widget)
        attrs.pop("maxlength", None)
        return attrs


class OneLineField(TextField):
    """A text field of one line. Any white space, including line breaks, becomes a single space."""

    def to_python(self, value):
        return " ".join(super().to_python(value).split())


class MultiLineField(TextField):
    """A text field of several lines. Line breaks become LF; browsers send CRLF (HTML, "normalize newlines")."""

    widget = forms.Textarea

    def to_python(self, value):
        return super().to_python(value).replace("\r\n", "\n").replace("\r", "\n")


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

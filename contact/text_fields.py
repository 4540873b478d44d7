"""Form fields for text that a person types or pastes."""

from django import forms
from django.utils.translation import gettext_lazy as _


class TextField(forms.CharField):
    """
    Text whose length the server checks.

    It has no maxlength attribute, because a browser cuts off pasted text without a word.
    """

    default_error_messages = {"max_length": _("Use at most %(limit_value)d characters; there are %(show_value)d")}

    def widget_attrs(self, widget):
        attrs = super().widget_attrs(widget)
        attrs.pop("maxlength", None)
        return attrs


class OneLineField(TextField):
    """Text of one line: white space of any kind, line breaks included, becomes single spaces."""

    def to_python(self, value):
        return " ".join(super().to_python(value).split())


class MultiLineField(TextField):
    """Text of several lines, each ended by one character: browsers send two (HTML, "normalize newlines")."""

    widget = forms.Textarea

    def to_python(self, value):
        return super().to_python(value).replace("\r\n", "\n").replace("\r", "\n")

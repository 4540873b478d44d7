"""Rich text that staff write: what it may contain, and how it is kept clean."""

from django.utils.html import strip_tags
from django_prose_editor.fields import ProseEditorField

# The editor writes one style element of its own into the page: this is what it holds.
EDITOR_STYLE_HASH = "'sha256-PlumsSlvJ7vvWzjqibGAYKq92O3y/4JTxWWsWJvyUYA='"

EXTENSIONS = {
    "Bold": True,
    "Italic": True,
    "BulletList": True,
    "OrderedList": True,
    "ListItem": True,
    "Heading": {"levels": [2, 3]},
    "Blockquote": True,
    "HardBreak": True,
    "Link": {"enableTarget": False, "protocols": ["http", "https", "mailto", "tel"]},
    "Table": True,
    "TableRow": True,
    "TableHeader": True,
    "TableCell": True,
}


class RichTextField(ProseEditorField):
    """HTML of a few plain elements, cleaned whenever it is saved; None where it holds no text."""

    def __init__(self, *args, **kwargs):
        defaults = {"extensions": EXTENSIONS, "sanitize": True, "null": True, "blank": True}
        super().__init__(*args, **defaults | kwargs)

    def clean(self, value, instance):
        return self.cleaned(super().clean(value, instance))

    def pre_save(self, model_instance, add):
        value = self.cleaned(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value

    def cleaned(self, value):
        """`value` with nothing but the allowed elements, or None when no text is left."""
        value = self.sanitize(value or "").strip()
        return value if strip_tags(value).strip() else None

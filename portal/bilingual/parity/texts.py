"""The texts that come in pairs, by path: which models and fields have them, and what a row says in them."""

import re
from functools import cache

from django.db import models
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from modeltranslation.translator import translator
from modeltranslation.utils import build_localized_fieldname

from portal.bilingual.differences import differences
from portal.bilingual.drafts.paths import DELETE, language_of, name_of, row_of
from portal.bilingual.drafts.values import as_typed
from portal.bilingual.languages import other_language
from portal.bilingual.publishing import RequiredColumns, in_both_languages
from portal.bilingual.richtext import RichTextField, plain_text

# What a translator is paid for: a Chinese character, or a word.
COUNTED = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+(?:['’-][^\W\u3400-\u9fff]+)*")


@cache
def paired_fields(model) -> list[str]:
    """
    Returns the names of the translated texts of `model`, in the order of its fields.

    Those that its TranslationOptions name in `unpaired_fields` are left out: each language has its own.
    """
    options = translator.get_options_for_model(model)
    paired = {*options.get_field_names()} - {*getattr(options, "unpaired_fields", ())}
    texts = models.CharField | models.TextField
    return [field.name for field in model._meta.fields if field.name in paired and isinstance(field, texts)]


@cache
def kinds() -> list:
    """Returns the models with paired texts that have a form of their own: all but parts()."""
    translated = translator.get_registered_models(abstract=False)
    return [model for model in translated if paired_fields(model) and not hasattr(model, "part_of")]


@cache
def parts(model) -> dict:
    """
    Returns the models of the inline rows of `model` that have paired texts, by the name of the relation.

    Such a model names in `part_of` the foreign key to the row that it is a part of.
    """
    found = {}
    for part in translator.get_registered_models(abstract=False):
        if hasattr(part, "part_of"):
            owner = part._meta.get_field(part.part_of)
            if owner.related_model is model:
                found[owner.remote_field.get_accessor_name()] = part
    return found


@cache
def required_columns(model) -> set[str]:
    """Returns the columns without which a row of `model` cannot be public."""
    found = (each for each in model._meta.constraints if isinstance(each, RequiredColumns))
    return {column for each in found for column in each.columns}


@cache
def columns(model) -> list[str]:
    """Returns the columns of paired_fields(), in both languages."""
    return in_both_languages(*paired_fields(model))


def texts_of(row) -> dict[str, str]:
    """Returns the paired texts of `row` and of its parts by path, in both languages, also the empty ones."""
    found = columns_of(row)
    for relation in parts(type(row)):
        for part in getattr(row, relation).all():
            found |= {f"{relation}/{part.pk}/{name}": text for name, text in columns_of(part).items()}
    return found


def columns_of(row) -> dict[str, str]:
    """Returns the paired texts of `row` by column, in both languages, also the empty ones."""
    return {column: as_typed(getattr(row, column) or "") for column in columns(type(row))}


def texts_in(model, values: dict, stored: dict) -> dict[str, str]:
    """
    Returns the paired texts by path that a row of `model` will have once the `values` of its form are stored.

    `stored` are those that it has, some of which the form may not show.
    """
    typed = {path: as_stored(model, path, "".join(value)) for path, value in values.items() if field_of(model, path)}
    found = stored | typed
    return {path: text for path, text in found.items() if not values.get(f"{row_of(path)}/{DELETE}")}


def as_stored(model, path: str, text: str) -> str:
    """Returns a text that was typed at `path` as it will be stored."""
    field = field_of(model, path)
    return field.cleaned(text) or "" if isinstance(field, RichTextField) else text


def field_of(model, path: str):
    """Returns the translated field at `path`, or None if no paired text of `model` is there."""
    relation = row_of(path).partition("/")[0]
    owner = parts(model).get(relation) if relation else model
    name = name_of(path).removesuffix(suffix(path))
    return owner._meta.get_field(name) if owner and language_of(path) and name in paired_fields(owner) else None


def label_of(model, path: str) -> str:
    """Returns the name for people of the field at `path`, without its language."""
    field = field_of(model, path)
    if not row_of(path):
        return str(capfirst(field.verbose_name))
    return _("{label}: {value}").format(label=capfirst(field.model._meta.verbose_name), value=field.verbose_name)


def suffix(path: str) -> str:
    """Returns the end of `path` that names its language."""
    language = language_of(path)
    return build_localized_fieldname("", language) if language else ""


def counterpart(path: str) -> str:
    """Returns the path of the same field in the other language."""
    return build_localized_fieldname(path.removesuffix(suffix(path)), other_language(language_of(path)))


def in_language(texts: dict, language: str) -> dict[str, str]:
    """Returns those of `texts` that are in `language` and not empty."""
    return {path: text for path, text in texts.items() if text and language_of(path) == language}


def plain(model, path: str, text: str) -> str:
    """Returns a text at `path` without HTML."""
    return plain_text(text) if isinstance(field_of(model, path), RichTextField) else text


def amount(text: str) -> int:
    """Returns how much there is to translate in a plain text: its Chinese characters, and words of letters."""
    return len(COUNTED.findall(text))


def new_amount(before: str, after: str) -> int:
    """Returns the amount() of what only the later one of two plain texts says."""
    return sum(amount(text) for kind, text in differences(before, after) if kind == "ins")

"""The paths of the values of a form, and of its inline rows."""

import secrets
import time

from portal.bilingual.languages import LANGUAGES

NEW = "new-"
DELETE = "DELETE"
# The field for the address of a page.
SLUG = "slug"
# The field for the place of an inline row among the others.
ORDER = "sort_order"
# Of the names of fields, by their language.
ENDS = {language: f"_{language.replace('-', '_')}" for language in LANGUAGES}


def row_of(path: str) -> str:
    """Returns the part of a path that names an inline row, such as "steps/12", or an empty string."""
    return path.rpartition("/")[0]


def name_of(path: str) -> str:
    """Returns the part of a path that names the field."""
    return path.rpartition("/")[2]


def rows_of(paths) -> set[str]:
    """Returns the inline rows that `paths` belong to."""
    return {row for path in paths if (row := row_of(path))}


def is_new(row: str) -> bool:
    """Whether an inline row is not published."""
    return row.partition("/")[2].startswith(NEW)


def is_removal(path: str, value: list) -> bool:
    """Whether `value` at `path` says that an inline row is to go."""
    return bool(row_of(path)) and name_of(path) == DELETE and bool(value)


def new_row(prefix: str) -> str:
    """Returns a row for the formset with `prefix` that no other one has. Later ones come later in the alphabet."""
    return f"{prefix}/{NEW}{time.time_ns():016x}{secrets.token_hex(2)}"


def replacement_key(key: str) -> str:
    """Returns the key of the new row that takes the place of the stored row with `key`, always the same one."""
    return f"{NEW}{int(key):020x}"


def language_of(path: str) -> str | None:
    """Returns the language of the field at `path`, or None."""
    for language, end in ENDS.items():
        if path.endswith(end):
            return language
    return None

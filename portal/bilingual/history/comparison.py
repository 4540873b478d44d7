"""What differs between two states of a form, in words and marked."""

from collections import Counter

from portal.bilingual.differences import marked
from portal.bilingual.drafts.display import field_at, is_rich, text_of
from portal.bilingual.drafts.paths import DELETE, ORDER, is_new, is_removal, language_of, name_of, row_of, rows_of
from portal.bilingual.drafts.values import is_number
from portal.bilingual.languages import html_code


def compared(before: dict, after: dict, form, formsets) -> list[dict]:
    """
    Returns what differs between two states of an unbound `form` and its `formsets`: their values by path.

    Each difference is a dictionary for the template: its "place", the path of a field or of an inline row that only one
    of the states has, and its "fields". Each of these has a "name", the "number" of its inline row among the others,
    the code of its "language" for HTML, the texts "before" and "after" with marks, and whether they are alike, so that
    only links or formatting differ.
    """
    before, after = without_removed(before), without_removed(after)
    numbers_before, numbers_after = numbered(before), numbered(after)
    found, numbers = {}, numbers_before | numbers_after
    for path in sorted({*before, *after}, key=order_of(form, formsets)):
        row = row_of(path)
        is_in_both = not row or (row in rows_of(before) and row in rows_of(after))
        if not is_in_both and name_of(path) in (DELETE, ORDER):
            continue
        old, new = before.get(path, []), after.get(path, [])
        # A number says which inline row it is: its title is another one by now, or it is gone.
        field, name = field_at(f"{row.partition('/')[0]}/{name_of(path)}" if row else path, form, formsets)
        if old == new or name is None or not (any(old) or any(new)):
            continue
        texts = [text_of(field, value) for value in (old, new)]
        if row and name_of(path) == ORDER:
            # What is stored sorts the rows and says nothing to people.
            texts = [str(numbers_before[row]), str(numbers_after[row])]
        is_alike = texts[0] == texts[1]
        if is_alike and not is_rich(field):
            continue
        language = language_of(path)
        old_text, new_text = marked(*texts)
        place = path if is_in_both else row
        found.setdefault(place, []).append(
            {
                "name": name,
                "number": numbers.get(row, ""),
                "language": html_code(language) if language else "",
                "before": old_text,
                "after": new_text,
                "is_alike": is_alike,
            }
        )
    return [{"place": place, "fields": fields} for place, fields in found.items()]


def without_removed(values: dict) -> dict:
    """Returns `values` without the inline rows that are marked to be removed."""
    removed = {row_of(path) for path, value in values.items() if is_removal(path, value)}
    return {path: value for path, value in values.items() if row_of(path) not in removed}


def numbered(values: dict) -> dict[str, int]:
    """Returns the number of each inline row among the others, from 1, in their order."""
    found, number = {}, Counter()
    for row in sorted(rows_of(values), key=lambda row: (orders_of(values, row), is_new(row), len(row), row)):
        number[row.partition("/")[0]] += 1
        found[row] = number[row.partition("/")[0]]
    return found


def orders_of(values, row) -> int:
    order = "".join(values.get(f"{row}/{ORDER}", []))
    return int(order) if is_number(order) else 0


def order_of(form, formsets):
    """Returns the key that sorts paths as the form shows them: its own fields, then row after row of each formset."""
    prefixes = [formset.prefix for formset in formsets]
    names = [list(form.fields), *(list(formset.empty_form.fields) for formset in formsets)]

    def key(path):
        row, name = row_of(path), name_of(path)
        prefix = row.partition("/")[0]
        place = prefixes.index(prefix) + 1 if prefix in prefixes else 0
        number = names[place].index(name) if name in names[place] else len(names[place])
        # Keys of stored rows are numbers: shorter ones come first.
        return place, len(row), row, number

    return key

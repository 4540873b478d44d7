"""What differs between texts, marked word by word, and in Chinese character by character."""

import re
from difflib import SequenceMatcher

from django.utils.html import format_html, format_html_join

# A Chinese character, a word, or what stands between them.
TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|\s+|.", re.DOTALL)
# Passages are compared as long as the product of their lengths is at most this. Longer ones would take seconds.
MOST = 500_000


def differences(before: str, after: str) -> list[tuple[str, str]]:
    """
    Returns the passages of both texts in order: pairs of "same", "del" (before) or "ins" (after), and the text.

    Paragraphs are compared first, then the words of those that differ. Passages that are too long differ as a whole.
    """
    found = []
    for is_same, old, new in compared(before.splitlines(keepends=True), after.splitlines(keepends=True)):
        for is_same_word, gone, added in [(True, old, new)] if is_same else compared(*map(TOKEN.findall, (old, new))):
            if is_same_word:
                found.append(("same", gone))
            else:
                found += [(kind, text) for kind, text in (("del", gone), ("ins", added)) if text]
    return found


def compared(before: list[str], after: list[str]):
    """Yields in order whether a passage is the same in both lists, and its text in each."""
    if len(before) * len(after) > MOST:
        yield before == after, "".join(before), "".join(after)
        return
    for kind, start, end, other_start, other_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        yield kind == "equal", "".join(before[start:end]), "".join(after[other_start:other_end])


def marked(first: str, *others: str) -> list[str]:
    """
    Returns HTML of each text, with what only the others have in <ins>.

    What only the first one has is in <del> if there is one other.
    """
    found = [differences(first, other) for other in others]
    return [html(found[0] if len(found) == 1 else [("same", first)], "del"), *(html(each, "ins") for each in found)]


def html(passages, side: str) -> str:
    """Returns HTML of one text, the "del" one or the "ins" one, with what only it has in <del> or <ins>."""
    parts = [
        text if kind == "same" else format_html("<{0}>{1}</{0}>", kind, text)
        for kind, text in passages
        if kind in ("same", side)
    ]
    return format_html_join("", "{}", ((part,) for part in parts))

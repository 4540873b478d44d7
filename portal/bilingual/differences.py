"""What differs between two texts, marked word by word, and in Chinese character by character."""

import re
from difflib import SequenceMatcher

from django.utils.html import format_html, format_html_join

# A Chinese character, a word, or what stands between them.
TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|\s+|.", re.DOTALL)


def differences(before: str, after: str) -> list[tuple[str, str]]:
    """Returns the passages of both texts in order: pairs of "same", "del" (before) or "ins" (after), and the text."""
    old, new = TOKEN.findall(before), TOKEN.findall(after)
    found = []
    for kind, start, end, other_start, other_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            found.append(("same", "".join(old[start:end])))
            continue
        if start < end:
            found.append(("del", "".join(old[start:end])))
        if other_start < other_end:
            found.append(("ins", "".join(new[other_start:other_end])))
    return found


def marked(before: str, after: str, side: str):
    """Returns HTML of one of the texts, the "del" one or the "ins" one, with what only it has in <del> or <ins>."""
    passages = [(kind, text) for kind, text in differences(before, after) if kind in ("same", side)]
    parts = [text if kind == "same" else format_html("<{0}>{1}</{0}>", kind, text) for kind, text in passages]
    return format_html_join("", "{}", ((part,) for part in parts))

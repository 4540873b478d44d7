"""
The pair view, `?view=pair`: the text of a row in both languages, passage beside passage.

The text comes from the row's `text_blocks()`; ContentPage.text_blocks() says what they are.
"""

from bs4 import Tag
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.utils.translation import get_language, gettext, override

from portal.bilingual.languages import html_code, other_language
from portal.bilingual.links import absolute_url, in_language
from portal.bilingual.richtext import blocks

HEADINGS = {"h2": 2, "h3": 3}
LISTS = ("ul", "ol")


def render_detail(request, template, row, context):
    """Renders the page of a Published `row`: the pair view if it is requested and exists, otherwise `template`."""
    if request.GET.get("view") != "pair" or not row.has_pair:
        return render(request, template, context)
    own = get_language()
    sides = [side_of(row, request.path, language) for language in (own, other_language(own))]
    pairs = beside(*(side["text_blocks"] for side in sides))
    shown = {"row": row, "sides": sides, "text_blocks": rows(pairs, sides), "canonical": absolute_url(request.path)}
    return render(request, "portal/pair.html", shown)


def side_of(row, path, language):
    """Returns what the pair view shows of `row` in `language`. `path` is the path of its page in either language."""
    with override(language):
        return {
            "code": html_code(language),
            "name": row.display_title,
            "address": in_language(path, language),
            "way_back": gettext("Read in English only"),
            "text_blocks": [blocks_of(element, content) for element, content in row.text_blocks()],
        }


def blocks_of(element, content):
    """Returns one passage of a row as a list of Tags."""
    if not content:
        return []
    if element == "richtext":
        return blocks(content)
    if element == "ol":
        return [tagged("ol", *map(list_item, content))]
    return [tagged(element, str(content))]


def list_item(text):
    """Returns a list item. If `text` has several lines, each is a paragraph."""
    lines = (text or "").splitlines()
    return tagged("li", *(tagged("p", line) for line in lines)) if len(lines) > 1 else tagged("li", *lines)


def tagged(name, *content, **attributes):
    """Returns a Tag with `content`: Tags, and strings, which it escapes."""
    tag = Tag(name=name, attrs=attributes)
    tag.extend(content)
    return tag


def beside(left, right):
    """Yields pairs of Tags, None for a missing one. Raises ValueError if the numbers of passages differ."""
    for one, other in zip(left, right, strict=True):
        for pair in aligned(one, other):
            yield from item_by_item(*pair)


def aligned(left, right):
    """
    Returns two lists of blocks as a list of pairs, in order; a block without a counterpart is paired with None.

    If both lists have the same sequence of elements, they are paired one by one. Otherwise the alignment with the
    highest total likeness is used: an extra paragraph leaves a gap on the other side, and the next headings line up.
    """
    if [block.name for block in left] == [block.name for block in right]:
        return list(zip(left, right, strict=True))
    likeness = likeness_of(left, right)
    best = [[0.0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in reversed(range(len(left))):
        for j in reversed(range(len(right))):
            best[i][j] = max(best[i + 1][j + 1] + likeness[i][j], best[i + 1][j], best[i][j + 1])
    pairs, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        if best[i][j] == best[i + 1][j + 1] + likeness[i][j]:
            pairs.append((left[i], right[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            pairs.append((left[i], None))
            i += 1
        else:
            pairs.append((None, right[j]))
            j += 1
    return pairs + [(block, None) for block in left[i:]] + [(None, block) for block in right[j:]]


def likeness_of(left, right):
    """
    Returns the likeness of each block of `left` to each block of `right`, as a matrix.

    It depends on element and length: a long text has a long translation. A heading and a text, which must never be
    paired, get a negative likeness.
    """
    lengths, others = ([len(block.get_text()) + 1 for block in side] for side in (left, right))
    scale = sum(lengths) / (sum(others) or 1)

    def alike(i, j):
        if (left[i].name in HEADINGS) != (right[j].name in HEADINGS):
            return -1
        in_length = min(lengths[i], others[j] * scale) / max(lengths[i], others[j] * scale)
        if left[i].name != right[j].name:
            return in_length / 4
        return in_length + (3 if left[i].name in HEADINGS else 1)

    return [[alike(i, j) for j in range(len(right))] for i in range(len(left))]


def item_by_item(left, right):
    """
    Yields the pair itself or, for two lists of the same kind and length, one pair for each item.

    Each item is in a list of its own. An item without text becomes None.
    """
    lists = [block for block in (left, right) if block and block.name in LISTS]
    items = [block.find_all("li", recursive=False) for block in lists]
    if len(lists) < 2 or left.name != right.name or len(items[0]) != len(items[1]):
        yield left, right
        return
    for position, pair in enumerate(zip(*items, strict=True)):
        yield tuple(
            tagged(block.name, item, **numbered(block, position)) if item.get_text(strip=True) else None
            for block, item in zip(lists, pair, strict=True)
        )


def numbered(block, position):
    """Returns the attributes of a list that holds only the item at `position`, from 0, of the list `block`."""
    if block.name == "ul":
        return {}
    try:
        return {"start": int(block.get("start", 1)) + position}
    except ValueError:
        return {"start": 1 + position}


def rows(pairs, sides):
    """Yields the rows of the page. A heading that skips a level is moved to one level below the one before it."""
    level = 1
    for pair in pairs:
        blocks = [block for block in pair if block]
        headings = [block for block in blocks if block.name in HEADINGS]
        for heading in headings:
            heading.name = f"h{min(HEADINGS[heading.name], level + 1)}"
        level = max([HEADINGS[heading.name] for heading in headings], default=level)
        if blocks:
            html = [mark_safe(str(block or "")) for block in pair]  # noqa: S308
            cells = [{"code": side["code"], "html": text} for side, text in zip(sides, html, strict=True)]
            yield {"element": blocks[0].name, "cells": cells}

"""Texts to be translated, and the answers, as XLIFF 1.2 (OASIS, 2008), which translators' tools read."""

import re
from html import unescape
from itertools import groupby
from xml.etree import ElementTree

import defusedxml.ElementTree
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from portal.bilingual.languages import other_language
from portal.bilingual.richtext import RichTextField
from portal.spreadsheets import plain
from portal.translations.texts import MOST_ANSWERS, Answer, Unreadable, terms_in_words

NAMESPACE = "urn:oasis:names:tc:xliff:document:1.2"
# Tools know Chinese by the code of a region.
CODES = {"zh-hans": "zh-CN", "en": "en"}
TAG = re.compile(r"""<(/?)([a-zA-Z][a-zA-Z0-9]*)(?:"[^"]*"|[^">])*>""")
VOID = {"br", "hr", "img"}
# The elements that hold code, here tags of HTML. Tools protect it.
OF_CODE = {"bpt", "ept", "ph", "it"}
# A text has some forty on average, with its notes.
MOST_TAGS = 100 * MOST_ANSWERS
TYPES = {"strong": "bold", "em": "italic", "a": "link", "br": "lb"}


def write(texts, language: str) -> bytes:
    """Returns a file of a list of Text for a translator into `language`."""
    root = ElementTree.Element("xliff", {"xmlns": NAMESPACE, "version": "1.2"})
    about = {
        "original": "portal",
        "datatype": "html",
        "source-language": CODES[other_language(language)],
        "target-language": CODES[language],
    }
    body = ElementTree.SubElement(ElementTree.SubElement(root, "file", about), "body")
    for number, (_page, group) in enumerate(groupby(texts, key=lambda text: text.name[:2]), start=1):
        group = list(group)
        page = ElementTree.SubElement(body, "group", {"id": f"page-{number}", "resname": plain(group[0].page)})
        for text in group:
            add_unit(page, text)
    return ElementTree.tostring(root, "utf-8", xml_declaration=True)


def add_unit(page, text):
    about = {"id": str(text.name), "resname": text.label, "xml:space": "preserve"}
    about["datatype"] = "html" if text.is_rich else "plaintext"
    if text.max_length:
        about |= {"maxwidth": str(text.max_length), "size-unit": "char"}
    unit = ElementTree.SubElement(page, "trans-unit", about)
    add_text(ElementTree.SubElement(unit, "source"), text.source, text.is_rich)
    target = ElementTree.SubElement(unit, "target", {"state": "needs-review-translation" if text.target else "new"})
    add_text(target, text.target, text.is_rich)
    notes = [
        _("{label}: {value}").format(label=capfirst(_("page")), value=f"{text.page} {text.address}"),
        _("{label}: {value}").format(label=text.label, value=text.state),
    ]
    if change := text.change_in_words:
        heading = capfirst(_("what has changed in the source: [-taken out-] {+added+}"))
        notes.append(f"{heading}\n{change}")
    if text.terms:
        notes.append(f"{capfirst(_('official terms'))}\n{terms_in_words(text)}")
    for note in notes:
        ElementTree.SubElement(unit, "note").text = plain(note)


def add_text(element, text, is_rich):
    """Adds a text to an element. The tags of HTML become codes: an end has the id of its beginning."""
    if not is_rich:
        element.text = plain(text)
        return
    html, position, number, opened = RichTextField().cleaned(text) or "", 0, 0, []
    for match in TAG.finditer(html):
        append(element, unescape(html[position : match.start()]))
        position, is_end, name = match.end(), bool(match[1]), match[2].lower()
        if is_end and opened and opened[-1][1] == name:
            code = ElementTree.SubElement(element, "ept", {"id": opened.pop()[0]})
        else:
            number += 1
            kind = "ph" if is_end or name in VOID else "bpt"
            about = {"id": str(number), "ctype": TYPES.get(name, f"x-html-{name}")}
            code = ElementTree.SubElement(element, kind, about)
            if kind == "bpt":
                opened.append((str(number), name))
        code.text = match[0]
    append(element, unescape(html[position:]))


def append(element, text):
    """Adds plain text after what an element has already."""
    if len(element):
        element[-1].tail = (element[-1].tail or "") + plain(text)
    else:
        element.text = (element.text or "") + plain(text)


def read(file) -> list[Answer]:
    """Returns the answers in an open XLIFF file. Raises Unreadable."""
    content = file.read()
    try:
        if content.count(b"<") > MOST_TAGS:
            raise Unreadable(_("This file has too many texts. Please send it in parts."))
        root = defusedxml.ElementTree.fromstring(content, forbid_dtd=True)
        if root.tag != f"{{{NAMESPACE}}}xliff":
            raise Unreadable(_("This is no XLIFF 1.2 file. Please let your tool write that."))
        units = root.findall(f".//{{{NAMESPACE}}}trans-unit")
        if len(units) > MOST_ANSWERS:
            raise Unreadable(_("This file has too many texts. Please send it in parts."))
        return [
            Answer(
                _("Text %(number)d") % {"number": number},
                unit.get("id", ""),
                list(pieces_of(unit.find(f"{{{NAMESPACE}}}target"))),
            )
            for number, unit in enumerate(units, start=1)
        ]
    # Also what defusedxml raises is a ValueError. Elements may be nested too deep, or the encoding unknown.
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise Unreadable(_("This is neither an XLSX file nor an XLIFF 1.2 file, or it is damaged.")) from error


def pieces_of(element, is_code=False):
    """Yields the pieces of an Answer in an element, or in None. Marks of segments are passed over."""
    if element is None:
        return
    is_code = is_code or element.tag.rpartition("}")[2] in OF_CODE
    yield is_code, element.text or ""
    for child in element:
        yield from pieces_of(child, is_code)
        yield is_code, child.tail or ""

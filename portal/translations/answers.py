"""What a file of answers would do, answer by answer, and the keeping of what is right in drafts."""

import re
from collections import Counter
from dataclasses import dataclass, field

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from portal.bilingual.differences import marked
from portal.bilingual.drafts.models import Draft
from portal.bilingual.drafts.paths import DELETE, language_of, rows_of
from portal.bilingual.drafts.values import as_typed, fingerprint, values_of
from portal.bilingual.languages import LANGUAGE_NAMES, LANGUAGES, html_code, localized_label
from portal.bilingual.parity.pairs import pair_of, pair_of_new, pairs
from portal.bilingual.parity.texts import counterpart, field_of, label_of, plain
from portal.bilingual.parity.upkeep import chunks
from portal.bilingual.richtext import RichTextField
from portal.terms import published_terms, warnings_of
from portal.translations import xliff, xlsx
from portal.translations.texts import Answer, Name, form_of

TAG = re.compile(r"</?[a-zA-Z][^>]*>")
CHINESE, WORD = re.compile(r"[\u3400-\u9fff]"), re.compile(r"[A-Za-z]{2,}")
# A Chinese translation without a Chinese character is refused if it has more words than this. A shorter one may be a
# name.
MOST_WORDS = 5
# One request changes the drafts of so many pages. Each takes 17 queries, and up to a tenth of a second.
AT_ONCE = 20


@dataclass
class Finding:
    """What an answer would do. Without faults it becomes part of a draft, unless it `is_kept` there already."""

    answer: Answer
    name: Name | None
    row: models.Model | None = None
    text: str = ""
    present: str = ""
    faults: list[str] = field(default_factory=list)
    # HTML about wordings that are no official terms. They keep nothing back.
    warnings: list[str] = field(default_factory=list)
    # The source says something else by now.
    is_outdated: bool = False
    # The text is there already, perhaps in a draft.
    is_kept: bool = False
    is_in_draft: bool = False
    # A colleague has typed something else since the export.
    is_rival: bool = False

    @property
    def is_ready(self) -> bool:
        return not (self.faults or self.is_outdated or self.is_kept)

    @property
    def label(self) -> str:
        """Returns the name of the field for people, with its language."""
        language = self.name and language_of(self.name.path)
        return str(localized_label(label_of(self.name.model, self.name.path), language)) if self.name else ""

    @property
    def page(self) -> str:
        return str(self.row) if self.row else ""

    @property
    def address(self) -> str:
        """Returns that of the form of the page."""
        return form_of(self.row) if self.row else ""

    @property
    def plain(self) -> str:
        """Returns the text without HTML."""
        return plain(self.name.model, self.name.path, self.text)

    @property
    def difference(self) -> dict:
        """Returns for the template of differences what would change."""
        texts = [plain(self.name.model, self.name.path, self.present), self.plain]
        before, after = marked(*texts)
        return {
            "name": self.label,
            "language": html_code(language_of(self.name.path)),
            "before": before,
            "after": after,
            "is_alike": texts[0] == texts[1],
        }


def read(file) -> list[Answer]:
    """Returns the answers in an open file, whatever its kind. Raises Unreadable."""
    file.seek(0)
    # A spreadsheet is a ZIP file, or an old one of Microsoft's.
    is_spreadsheet = file.read(4) in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
    file.seek(0)
    return (xlsx if is_spreadsheet else xliff).read(file)


def check(request, answers) -> list[Finding]:
    """Returns what each of `answers` would do, with the rights of the user, in their order."""
    findings = [Finding(answer, Name.read(answer.id)) for answer in answers]
    follow_published(findings)
    places, of_models = {}, {}
    for each in findings:
        if each.name is None:
            each.faults.append(_("No text has this id: it was changed, or the field is gone."))
            continue
        first = places.setdefault((each.name.model, each.name.pk, each.name.path), each.answer.place)
        if first != each.answer.place:
            each.faults.append(_("This text is translated already: %(place)s.") % {"place": first})
        of_models.setdefault(each.name.model, {}).setdefault(each.name.pk, []).append(each)
    for model, of_rows in of_models.items():
        kind = ContentType.objects.get_for_model(model)
        keys = [key for key in of_rows if isinstance(key, str)]
        drafts = Draft.objects.filter(content_type=kind, object_id=None, key__in=keys).select_related("content_type")
        new = {each.key: each for each in drafts}
        for key in keys:
            draft = new.get(key)
            check_row(request, draft and pair_of_new(model, draft), draft or Draft(), of_rows[key])
        for pks in chunks(sorted(of_rows.keys() - keys)):
            drafts = {each.object_id: each for each in Draft.objects.filter(content_type=kind, object_id__in=pks)}
            found = {pair.row.pk: pair for pair in pairs(model, model._base_manager.filter(pk__in=pks))}
            for pk in pks:
                check_row(request, found.get(pk), drafts.get(pk) or Draft(), of_rows[pk])
    return findings


def follow_published(findings):
    """Lets answers to texts of new pages that somebody has published since the export name these pages."""
    keys = {each.name.pk for each in findings if each.name and isinstance(each.name.pk, str)}
    drafts = Draft.objects.filter(key__in=keys, object_id__isnull=False).select_related("content_type")
    published = {(draft.content_type.model_class(), draft.key): draft for draft in drafts}
    for each in findings:
        if each.name and (draft := published.get(each.name[:2])):
            [path] = draft.renamed({each.name.path: None})
            each.name = each.name._replace(pk=draft.object_id, path=path)


def check_row(request, pair, draft, findings):
    """
    Checks the answers to texts of one row: its `pair` of languages is None if it is gone. That of a new one has no row.
    """
    if pair is None:
        for each in findings:
            text = _("This page is gone: somebody has deleted it.")
            if isinstance(each.name.pk, str):
                text = _("This is no draft of a new page any more. Please export its texts again.")
            each.faults.append(text)
        return
    model_admin, paths = admin.site.get_model_admin(pair.model), {each.name.path: None for each in findings}
    may_write = model_admin.may_write(request, pair.row) if pair.row else model_admin.shows_new_drafts(request)
    permitted = model_admin.permitted(request, pair.row, paths) if may_write else {}
    typed = draft.texts()
    for each in findings:
        path = each.name.path
        if path not in permitted:
            each.faults.append(
                _("You may not write this text in %(language)s.") % {"language": LANGUAGE_NAMES[language_of(path)]}
            )
            continue
        each.row = pair.row or draft
        if path not in pair.texts:
            each.faults.append(_("This part of the page is gone: somebody has deleted it."))
            continue
        value = draft.entries[path]["value"] if path in draft.entries else [pair.texts[path]]
        source = pair.texts[counterpart(path)]
        each.present = "".join(value)
        each.text, faults = checked_text(each, source)
        each.faults += faults
        each.is_outdated = fingerprint([source]) != each.name.source
        is_same = as_compared(each, each.text) == as_compared(each, each.present)
        each.is_in_draft = path in typed and (is_same or fingerprint([each.text]) in typed[path])
        each.is_kept = is_same or each.is_in_draft
        is_other = fingerprint(value) != each.name.target and not draft.is_of(path, form_of_files(request.user), value)
        entry = draft.entries.get(path, {})
        each.is_rival = is_other or ("rivals" in entry and entry["by"] != request.user.pk)


def warn_of_terms(findings):
    """Adds to findings that are ready the warnings about wordings that are no official terms."""
    terms = {language: published_terms(language) for language in LANGUAGES}
    for each in findings:
        each.warnings = warnings_of(each.label, each.plain, terms[language_of(each.name.path)])


def form_of_files(user) -> str:
    """Returns what stands for the form in a draft: what the same person sends again corrects what came before."""
    return f"translations-{user.pk}"


def as_compared(finding, text) -> str:
    """Returns a text as it will be stored."""
    is_rich = isinstance(field_of(finding.name.model, finding.name.path), RichTextField)
    return RichTextField().cleaned(text) or "" if is_rich else text


def checked_text(finding, source) -> tuple[str, list[str]]:
    """Returns the text of an answer as a form would post it, and what is wrong with it."""
    if finding.answer.fault:
        return "", [finding.answer.fault]
    column, language = field_of(finding.name.model, finding.name.path), language_of(finding.name.path)
    is_rich = isinstance(column, RichTextField)
    text = as_typed(finding.answer.text(is_rich))
    if isinstance(column, models.CharField):
        text = " ".join(text.splitlines())
    if not plain(finding.name.model, finding.name.path, text):
        return text, [_("There is no translation.")]
    faults = []
    if is_rich:
        text, faults = checked_html(text, source)
    if column.max_length and len(text) > column.max_length:
        fault = _("The text has %(number)d characters: at most %(most)d fit.")
        faults.append(fault % {"number": len(text), "most": column.max_length})
    else:
        try:
            column.clean(text, None)
        except ValidationError as error:
            faults += error.messages
    if is_in_other_language(plain(finding.name.model, finding.name.path, text), language):
        faults.append(_("This does not look like %(language)s.") % {"language": LANGUAGE_NAMES[language]})
    return text, faults


def checked_html(text, source) -> tuple[str, list[str]]:
    """Returns HTML with only what a page may have, and what is wrong: tags that are broken, or lost from `source`."""
    if not TAG.search(text) and TAG.search(source):
        return text, [_("All formatting is lost: each part in angle brackets has to stay.")]
    cleaned = RichTextField().cleaned(text) or ""
    if changed := names_of(tags_of(text) - tags_of(cleaned)) or names_of(tags_of(cleaned) - tags_of(text)):
        return cleaned, [_("Formatting is broken, or not allowed here: %(tags)s.") % {"tags": changed}]
    if lost := names_of(tags_of(source) - tags_of(cleaned)):
        return cleaned, [_("Formatting is lost: %(tags)s.") % {"tags": lost}]
    return cleaned, []


def tags_of(html) -> Counter:
    """Returns how often each tag occurs, without its attributes."""
    return Counter(re.match("</?[a-zA-Z0-9]+", tag)[0].lower() + ">" for tag in TAG.findall(html))


def names_of(tags: Counter) -> str:
    return pgettext("between names", ", ").join(sorted(tags))


def is_in_other_language(text, language) -> bool:
    """Whether a plain text is plainly not in `language`. Names of the other one may stand in it."""
    chinese, words = len(CHINESE.findall(text)), len(WORD.findall(text))
    return chinese > words if language == "en" else not chinese and words > MOST_WORDS


def keep(request, answers) -> list[Finding]:
    """
    Makes the right ones of `answers` part of the drafts of their pages, of AT_ONCE pages at most: the others are still
    right afterwards. Returns them, with what became of each.

    Nothing is published. What a colleague has typed since the export stays, and the answer becomes its rival.
    """
    of_rows = {}
    for each in check(request, answers):
        if each.is_ready:
            of_rows.setdefault(each.name[:2], []).append(each)
    now = list(of_rows.items())[:AT_ONCE]
    return [finding for (model, pk), found in now for finding in keep_row(request, model, pk, found)]


@transaction.atomic
def keep_row(request, model, pk, findings) -> list[Finding]:
    """
    Keeps answers to texts of one row, or of the draft of a new one, whose key is `pk`. It is read anew: somebody may
    have changed, published or deleted it since the check.
    """
    model_admin, row, draft = admin.site.get_model_admin(model), None, None
    if isinstance(pk, str):
        kind = ContentType.objects.get_for_model(model)
        draft = Draft.objects.select_for_update().filter(content_type=kind, object_id=None, key=pk).first()
    elif row := model._base_manager.filter(pk=pk).first():
        draft = model_admin.find_draft(request, row)
    if not (row or draft):
        return []
    form, formsets = model_admin.unbound(request, row)
    live = values_of(form, formsets)
    draft.meet(live)
    findings = [Finding(each.answer, each.name) for each in findings]
    pair = pair_of(row) if row else pair_of_new(model, draft)
    check_row(request, pair, draft, findings)
    # Of a new page, all rows are in the draft.
    known = live if row else pair.texts
    typed = {each.name.path: [each.text] for each in findings if each.is_ready and each.name.path in known}
    shown = {each.name.path: each.name.target for each in findings if each.name.path in typed}
    # In the file no row of a part was marked to be removed.
    shown |= {f"{inline}/{DELETE}": fingerprint([]) for inline in rows_of(typed)}
    before = draft.texts()
    rivals = draft.merge(typed, shown, live, request.user, form_of_files(request.user))
    if draft.texts() != before:
        draft.refusals = {}
    draft.keep()
    for each in findings:
        each.is_rival = each.name.path in rivals
    return [each for each in findings if each.name.path in typed]

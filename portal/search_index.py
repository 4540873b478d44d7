"""
The search index: what a visitor finds by a word of either language, in everything that is public.

A model declares itself with `register`. Each language of a row is an entry. Its texts are folded: case, accents, width
and traditional characters make no difference. The index holds their keys: each Chinese character, each pair of
neighbouring ones, and each word of letters. A phrase of Chinese characters is found by its pairs, and a longer one is
then looked for in the folded text.

SQLite keeps the keys in an FTS5 table, PostgreSQL in a tsvector column with a GIN index (portal/migrations/0007). Both
hold the same parts of the texts and answer the same question: which parts have all of these keys? What is published is
asked of the content itself, at each search.
"""

import hashlib
import logging
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import opencc
from django.db import connection, models, transaction
from django.db.models import Case, OuterRef, Q, Subquery, When
from django.db.models.expressions import RawSQL
from django.db.models.signals import post_delete
from django.urls import NoReverseMatch
from django.utils.translation import override

from portal.bilingual.changes import rows_changed
from portal.bilingual.languages import LANGUAGES

logger = logging.getLogger(__name__)

MAX_WORDS = 8
MAX_PHRASE = 100
MAX_LETTERS = 50
# From so many letters on, a word of a query finds the words that begin with it.
MIN_PREFIX = 3
# A text is cut into parts of so many characters, because PostgreSQL takes at most 1 MB of keys a row. The next
# MAX_PHRASE characters are in a part too, so that some part holds each phrase whole.
PART = 20_000
# The number of a part is that of its entry, shifted by PLACE_BITS, plus its place. The first part is the title.
PLACE_BITS = 12
PLACES = (1 << PLACE_BITS) - 1
# How many rows are compared at once.
CHUNK = 200
# Raise the number if the keys or parts of a text change. At its next start each site then writes its index anew.
FORMAT = f"1 {unicodedata.unidata_version} {opencc.__version__}"

# Chinese characters, kana and hangul, for a set in a regular expression.
CJK = "\u2e80-\u9fff\uac00-\ud7ff\U00020000-\U0003ffff"
# Neighbouring characters, or a whole word of letters and digits.
WORD = re.compile(rf"(?:(?=[{CJK}])\w)+|(?<![^\W_{CJK}])[^\W_{CJK}]+")


class FoldedCharacters(dict):
    """What each character becomes, by its code, for str.translate()."""

    simplified = opencc.OpenCC("t2s")

    def __missing__(self, code):
        text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", chr(code)).casefold())
        # Accents, variation selectors, and characters of no width.
        text = "".join(part for part in text if unicodedata.category(part) not in ("Mn", "Mc", "Me", "Cf"))
        self[code] = self.simplified.convert(unicodedata.normalize("NFC", text))
        return self[code]


FOLDED_CHARACTERS = FoldedCharacters()


def folded(text: str) -> str:
    """Returns `text` in lower case and simplified characters, of compatible width and form, without accents."""
    return text.translate(FOLDED_CHARACTERS)


def is_phrase(word: str) -> bool:
    """Returns whether a folded `word` consists of Chinese characters, not of letters."""
    return bool(re.match(f"[{CJK}]", word))


def split_query(text: str) -> list[str]:
    """
    Returns the different words of `text`, folded, at most MAX_WORDS: more are ignored.

    Neighbouring Chinese characters are one word, a phrase. Punctuation separates words. Words of more than three
    letters lose an "s" or "ies" at their end: "exchanges" finds "exchange", and "studies" finds "study".
    """
    words = {}
    for match in WORD.finditer(folded(text)):
        if is_phrase(match[0]):
            words[match[0][:MAX_PHRASE]] = None
        else:
            words[re.sub(r"(?<=\w{3})(?:ies|(?<!s)s)$", "", match[0])[:MAX_LETTERS]] = None
        if len(words) == MAX_WORDS:
            break
    return list(words)


def spans(text: str, words: list[str]) -> list[tuple[int, int]]:
    """Returns where `text` has any of `words`, the result of split_query(), as (start, end) in order, not overlapping."""
    characters = [folded(character) for character in text]
    places = [place for place, character in enumerate(characters) for _ in character] + [len(text)]
    searched = "".join(characters)
    found = []
    for match in WORD.finditer(searched):
        for word in words:
            if is_phrase(word):
                start = match[0].find(word)
                while start >= 0:
                    found.append((match.start() + start, match.start() + start + len(word)))
                    start = match[0].find(word, start + 1)
            elif match[0].startswith(word) if len(word) >= MIN_PREFIX else match[0] == word:
                found.append(match.span())
    joined = []
    for start, end in sorted((places[start], max(places[end], places[end - 1] + 1)) for start, end in found):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


class SearchEntry(models.Model):
    """A language of a row, in the index. Its text is in SearchText, its keys are in the table portal_searchpart."""

    kind = models.CharField(max_length=60)
    row = models.PositiveBigIntegerField()
    language = models.CharField(max_length=10)
    # Of all that the index holds of it, and of FORMAT.
    fingerprint = models.CharField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "row", "language"], name="portal_searchentry_one")]

    def __str__(self):
        return f"{self.kind} {self.row} {self.language}"


class SearchText(models.Model):
    """What a hit shows of its entry. It is apart, because a search reads many entries and shows few."""

    entry = models.OneToOneField(SearchEntry, primary_key=True, on_delete=models.CASCADE)
    title = models.TextField()
    text = models.TextField()
    address = models.TextField()

    def __str__(self):
        return self.title


@dataclass(frozen=True)
class Kind:
    """A registered model; see register()."""

    model: type
    rank: int
    words: tuple
    relations: tuple

    @property
    def name(self):
        return self.model._meta.label_lower


# By model.
KINDS = {}


def register(*, rank, words=(), relations=()):
    """
    Class decorator: visitors find the rows of this Published model. Kinds of a lower `rank` come first in results.

    In each language they find its title, what `search_texts()` yields, and the fields named in `words`, which hits do
    not show. If a text or the address of a row comes from other rows, `relations` names the relations to them; their
    models must be TrackedModels.
    """

    def registered(model):
        KINDS[model] = Kind(model, rank, tuple(words), tuple(relations))
        return model

    return registered


# Writing


class Document(NamedTuple):
    """What the index holds of an entry."""

    title: str
    text: str
    words: str
    address: str

    @property
    def fingerprint(self):
        return hashlib.blake2b("\0".join([FORMAT, *self]).encode(), digest_size=16).hexdigest()


def documents(kind, rows) -> dict:
    """Returns the Document of each of `rows` in each language, by key and language. Without a title there is none."""
    found = {}
    for language in LANGUAGES:
        with override(language):
            for row in rows:
                if row.display_title:
                    # TEMPORARY until every kind has its page.
                    try:
                        row.get_absolute_url()
                    except NoReverseMatch:
                        continue
                    text = "\n".join(filter(None, row.search_texts()))
                    words = "\n".join(filter(None, (getattr(row, field) for field in kind.words)))
                    found[row.pk, language] = Document(row.display_title, text, words, row.get_absolute_url())
    return found


def differences(kind, rows, pks) -> tuple[list, dict]:
    """
    Compares the index with `rows`, a queryset of those with `pks`, which may be gone.

    Returns the keys of entries that are wrong, and the Documents that are missing.
    """
    missing = documents(kind, rows.prefetch_related(*kind.relations))
    wrong = []
    for entry in SearchEntry.objects.filter(kind=kind.name, row__in=pks):
        document = missing.get((entry.row, entry.language))
        if document and document.fingerprint == entry.fingerprint:
            del missing[entry.row, entry.language]
        else:
            wrong.append(entry.pk)
    return wrong, missing


def refresh(model, pks) -> int:
    """Brings the index of the rows of `model` with `pks` into step. Returns the number of rows that differed."""
    kind = KINDS[model]
    with transaction.atomic():
        # Of two transactions that change parts of one row, the lock lets the second one see what the first has done.
        rows = model._default_manager.filter(pk__in=pks).order_by("pk").select_for_update(no_key=True)
        wrong, missing = differences(kind, rows, pks)
        differed = {row for row, _language in missing}
        differed.update(SearchEntry.objects.filter(pk__in=wrong).values_list("row", flat=True))
        remove(wrong)
        add(kind, missing)
    return len(differed)


def remove(entries):
    """Removes the entries with these keys from the index."""
    with connection.cursor() as cursor:
        for entry in entries:
            span = [entry << PLACE_BITS, (entry + 1) << PLACE_BITS]
            cursor.execute("DELETE FROM portal_searchpart WHERE rowid >= %s AND rowid < %s", span)
    SearchEntry.objects.filter(pk__in=entries).delete()


def add(kind, documents):
    """Adds `documents`, as documents() returns them, to the index."""
    entries = SearchEntry.objects.bulk_create(
        SearchEntry(kind=kind.name, row=row, language=language, fingerprint=document.fingerprint)
        for (row, language), document in documents.items()
    )
    texts, rows = [], []
    for entry, document in zip(entries, documents.values(), strict=True):
        texts.append(SearchText(entry=entry, title=document.title, text=document.text, address=document.address))
        first = entry.pk << PLACE_BITS
        parts = [part_of(folded(document.title)), *parts_of(folded(f"{document.text}\n{document.words}"))]
        rows += [(first + place, *part) for place, part in enumerate(parts[: 1 << PLACE_BITS])]
    SearchText.objects.bulk_create(texts)
    keys = "array_to_tsvector(%s::text[])" if connection.vendor == "postgresql" else "%s"
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO portal_searchpart (rowid, folded, keys) VALUES (%s, %s, {keys})",  # noqa: S608
            [
                (number, text, found if connection.vendor == "postgresql" else " ".join(found))
                for number, text, found in rows
            ],
        )


def parts_of(text) -> list:
    """Returns the parts of a folded `text`, each as its text and keys."""
    return [part_of(text, start, start + PART) for start in range(0, len(text), PART)]


def part_of(text, start=0, end=PART):
    """Returns the text and the keys of the part of a folded `text` between `start` and `end`."""
    keys = set()
    reach = end + MAX_PHRASE
    for match in WORD.finditer(text, start, reach):
        if is_phrase(match[0]):
            keys.update(match[0], map("".join, pairwise(match[0])))
        elif match.start() < end:
            keys.add(match[0][:MAX_LETTERS])
    return text[start:reach].replace("\0", " "), sorted(keys)


# Keeping it in step


def connect():
    """Refreshes the index whenever a registered model changes, or one that it depends on."""
    for kind in KINDS.values():
        rows_changed.connect(refresh_rows, sender=kind.model)
        post_delete.connect(remove_row, sender=kind.model)
        for relation in kind.relations:
            related = kind.model._meta.get_field(relation).related_model
            rows_changed.connect(refresh_related, sender=related)
            post_delete.connect(refresh_owner, sender=related)


def refresh_rows(sender, pks, **kwargs):
    refresh(sender, pks)


def remove_row(sender, instance, **kwargs):
    with transaction.atomic():
        entries = SearchEntry.objects.filter(kind=KINDS[sender].name, row=instance.pk)
        remove(list(entries.values_list("pk", flat=True)))


def refresh_related(sender, pks, **kwargs):
    """Refreshes the rows that depend on the rows of `sender` with `pks`."""
    for model, relation in relations_to(sender):
        related = model._default_manager.filter(**{f"{relation}__in": pks})
        refresh(model, list(related.values_list("pk", flat=True).distinct()))


def refresh_owner(sender, instance, **kwargs):
    """Refreshes the row of which `instance`, which was deleted, was a part."""
    for model, relation in relations_to(sender):
        field = model._meta.get_field(relation).remote_field
        if field.concrete:
            refresh(model, [getattr(instance, field.attname)])


def relations_to(model) -> list:
    """Returns the registered models that depend on `model`, each with the name of its relation."""
    return [
        (kind.model, relation)
        for kind in KINDS.values()
        for relation in kind.relations
        if kind.model._meta.get_field(relation).related_model is model
    ]


def mend() -> int:
    """Compares the whole index with the content and brings it into step. Returns the number of rows that differed."""
    number = 0
    for kind in KINDS.values():
        indexed = SearchEntry.objects.filter(kind=kind.name).values_list("row", flat=True)
        pks = sorted({*kind.model._default_manager.values_list("pk", flat=True), *indexed})
        for start in range(0, len(pks), CHUNK):
            chunk = pks[start : start + CHUNK]
            wrong, missing = differences(kind, kind.model._default_manager.filter(pk__in=chunk), chunk)
            if wrong or missing:
                number += refresh(kind.model, chunk)
    return number


def check():
    """Chore: mends the index where it differs from the content, and logs how many rows did."""
    if number := mend():
        logger.warning("The search index differed from the content in %d rows and was mended.", number)


@transaction.atomic
def rebuild() -> int:
    """Writes the whole index anew. Returns the number of rows."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM portal_searchpart")
    SearchEntry.objects.all().delete()
    return mend()


# Searching


@dataclass(frozen=True)
class Hit:
    """A row that was found, in the language in which it is shown: the reader's, if that side has any of the words."""

    model: type
    pk: int
    language: str
    title: str
    text: str
    address: str


@dataclass(frozen=True)
class Results:
    """The number of rows found, by model in order of rank, and the Hits of one page. A model without hits is missing."""

    counts: dict
    hits: list


def search(words: list[str], language: str, model=None, start=0, stop=20) -> Results:
    """
    Finds the rows that have all `words`, as split_query() returns them, on sides that are published now.

    The words may be spread over both languages of a row. `language` is the reader's. The hits are those from `start`
    to `stop`, of one `model` or of all. Rows that have all words in their titles come first, then the kinds by rank, then
    the rows by their order.
    """
    if not words:
        return Results({}, [])
    everything = (1 << len(words)) - 1
    kinds = {kind.name: kind for kind in KINDS.values()}
    rows = {}
    for name, row, side, sort_order, entry, said, in_title in published_entries(words):
        found = rows.setdefault((name, row), [0, 0, sort_order, {}])
        found[0] |= said
        found[1] |= in_title
        found[3][side] = entry
    rows = {key: found for key, found in rows.items() if found[0] == everything}
    counts = Counter(name for name, _row in rows)
    shown = sorted(
        (found[1] != everything, kinds[name].rank, found[2], row, name)
        for (name, row), found in rows.items()
        if model in (None, kinds[name].model)
    )[start:stop]
    sides = []
    for *_ranks, row, name in shown:
        entries = rows[name, row][3]
        side = language if language in entries else next(iter(entries))
        sides.append((kinds[name].model, row, side, entries[side]))
    texts = SearchText.objects.in_bulk([entry for *_hit, entry in sides])
    hits = [
        Hit(*hit, texts[entry].title, texts[entry].text, texts[entry].address)
        for *hit, entry in sides
        if entry in texts
    ]
    ranked = sorted(counts, key=lambda name: kinds[name].rank)
    return Results({kinds[name].model: counts[name] for name in ranked}, hits)


def published_entries(words) -> list:
    """
    Returns the entries that have any of `words` and are published now.

    Each is its kind, row, language, sort order and key, and which words it has, and has in its title, as bits.
    """
    found, params = [], []
    for number, word in enumerate(words):
        sql, values = parts_with(word)
        found.append(f"SELECT rowid, {1 << number} AS word FROM portal_searchpart WHERE {sql}")  # noqa: S608
        params += values
    published, values = with_sort_order().query.sql_with_params()
    sql = f"""
        SELECT * FROM (
            SELECT kind, row, language, sort_order, id, said, in_title FROM (
                SELECT rowid >> {PLACE_BITS} AS entry, SUM(DISTINCT word) AS said,
                    SUM(DISTINCT CASE rowid & {PLACES} WHEN 0 THEN word ELSE 0 END) AS in_title
                FROM ({" UNION ALL ".join(found)}) AS parts GROUP BY rowid >> {PLACE_BITS}
            ) AS entries JOIN ({published}) AS published ON published.id = entries.entry
        ) AS rows WHERE sort_order IS NOT NULL
    """  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, *values])
        return cursor.fetchall()


def parts_with(word) -> tuple[str, list]:
    """Returns the condition in SQL that a row of portal_searchpart has `word`, and its parameters."""
    keys = [word]
    if is_phrase(word) and len(word) > 1:
        keys = sorted(set(map("".join, pairwise(word))))
    begins = not is_phrase(word) and len(word) >= MIN_PREFIX
    if connection.vendor == "postgresql":
        sql, query = "keys @@ %s::tsquery", " & ".join(f"'{key}'" for key in keys) + (":*" if begins else "")
    else:
        sql, query = "portal_searchpart MATCH %s", " AND ".join(f'"{key}"' for key in keys) + ("*" if begins else "")
    if is_phrase(word) and len(word) > 2:
        position = "strpos" if connection.vendor == "postgresql" else "instr"
        return f"{sql} AND {position}(folded, %s) > 0", [query, word]
    return sql, [query]


def with_sort_order():
    """Returns the entries with `sort_order`, that of their row if it is published now in their language, or None."""
    rows = []
    for kind in KINDS.values():
        for language in LANGUAGES:
            with override(language):
                row = kind.model._default_manager.published().filter(pk=OuterRef("row")).order_by()
            rows.append(When(kind=kind.name, language=language, then=Subquery(row.values("sort_order"))))
    return SearchEntry.objects.annotate(sort_order=Case(*rows)).values("id", "kind", "row", "language", "sort_order")


def has_word(model, word: str, in_title=False) -> Q:
    """Returns the condition that a row of `model` has `word`, on a side that is published now, or in its title there."""
    sql, params = parts_with(word)
    if in_title:
        sql += f" AND rowid & {PLACES} = 0"
    entries = RawSQL(f"SELECT rowid >> {PLACE_BITS} FROM portal_searchpart WHERE {sql}", params)  # noqa: S608, S611
    condition = Q()
    for language in LANGUAGES:
        found = SearchEntry.objects.filter(kind=KINDS[model].name, language=language, pk__in=entries)
        with override(language):
            condition |= Q(pk__in=model._default_manager.published().filter(pk__in=found.values("row")).values("pk"))
    return condition

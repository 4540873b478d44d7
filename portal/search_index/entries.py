"""
The tables of the search index. Migration portal/0007 makes a third one, portal_searchpart, which Django does not know.

A row of it is a part of a text: `folded` is the text, `keys` are its keys, and `rowid` says whose part it is. From the
left, its bits are one that is 0 for a title, the key of the SearchEntry, one bit for the language (its place in
LANGUAGES), and PLACE_BITS for the place of the part. The part in place 0 is the title.

The key of a SearchEntry is the rank of its kind and, in ROW_BITS, the key of its row. So the parts of a word are, in
the order of their rowid, nearly in the order of results, and the first of very many are the best: the titles first,
then kind by kind.
"""

from django.conf import settings
from django.db import models

PLACE_BITS = 12
PLACES = (1 << PLACE_BITS) - 1
ROW_BITS = 40
ROWS = (1 << ROW_BITS) - 1
RANK_BITS = 7
# The bit of the parts that are no titles.
TEXT = 1 << PLACE_BITS + 1 + ROW_BITS + RANK_BITS
# The key of the entry of a part, and its side, in SQL.
ENTRY = f"((rowid & {TEXT - 1}) >> {PLACE_BITS + 1})"
SIDE = f"(rowid >> {PLACE_BITS} & 1)"


def entry_key(kind, row: int) -> int:
    """Returns the key of the SearchEntry of a row of a Kind."""
    return kind.rank << ROW_BITS | row


def entry_of(part: int) -> int:
    """Returns the key of the SearchEntry of the part with this rowid."""
    return (part & TEXT - 1) >> PLACE_BITS + 1


def rowids_of(entry: int) -> list[tuple[int, int]]:
    """Returns between which rowids the parts of an entry are, those of its titles and the others: (from, below)."""
    first, stop = entry << PLACE_BITS + 1, entry + 1 << PLACE_BITS + 1
    return [(first, stop), (TEXT | first, TEXT | stop)]


class SearchEntry(models.Model):
    """A row of content in the index. It is short, because a search reads many and shows few."""

    kind = models.CharField(max_length=60)
    row = models.PositiveBigIntegerField()
    # Of all that the index holds of the row, and of its FORMAT.
    fingerprint = models.CharField(max_length=32)
    # The number of its rows in portal_searchpart.
    parts = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "row"], name="portal_searchentry_one_a_row")]

    def __str__(self):
        return f"{self.kind} {self.row}"


class SearchText(models.Model):
    """What a hit shows, in one language."""

    entry = models.ForeignKey(SearchEntry, on_delete=models.CASCADE)
    language = models.CharField(max_length=10, choices=settings.LANGUAGES)
    title = models.TextField()
    text = models.TextField()
    address = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entry", "language"], name="portal_searchtext_one_a_language")]

    def __str__(self):
        return self.title

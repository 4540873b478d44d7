"""
The tables of the search index. Migration portal/0007 makes a third one, portal_searchpart, which Django does not know.

A row of it is a part of a text: `folded` is the text, `keys` are its keys, and `rowid` says whose part it is. From the
left, its bits are the key of the SearchEntry, one bit for the language (its place in LANGUAGES), and PLACE_BITS for the
place of the part. The part in place 0 is the title.
"""

from django.conf import settings
from django.db import models

PLACE_BITS = 12
PLACES = (1 << PLACE_BITS) - 1


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

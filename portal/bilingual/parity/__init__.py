"""
Parity: whether both languages of a row say the same, by what they say and never by time.

When somebody confirms a pair, each language keeps what the other one said then; see Confirmation. A language is out of
step if the other one says something else now. If the other one is changed back, the language is in step again. That
also holds for an inline row that was removed and is put back with another key.

The texts of a row are those of its fields, and of its inline rows, by the paths that drafts use. An inline row that is
removed is removed in both languages, so they stay in step. The draft of a new row counts like a row.

Parity is that of the stored texts, which visitors see. If a user confirms a draft, what was missing or out of step no
longer waits for a translator, but for a publisher.

The states are derived, and kept in a table of their own for lists and counts; see upkeep.
"""

from portal.bilingual.parity.models import Confirmation, Parity, State
from portal.bilingual.parity.pairs import Pair, Side, pair_of, pair_of_new
from portal.bilingual.parity.questions import NONE, counts, is_out_of_step, new_work, with_new, work
from portal.bilingual.parity.texts import kinds
from portal.bilingual.parity.upkeep import carry_over, confirm, connect, mend

__all__ = [
    "NONE",
    "Confirmation",
    "Pair",
    "Parity",
    "Side",
    "State",
    "carry_over",
    "confirm",
    "connect",
    "counts",
    "is_out_of_step",
    "kinds",
    "mend",
    "new_work",
    "pair_of",
    "pair_of_new",
    "with_new",
    "work",
]

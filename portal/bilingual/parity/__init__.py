"""
Parity: whether both languages of a row say the same, by what they say and never by time.

When somebody confirms a pair, each language keeps what the other one said then; see Confirmation. From that follows all
else. A language is out of step if the other one says something else by now. To change one's own side puts the other one
out of step. Who changes back what was changed is in step again. So is who puts back
what was removed, which gets another key.

Parity is that of the stored texts, which visitors see. What is missing or out of step there no longer waits for a
translator once somebody has confirmed it in the draft: it waits for a publisher. The texts of a row are those of its
fields, and of its inline rows, by the paths that drafts use. A row that is gone is gone in both languages, and changes
nothing between them. The draft of a new row counts like a row: what it lacks in one language is missing.

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

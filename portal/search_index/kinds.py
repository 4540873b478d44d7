"""The kinds of row that are in the search index."""

from dataclasses import dataclass

from portal.search_index.entries import RANK_BITS


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

    Each kind has a rank of its own, from 1 to 127: it is a part of the keys of its entries. Raises ValueError.

    In each language they find its title, what `search_texts()` yields, and the fields named in `words`, which hits do
    not show. If a text or the address of a row comes from other rows, `relations` names the relations to them; their
    models must be TrackedModels.
    """

    def registered(model):
        if rank in {kind.rank for kind in KINDS.values()} or not 0 < rank < 1 << RANK_BITS:
            raise ValueError(f"{model._meta.label} needs another rank than {rank}.")
        KINDS[model] = Kind(model, rank, tuple(words), tuple(relations))
        return model

    return registered


def models_by_rank() -> dict:
    """Returns the registered models by rank, in its order."""
    return {kind.rank: kind.model for kind in sorted(KINDS.values(), key=lambda kind: kind.rank)}

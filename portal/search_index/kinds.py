"""The kinds of row that are in the search index."""

from dataclasses import dataclass


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

"""The files of answers between their upload and their use. Only who has uploaded a file finds it."""

from datetime import timedelta
from uuid import UUID, uuid4

from django.core.files.storage import storages
from django.utils import timezone

FOLDER = "translations"
KEPT_FOR = timedelta(days=1)


def path_of(user, key: UUID) -> str:
    return f"{FOLDER}/{user.pk}-{key.hex}"


def keep(user, file) -> UUID:
    """Stores a file of `user` for KEPT_FOR. Returns its key, which nobody can guess."""
    key = uuid4()
    storages["private"].save(path_of(user, key), file)
    return key


def opened(user, key: UUID):
    """Returns the file of `user` with `key`, open for reading. Raises FileNotFoundError if it is no longer kept."""
    return storages["private"].open(path_of(user, key))


def remove_expired() -> int:
    """Deletes the files that are older than KEPT_FOR. Returns how many it deleted."""
    storage, before = storages["private"], timezone.now() - KEPT_FOR
    try:
        paths = [f"{FOLDER}/{name}" for name in storage.listdir(FOLDER)[1]]
    except FileNotFoundError:
        return 0
    old = [path for path in paths if storage.get_modified_time(path) < before]
    for path in old:
        storage.delete(path)
    return len(old)

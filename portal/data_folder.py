"""The rights in the data folder, whatever they were before and whatever the process's umask is."""

import os
from contextlib import suppress
from itertools import chain
from pathlib import Path

# The folders that a web server in front reads, as another user. Nobody else reads the other ones.
PUBLIC = {"pages", "static", "media"}
# The folder of files that such a web server opens if the portal tells it their names. It cannot list them.
RESOURCES = "resources"


def set_rights(data: Path):
    """
    Gives the owner alone access to everything in the folder `data`, and others access to read what is in PUBLIC, and
    what is in RESOURCES if they know its name.

    Raises PermissionError if something with other rights belongs to another user.
    """
    # os.walk() passes over folders that vanish, as old editions of finished pages do.
    inside = (Path(folder, name) for folder, folders, files in os.walk(data) for name in (*folders, *files))
    for path in chain([data], inside):
        # A file may vanish meanwhile, if another process uses the folder.
        with suppress(FileNotFoundError):
            if not path.is_symlink():
                rights = path.stat().st_mode & 0o777
                if rights != (expected := expected_rights(data, path, rights)):
                    path.chmod(expected)


def expected_rights(data: Path, path: Path, rights: int) -> int:
    """Returns what `rights` of `path` become, which is the folder `data` or something in it."""
    # Others may pass through these, and not list them.
    if path in (data, data / RESOURCES):
        return 0o711
    if path.parent == data / RESOURCES:
        return 0o644
    if path.relative_to(data).parts[0] in PUBLIC:
        return 0o755 if path.is_dir() else 0o644
    return rights & 0o700

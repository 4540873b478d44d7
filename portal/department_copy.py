"""
A copy of the department's row in a file, for pages that are shown while the database is away.

Each worker keeps the copy of its own machine up to date.
"""

import tempfile
import tomllib
from pathlib import Path

from django.conf import settings
from django.core import serializers
from django.core.serializers.base import DeserializationError

from portal.models import Department


def update_copy() -> bool:
    """
    Writes the copy if the department has changed since. A reader sees the old copy or the new one, whole.

    Returns False if there is no department yet. Raises DatabaseError or OSError.
    """
    department = Department.objects.first()
    if department is None:
        return False
    text = serializers.serialize("json", [department])
    path = settings.DEPARTMENT_COPY
    if path.exists() and path.read_text() == text:
        return True
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f"{path.name}.", delete=False) as file:
        try:
            file.write(text)
            file.flush()
            Path(file.name).replace(path)
        except OSError:
            Path(file.name).unlink()
            raise
    return True


def context_without_database() -> dict:
    """Returns what views.site_context gives to templates, from the copy or, without one, from the first content."""
    # The version may have been read before the database went away. No part of this page belongs to it.
    return {"content_version": "", "kept_for": 0, "department": copied_department(), "site_pages": {}}


def copied_department():
    try:
        [copy] = serializers.deserialize("json", settings.DEPARTMENT_COPY.read_text(), ignorenonexistent=True)
        return copy.object
    except (OSError, ValueError, DeserializationError):
        [entry] = tomllib.loads((settings.BASE_DIR / "portal/content/department.toml").read_text()).values()
        return Department(**entry | {"telephones": "\n".join(entry["telephones"])})

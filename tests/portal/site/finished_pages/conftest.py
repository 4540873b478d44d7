import pytest

from portal.bilingual import publishing


@pytest.fixture(autouse=True)
def site_of_the_store(settings, monkeypatch):
    """Lets Django answer for PORTAL_SITE_URL of the tests, and forgets afterwards which moment was seen."""
    settings.ALLOWED_HOSTS = ["portal.example"]
    monkeypatch.setattr(publishing, "seen_as_of", publishing.seen_as_of)

import pytest
from django.core import signals
from django.db import close_old_connections, connection

from portal.bilingual import publishing
from portal.site.finished_pages import filling, store


@pytest.fixture(autouse=True)
def site_of_the_store(settings, monkeypatch):
    """Lets Django answer for PORTAL_SITE_URL of the tests, and forgets afterwards which moment was seen."""
    settings.ALLOWED_HOSTS = ["portal.example"]
    monkeypatch.setattr(publishing, "seen_as_of", publishing.seen_as_of)


@pytest.fixture(autouse=True)
def open_connection(monkeypatch):
    """Leaves open the connection that is in the transaction of a test. Django's test client does so too."""

    def close_others(**_arguments):
        if not connection.in_atomic_block:
            close_old_connections()

    for module in (store, filling):
        monkeypatch.setattr(module, "close_old_connections", close_others)
    for signal in (signals.request_started, signals.request_finished):
        signal.disconnect(close_old_connections)
        signal.connect(close_others)
    yield
    for signal in (signals.request_started, signals.request_finished):
        signal.disconnect(close_others)
        signal.connect(close_old_connections)

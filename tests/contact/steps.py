"""Steps that several tests of enquiries share."""

from django.core import signing
from django.urls import reverse
from django.utils.translation import override

from contact.visitor import forms


def issued(monkeypatch, seconds_ago=60):
    """Returns the signed timestamp of a form that was rendered `seconds_ago`."""
    now = signing.time.time()
    monkeypatch.setattr(signing.time, "time", lambda: now - seconds_ago)
    token = forms.ISSUED_SIGNER.sign("form")
    monkeypatch.setattr(signing.time, "time", lambda: now)
    return token


def send(client, answers, language="zh-hans", **changes):
    with override(language):
        address = reverse("contact")
    return client.post(address, {name: value for name, value in (answers | changes).items() if value is not None})

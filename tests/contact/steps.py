"""Steps that several tests of enquiries share."""

from datetime import timedelta

import time_machine
from django.urls import reverse
from django.utils.translation import override

from contact.visitor import forms


def issued(seconds_ago=60):
    """Returns the signed timestamp of a form that was rendered `seconds_ago`."""
    with time_machine.travel(timedelta(seconds=-seconds_ago)):
        return forms.ISSUED_SIGNER.sign("form")


def send(client, answers, language="zh-hans", **changes):
    with override(language):
        address = reverse("contact")
    return client.post(address, {name: value for name, value in (answers | changes).items() if value is not None})

"""Steps that several tests of enquiries share."""

from datetime import timedelta

import time_machine
from django.urls import reverse
from django.utils.translation import override

from contact.visitor import forms


def form_token(seconds_ago=60):
    """Returns the token of a blank form that was rendered `seconds_ago`."""
    with time_machine.travel(timedelta(seconds=-seconds_ago)):
        return forms.new_form_token()


def send(client, answers, language="zh-hans", **changes):
    """Submits `answers` with `changes`; None leaves one out. The form is a minute old, unless its token is given."""
    with override(language):
        address = reverse("contact")
    sent = {"form_token": form_token()} | answers | changes
    return client.post(address, {name: value for name, value in sent.items() if value is not None})

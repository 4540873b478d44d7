"""
Arbitrary input for the enquiry form and the status page.

It never causes a server error, and no stored text breaks a page, a mail or an export. `make trials` tries many more
examples than a test run.
"""

import os

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contact.desk import exports
from contact.models import Enquiry
from contact.visitor import rate_limits
from portal.models import User
from tests.contact.steps import send

# Browsers cannot send surrogates.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
HOSTILE = st.sampled_from(
    ["=1+1", "@SUM(A1)", "a\r\nBcc: x@example.com", "{{ 7|add:7 }}{% now 'Y' %}", "\u202e\u2066", "<script>", "𠮷😀"]
)
EMAILS = st.one_of(st.emails(), TEXT, HOSTILE, st.just("alex@college.example"))
FIELDS = ("organisation", "person", "position", "telephone", "message")
EXAMPLES = int(os.environ.get("EXAMPLES", "50"))
# The numbers of examples by their result.
SWEPT = {"enquiries": 0, "stored": 0, "codes": 0, "opened": 0}


def sometimes(strategy):
    """A strategy of None, which keeps the valid answer, or a value of `strategy`."""
    return st.one_of(st.none(), st.none(), strategy)


@pytest.fixture
def unlimited(monkeypatch):
    for name in ("ENQUIRIES", "WRONG_CODES", "MESSAGES"):
        monkeypatch.setattr(
            rate_limits, name, getattr(rate_limits, name)._replace(per_address=10**9, per_network=10**9)
        )


@pytest.fixture
def staff(db):
    return User.objects.create_superuser("staff", password="x")


arbitrary = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def undone(example):
    """Runs `example` in a transaction and rolls it back, so that no example sees the rows of another."""
    with transaction.atomic():
        example()
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_the_form(answers, unlimited, staff, record_property):
    desk = Client()
    desk.force_login(staff)

    @arbitrary
    @given(
        st.fixed_dictionaries({name: sometimes(TEXT | HOSTILE) for name in FIELDS} | {"email": sometimes(EMAILS)}),
        st.fixed_dictionaries(
            {name: sometimes(TEXT) for name in ("territory", "program", "country", "consent")}
            | {name: sometimes(TEXT) for name in ("form_token", "remarks", "kept", "leave_out")}
        ),
        st.sampled_from(["zh-hans", "en"]),
        st.integers(0, 3),
    )
    def try_one(texts, choices, language, how_wrong):
        sent = texts | (choices if how_wrong == 0 else {})
        undone(lambda: submit({name: value for name, value in sent.items() if value is not None}, language))

    def submit(changes, language):
        visitor = Client(raise_request_exception=False)
        response = send(visitor, answers, language, **changes)
        SWEPT["enquiries"] += 1
        assert response.status_code in (200, 303)
        if response.status_code == 303:
            SWEPT["stored"] += 1
            harmless(Enquiry.objects.get(), visitor, desk)
        else:
            assert response.context["form"].errors
            assert not Enquiry.objects.exists()

    try_one()
    record_property("enquiries sent", SWEPT["enquiries"])
    record_property("of them stored", SWEPT["stored"])
    assert SWEPT["enquiries"] >= EXAMPLES
    assert SWEPT["stored"] > SWEPT["enquiries"] / 10
    assert SWEPT["enquiries"] - SWEPT["stored"] > SWEPT["enquiries"] / 10


def harmless(enquiry, visitor, desk):
    """Asserts that the stored enquiry can be shown, mailed and exported."""
    for address in (enquiry.get_absolute_url(), f"/en/contact/status/{enquiry.token}/"):
        assert visitor.get(address).status_code == 200
    for address in ("", f"{enquiry.pk}/change/"):
        assert desk.get(f"/admin/contact/enquiry/{address}").status_code == 200
    for mail in enquiry.mails.all():
        message = mail.email_message().message()
        assert message.as_bytes()
        assert len(message.get_all("To")) == len(message.get_all("Subject")) == 1
        assert message["Bcc"] is None
    assert exports.as_xlsx(exports.table(Enquiry.objects.all()))
    assert exports.as_csv(exports.table(Enquiry.objects.all()))


@pytest.mark.django_db
def test_the_status_page(client, answers, unlimited, record_property):
    send(client, answers, "en")
    enquiry = Enquiry.objects.get()
    right = st.sampled_from([enquiry.reference, enquiry.reference.lower(), " ".join(enquiry.reference)])

    @arbitrary
    @given(TEXT | right, TEXT | st.just(enquiry.code), TEXT | HOSTILE)
    def try_one(reference, code, text):
        undone(lambda: ask(reference, code, text))

    def ask(reference, code, text):
        visitor = Client(raise_request_exception=False)
        response = visitor.post("/en/contact/status/", {"reference": reference, "code": code})
        SWEPT["codes"] += 1
        assert response.status_code in (200, 303)
        if response.status_code == 303:
            SWEPT["opened"] += 1
            assert response.headers["Location"] == f"/en/contact/status/{enquiry.token}/"
        page = visitor.post(f"/en/contact/status/{enquiry.token}/", {"text": text})
        assert page.status_code in (200, 303)
        assert enquiry.messages.exists() == (page.status_code == 303)
        assert visitor.get(f"/en/contact/status/{enquiry.token}/").status_code == 200
        assert visitor.get("/en/contact/status/", {"reference": reference}).status_code == 200

    try_one()
    record_property("pairs tried", SWEPT["codes"])
    record_property("of them right", SWEPT["opened"])
    assert SWEPT["codes"] >= EXAMPLES
    assert 0 < SWEPT["opened"] < SWEPT["codes"]

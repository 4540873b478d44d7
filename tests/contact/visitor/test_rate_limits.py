"""Rate limits stop a client that sends too much, but not a whole university behind one address."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import RequestFactory
from django.utils import timezone

from contact.models import Enquiry, RateCount, RateSalt
from contact.retention import erase
from contact.visitor import rate_limits
from contact.visitor.rate_limits import ENQUIRIES, WRONG_CODES, Limit
from tests.contact.steps import send

pytestmark = pytest.mark.django_db

# 12:10:20 in Beijing, in a year when all content is published.
NOON = datetime(2100, 11, 24, 4, 10, 20, tzinfo=UTC)


@pytest.fixture
def clock(time_machine):
    """A clock that stands still. It is NOON at first."""
    time_machine.move_to(NOON, tick=False)
    return time_machine


def come_from(address, **headers):
    return RequestFactory().post("/", REMOTE_ADDR=address, headers=headers)


def number(address="127.0.0.1", limit=ENQUIRIES):
    """Returns the count of this hour for `address`, without its network."""
    salt = RateSalt.objects.filter(day=timezone.localdate()).first()
    bucket, _network = rate_limits.buckets(come_from(address), limit, salt) if salt else (None, None)
    counts = RateCount.objects.filter(bucket=bucket, expires_at=rate_limits.next_hour())
    return sum(counts.values_list("number", flat=True))


def test_thirty_people_behind_one_address_pass_each_with_two_slips(client, answers):
    for person in range(30):
        assert send(client, answers, email="no address", message=f"{person}").status_code == 200
        assert send(client, answers, person="", message=f"{person}").status_code == 200
        assert send(client, answers, message=f"{person}").status_code == 303
    assert Enquiry.objects.count() == number() == 30


@pytest.mark.parametrize(
    ("language", "words", "telephone"),
    [
        ("en", ["has not been stored yet", "from your network", "in an hour"], "+86 10 5365 6705"),
        ("zh-hans", ["尚未保存", "您所在的网络", "请一小时后再次提交"], "010-53656705"),
    ],
)
def test_after_sixty_in_an_hour_the_form_comes_back_and_says_what_to_do(
    clock, client, answers, language, words, telephone
):
    for _enquiry in range(59):
        rate_limits.count(come_from("127.0.0.1"), ENQUIRIES)
    assert send(client, answers, language).status_code == 303
    response = send(client, answers, language, message="The sixty-first of this hour")
    text = response.content.decode()
    summary = text.partition('class="error-summary"')[2].partition("</div>")[0]
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "2980"
    assert response.headers["Cache-Control"] == "private, no-cache"
    for said in [*words, telephone]:
        assert said in summary
    for name in answers.keys() - {"consent", "message"}:
        assert answers[name] in text
    assert "The sixty-first of this hour" in text
    assert Enquiry.objects.count() == 1

    clock.shift(timedelta(hours=1))
    assert send(client, answers, language, message="The sixty-first of this hour").status_code == 303


def test_the_same_form_twice_counts_once_and_gets_its_receipt_however_many_there_were(client, answers):
    first = send(client, answers)
    assert send(client, answers).headers["Location"] == first.headers["Location"]
    assert number() == 1
    for _enquiry in range(60):
        rate_limits.count(come_from("127.0.0.1"), ENQUIRIES)
    assert send(client, answers).headers["Location"] == first.headers["Location"]
    assert number() == 61


def test_the_addresses_of_one_network_share_its_limit(clock):
    limit = Limit("test", per_address=2, per_network=3)
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        rate_limits.count(come_from(address), limit)
    reached = {address: rate_limits.is_reached(come_from(address), limit) for address in ("192.0.2.1", "192.0.2.3")}
    assert reached == {"192.0.2.1": True, "192.0.2.3": True}
    assert not rate_limits.is_reached(come_from("192.0.3.1"), limit)
    assert not rate_limits.is_reached(come_from("192.0.2.1"), WRONG_CODES)


@pytest.mark.parametrize(
    ("one", "another", "shared"),
    [
        ("192.0.2.1", "192.0.2.1", (True, True)),
        ("192.0.2.1", "192.0.2.200", (False, True)),
        ("192.0.2.1", "192.0.3.1", (False, False)),
        ("192.0.2.1", "::ffff:192.0.2.1", (True, True)),
        ("2001:db8:1:1::1", "2001:db8:1:1:abcd::9", (True, True)),
        ("2001:db8:1:1::1", "2001:db8:1:2::1", (False, True)),
        ("2001:db8:1:1::1", "2001:db8:2:1::1", (False, False)),
        ("0.0.0.1", "::1", (False, False)),
    ],
)
def test_what_is_one_address_and_one_network(one, another, shared):
    salt = RateSalt(value="salt")
    hashes = [list(rate_limits.buckets(come_from(address), ENQUIRIES, salt)) for address in (one, another)]
    assert tuple(first == second for first, second in zip(*hashes, strict=True)) == shared


def test_a_visitor_does_not_choose_his_address(client, answers):
    for _enquiry in range(60):
        rate_limits.count(come_from("127.0.0.1"), ENQUIRIES)
    client.defaults["HTTP_X_FORWARDED_FOR"] = "198.51.100.7"
    assert send(client, answers).status_code == 429


def test_no_address_is_kept_and_no_day_can_be_told_from_another(clock):
    rate_limits.count(come_from("192.0.2.1"), ENQUIRIES)
    [salt] = RateSalt.objects.all()
    assert len(salt.value) == 43
    buckets = set(RateCount.objects.values_list("bucket", flat=True))
    assert {len(bucket) for bucket in buckets} == {64}
    clock.shift(timedelta(days=1))
    rate_limits.count(come_from("192.0.2.1"), ENQUIRIES)
    assert RateSalt.objects.count() == 2
    new = RateCount.objects.filter(expires_at=rate_limits.next_hour()).values_list("bucket", flat=True)
    assert len(new) == 2
    assert buckets.isdisjoint(new)


def test_the_salt_is_of_the_day_in_beijing(clock):
    for moment in ("2026-11-24T15:59:59+00:00", "2026-11-24T16:00:00+00:00"):
        clock.move_to(moment)
        rate_limits.count(come_from("192.0.2.1"), ENQUIRIES)
    assert [str(salt) for salt in RateSalt.objects.order_by("day")] == ["2026-11-24", "2026-11-25"]


def test_past_hours_and_days_are_forgotten_and_the_present_ones_are_not(clock):
    for hours_ago in (24, 1, 0):
        clock.move_to(NOON - timedelta(hours=hours_ago))
        rate_limits.count(come_from("192.0.2.1"), ENQUIRIES)
        rate_limits.may_acknowledge("zhang@example.com")
    rate_limits.delete_expired()
    one, midnight = datetime(2100, 11, 24, 5, tzinfo=UTC), datetime(2100, 11, 24, 16, tzinfo=UTC)
    counts = RateCount.objects.order_by("expires_at", "number").values_list("expires_at", "number")
    assert list(counts) == [(one, 1), (one, 1), (one, 1), (midnight, 2)]
    clock.move_to(midnight)
    rate_limits.delete_expired()
    assert not RateCount.objects.exists()
    assert not RateSalt.objects.exists()


def test_an_enquiry_that_cannot_be_counted_is_received_all_the_same(client, answers, monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise DatabaseError

    monkeypatch.setattr(RateCount.objects, "bulk_create", fail)
    assert send(client, answers).status_code == 303
    assert Enquiry.objects.get().mails.count() == 2
    assert "An action was not counted" in caplog.text
    assert "An acknowledgement was not counted" in caplog.text


def acknowledged(times, email="zhang@example.com"):
    """Asks `times` whether `email` may get an acknowledgement, and returns how often it may."""
    return sum(rate_limits.may_acknowledge(email) for _time in range(times))


def test_one_address_gets_fifteen_acknowledgements_an_hour_and_thirty_a_day(clock):
    assert acknowledged(20) == 15
    assert acknowledged(1, "li@example.com") == 1
    clock.shift(timedelta(hours=1))
    assert acknowledged(10) == 10
    clock.shift(timedelta(hours=1))
    assert acknowledged(20) == 5
    clock.shift(timedelta(hours=9))
    assert acknowledged(1) == 0
    clock.shift(timedelta(hours=1))
    assert acknowledged(20) == 15


@pytest.mark.parametrize(
    ("another", "is_counted_with_it"),
    [
        ("Zhang.San@Example.COM", True),
        ("zhangsan@example.com", True),
        ("zhang.san+1@example.com", True),
        ("z.h.a.n.g.s.a.n+a+b@example.com", True),
        ("zhang.san@example.org", False),
        ("zhang.san2@example.com", False),
        ("zhang-san@example.com", False),
        ("+1@example.com", False),
    ],
)
def test_how_an_address_is_counted(clock, another, is_counted_with_it):
    assert acknowledged(15, "zhang.san@example.com") == 15
    assert acknowledged(1, another) == (0 if is_counted_with_it else 1)


@pytest.mark.parametrize(
    ("language", "said", "not_said"),
    [
        ("en", "No acknowledgement will be sent, because many have already gone to zhang@example.com.", "on its way"),
        ("zh-hans", "发往zhang@example.com的确认邮件已较多，这次不再发送。请将本页截图或打印。", "正发往"),
    ],
)
def test_after_that_an_enquiry_is_stored_without_acknowledgement_and_its_receipt_says_so(
    clock, client, answers, settings, language, said, not_said
):
    settings.PORTAL_ENQUIRIES_TO = ["desk@example.com"]
    first = client.get(send(client, answers, language).headers["Location"]).content.decode()
    assert not_said in first
    assert said not in first
    acknowledged(14)
    response = send(client, answers, language, message="The sixteenth of this hour")
    enquiry = Enquiry.objects.get(message="The sixteenth of this hour")
    assert [mail.to for mail in enquiry.mails.all()] == [["desk@example.com"]]
    assert [event.kind for event in enquiry.events.all()] == ["received", "withheld"]
    receipt = client.get(response.headers["Location"]).content.decode()
    assert said in receipt
    assert not_said not in receipt
    assert enquiry.reference in receipt
    erase(enquiry)
    assert "withheld" in [event.kind for event in enquiry.events.all()]


def test_the_desk_reads_that_there_was_no_acknowledgement(clock, client, admin_client, answers):
    acknowledged(15)
    send(client, answers)
    admin_client.cookies["django_language"] = "en"
    page = admin_client.get(f"/admin/contact/enquiry/{Enquiry.objects.get().pk}/change/").content.decode()
    assert "<td>the portal</td><td>No acknowledgement: many have gone to this address</td>" in page


def test_an_acknowledgement_that_is_not_stored_is_not_counted(client, answers, monkeypatch):
    def fail(*args, **kwargs):
        raise DatabaseError

    with monkeypatch.context() as broken:
        broken.setattr("contact.mail.messages.mail.send", fail)
        assert send(client, answers).status_code == 503
    assert not RateCount.objects.exists()
    assert send(client, answers).status_code == 303
    assert RateCount.objects.exists()


def test_simultaneous_actions_are_all_counted(committed):
    def count_often(address):
        for _enquiry in range(20):
            rate_limits.count(come_from(address), ENQUIRIES)
        connection.close()

    with ThreadPoolExecutor(4) as visitors:
        list(visitors.map(count_often, ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2"]))
    assert number("192.0.2.1") == number("192.0.2.2") == 40
    assert sorted(RateCount.objects.values_list("number", flat=True)) == [40, 40, 80]
    assert RateSalt.objects.count() == 1


def test_simultaneous_enquiries_do_not_exceed_the_limit(committed):
    def ask(number):
        with transaction.atomic():
            may = rate_limits.may_acknowledge("zhang@example.com")
        connection.close()
        return may

    with ThreadPoolExecutor(4) as visitors:
        assert sum(visitors.map(ask, range(40))) == 15
    assert sorted(RateCount.objects.values_list("number", flat=True)) == [15, 15]

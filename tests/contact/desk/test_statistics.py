"""The statistics: what they count, and that the numbers add up only if every mail is accounted for."""

import re
from datetime import datetime, timedelta
from itertools import combinations_with_replacement
from zoneinfo import ZoneInfo

import pytest
from bs4 import BeautifulSoup
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from post_office.models import STATUS

from contact.desk.statistics import CACHE_KEY, Reconciliation, keep_counted, reconcile, unaccounted
from contact.models import Enquiry, State
from partners.models import Country
from programs.models import Area, Program
from tests.contact.rows import erased, stored

pytestmark = pytest.mark.django_db

PAGE = "/admin/contact/enquiry/statistics/"
BEIJING = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 24, 12, tzinfo=BEIJING)


@pytest.fixture
def reader(client, django_user_model):
    """A client that is logged in as staff with the permission to read enquiries only."""
    user = django_user_model.objects.create_user("reader", password="-", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_enquiry"))
    client.force_login(user)
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def november(time_machine):
    time_machine.move_to(NOW)


def tables(response):
    """Returns the tables of the page: {caption: {label: number}}."""
    soup = BeautifulSoup(response.content, "html.parser")
    return {
        table.caption.text: {row.th.text: row.find("td").text for row in table.select("tbody tr")}
        for table in soup.select(".tables table")
    }


def totals(response):
    """Returns the numbers above the tables: {label: number}."""
    soup = BeautifulSoup(response.content, "html.parser")
    return {term.text: term.find_next("dd").text for term in soup.select(".totals dt")}


@pytest.mark.parametrize(
    ("mails", "expected"),
    [
        ([STATUS.sent], "delivered"),
        ([STATUS.sent, STATUS.sent], "delivered"),
        ([STATUS.sent, STATUS.queued], "waiting"),
        ([STATUS.sent, STATUS.requeued], "waiting"),
        ([STATUS.failed, STATUS.sent], "failed"),
        ([STATUS.failed, STATUS.queued], "failed"),
        ([], None),
        ([STATUS.sent, None], None),
        (["withheld", STATUS.sent], "withheld"),
        (["withheld", STATUS.sent, STATUS.sent], "withheld"),
        (["withheld", STATUS.sent, STATUS.queued], "waiting"),
        (["withheld", STATUS.requeued], "waiting"),
        (["withheld", STATUS.sent, STATUS.failed], "failed"),
        (["withheld"], None),
    ],
)
def test_what_became_of_an_enquirys_mails(mails, expected):
    enquiry = stored(*(mail for mail in mails if mail != "withheld"), withheld="withheld" in mails)
    numbers = {"delivered": 0, "waiting": 0, "failed": 0, "withheld": 0} | ({expected: 1} if expected else {})
    found = reconcile(Enquiry.objects.all())
    assert found == Reconciliation(received=1, **numbers)
    assert found.difference == (0 if expected else 1)
    assert list(unaccounted(Enquiry.objects.all())) == ([] if expected else [enquiry])


def test_every_enquiry_with_mails_is_counted_once():
    statuses = [STATUS.sent, STATUS.queued, STATUS.requeued, STATUS.failed]
    combinations = [mails for number in (1, 2, 3) for mails in combinations_with_replacement(statuses, number)]
    for create in (stored, erased):
        for withheld in (False, True):
            for mails in combinations:
                enquiry = create(*mails, withheld=withheld)
                assert reconcile(Enquiry.objects.filter(pk=enquiry.pk)).accounted_for == 1, (mails, withheld)
    found = reconcile(Enquiry.objects.all())
    assert found.received == found.accounted_for == 4 * len(combinations) == 136
    assert not unaccounted(Enquiry.objects.all())


def test_enquiries_of_every_state_are_counted():
    target = stored(STATUS.sent)
    stored(STATUS.sent, state=State.SPAM)
    stored(STATUS.queued, state=State.WITHDRAWN)
    stored(STATUS.failed, state=State.CLOSED, merged_into=target)
    erased(STATUS.sent)
    erased(STATUS.sent, withheld=True)
    found = Reconciliation(received=6, delivered=3, waiting=1, failed=1, withheld=1)
    assert reconcile(Enquiry.objects.all()) == found


def test_a_reconciliation_is_one_look_at_the_database():
    stored(STATUS.sent)
    with CaptureQueriesContext(connection) as queries:
        reconcile(Enquiry.objects.all())
    assert len(queries) == 1


def test_no_enquiry_at_all_adds_up_and_has_a_sentence(reader):
    assert reconcile(Enquiry.objects.all()) == Reconciliation(0, 0, 0, 0, 0)
    response = reader.get(PAGE)
    assert "There is no enquiry to count yet." in response.content.decode()
    assert tables(response) == {}
    assert totals(response)["Enquiries"] == "0"


def test_months_are_those_of_beijing_and_none_is_left_out(november, reader):
    stored(created_at=datetime(2026, 10, 31, 15, 59, tzinfo=ZoneInfo("UTC")))
    stored(created_at=datetime(2026, 10, 31, 16, 1, tzinfo=ZoneInfo("UTC")))
    stored(created_at=datetime(2026, 11, 24, 9, tzinfo=BEIJING))
    stored(created_at=datetime(2024, 11, 30, 9, tzinfo=BEIJING))
    rows = tables(reader.get(PAGE))["Enquiries by month"]
    assert len(rows) == 24
    assert list(rows)[:2] == ["November 2026", "October 2026"]
    assert list(rows)[-1] == "December 2024"
    assert rows["November 2026"] == "2"
    assert rows["October 2026"] == "1"
    assert sum(map(int, rows.values())) == 3


def test_by_area_with_what_has_none(reader):
    evaluation = Area.objects.get(slug="evaluation")
    for program in Program.objects.filter(area=evaluation)[:2]:
        stored(program=program)
    stored(program=Program.objects.filter(area=None).first())
    stored()
    stored(country=Country.objects.get(iso_code="JP"))
    assert tables(reader.get(PAGE))["Enquiries by type of program"] == {
        area.title_en: "2" if area == evaluation else "0" for area in Area.objects.all()
    } | {"A program of no type": "1", "No program": "2"}


def test_by_country_asked_about_and_by_senders(reader):
    for code, territory in [("JP", "CN"), ("JP", "CN"), ("DE", "GB"), (None, "GB"), (None, "CN")]:
        stored(country=Country.objects.filter(iso_code=code).first(), territory=territory)
    found = tables(reader.get(PAGE))
    asked = found["Enquiries by partner country or region asked about"]
    assert list(asked.items())[:3] == [("Japan", "2"), ("Germany", "1"), ("United Kingdom", "0")]
    assert list(asked.items())[-1] == ("No country or region", "2")
    assert len(asked) == Country.objects.count() + 1
    assert list(found["Enquiries by the sender’s country or region"].items()) == [
        ("China", "3"),
        ("United Kingdom", "2"),
    ]


def test_days_to_the_first_answer(november, reader):
    october, november = datetime(2026, 10, 5, 9, tzinfo=BEIJING), datetime(2026, 11, 2, 9, tzinfo=BEIJING)
    for received, days in [(october, 1), (october, 2.5), (november, 10), (november, None)]:
        stored(created_at=received, answered_at=days and received + timedelta(days=days))
    response = reader.get(PAGE)
    rows = tables(response)["Time to the first answer by month"]
    assert rows["October 2026"] == "1.8"
    assert rows["November 2026"] == "10.0"
    assert rows["September 2026"] == "–"
    assert totals(response)["Median time from receipt to the first answer"] == "2.5 calendar days"
    assert totals(response)["Answered"] == "3"


def test_spam_and_merged_are_not_counted_but_said(reader):
    target = stored()
    stored(state=State.SPAM, answered_at=timezone.now())
    stored(state=State.SPAM)
    stored(state=State.CLOSED, merged_into=target)
    erased()
    response = reader.get(PAGE)
    assert totals(response) == {
        "Enquiries": "2",
        "Answered": "0",
        "Not counted: spam": "2",
        "Not counted: merged into another": "1",
    }
    assert tables(response)["Enquiries by type of program"]["No program"] == "2"


def test_the_page_is_in_both_languages(reader):
    stored(country=Country.objects.get(iso_code="JP"), territory="CN")
    reader.cookies["django_language"] = "zh-hans"
    response = reader.get(PAGE)
    assert tables(response)["各合作国家和地区的咨询数量"]["日本"] == "1"
    assert tables(response)["咨询人所在国家或地区"] == {"中国": "1"}
    assert f"{timezone.localdate():%Y}年{timezone.localdate().month}月" in tables(response)["各月咨询数量"]


def test_the_longest_bar_is_the_largest_number_and_nothing_is_styled_inline(reader):
    for _number in range(3):
        stored(territory="CN")
    stored(territory="GB")
    text = reader.get(PAGE).content.decode()
    assert " style=" not in text
    senders = text[text.index("the sender’s country") :]
    assert re.findall(r'viewBox="0 0 (\d+) 1".*?width="(\d+)"', senders) == [("3", "3"), ("3", "1")]


def test_as_many_queries_for_many_enquiries(reader):
    def counted():
        cache.delete(CACHE_KEY)
        with CaptureQueriesContext(connection) as queries:
            assert reader.get(PAGE).status_code == 200
        return len(queries)

    stored(country=Country.objects.first(), answered_at=timezone.now())
    one = counted()
    for country in Country.objects.all():
        stored(country=country, answered_at=timezone.now(), territory=country.iso_code)
        stored(program=Program.objects.first())
    assert counted() == one <= 20


def test_the_page_reads_no_enquiries_and_the_worker_counts_every_ten_minutes(reader, time_machine):
    time_machine.move_to(NOW, tick=False)
    stored(created_at=NOW - timedelta(hours=1))
    keep_counted()
    stored(created_at=NOW - timedelta(hours=1))
    keep_counted()
    with CaptureQueriesContext(connection) as queries:
        response = reader.get(PAGE)
    assert totals(response)["Enquiries"] == "1"
    assert "24 November 2026" in response.content.decode()
    assert not [query for query in queries if '"contact_enquiry"' in query["sql"]]
    time_machine.move_to(NOW + timedelta(minutes=11), tick=False)
    keep_counted()
    assert totals(reader.get(PAGE))["Enquiries"] == "2"


def test_who_may_not_read_enquiries_may_not_read_their_numbers(client, django_user_model):
    assert client.get(PAGE).status_code == 302
    client.force_login(django_user_model.objects.create_user("editor", password="-", is_staff=True))
    assert client.get(PAGE).status_code == 403

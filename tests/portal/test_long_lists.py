"""The long lists of the admin: how far they count and lead, where they search, and that indexes serve them."""

import re
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import override
from post_office.models import STATUS

from contact.models import Enquiry, Event, State
from portal import long_lists
from portal.models import AccountEvent, User
from tests.contact.rows import erased, stored

pytestmark = pytest.mark.django_db

DESK, LOG, ACCOUNTS = "/admin/contact/enquiry/", "/admin/contact/event/", "/admin/portal/accountevent/"
QUEUES = [
    f"{DESK}?queue={queue}" for queue in ("open", "mine", "nobody", "overdue", "written", "answered", "mail", "all")
]
LISTS = [
    *QUEUES,
    f"{DESK}?state__exact=closed",
    f"{DESK}?queue=all&territory=GB",
    f"{DESK}?queue=all&language__exact=en",
    f"{DESK}?queue=all&country__id__exact=1",
    f"{DESK}?queue=all&program__area__id__exact=1",
    f"{DESK}?program__area__id__exact=1&territory=GB&o=6",
    # By reference, time of receipt, organisation, state, due date and owner.
    *(f"{DESK}?queue=all&o={order}" for order in ("1", "-2", "2", "3", "5", "-5", "6", "-6", "7")),
    LOG,
    f"{LOG}?kind__exact=erased",
    f"{LOG}?o=1",
    ACCOUNTS,
    f"{ACCOUNTS}?kind__exact=failed",
]
CHORES = [
    "contact.retention.complete_erased_list",
    "contact.mail.delivery.settle_failures",
    "contact.mail.delivery.settle_arrivals",
    "contact.retention.close_answered",
    "contact.retention.erase_due",
    "contact.attachments.remove_erased",
    "contact.retention.empty_account_mails",
    "portal.sign_in.account_log.delete_expired",
]
# The tables that grow with the enquiries.
LONG = (
    "contact_enquiry",
    "contact_enquiry_mails",
    "contact_event",
    "contact_attachment",
    "portal_accountevent",
    "post_office_email",
)


@pytest.fixture
def staff(admin_client):
    admin_client.cookies["django_language"] = "en"
    return admin_client


def scans(queries) -> list[str]:
    """Returns the lines of the plans of `queries` that read a whole table of LONG, and how many plans there were."""
    found, plans = [], 0
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # A table of a few rows is read whole, if nothing keeps the planner from it.
            cursor.execute("SET LOCAL enable_seqscan = off")
    for sql in (query["sql"] for query in queries):
        if not sql.startswith(("SELECT", "UPDATE", "DELETE")) or not any(f'"{table}"' in sql for table in LONG):
            continue
        aliases = dict(re.findall(r'"(\w+)" ([UVWT]\d+)\b', sql))
        names = {*LONG, *(alias for table, alias in aliases.items() if table in LONG)}
        begin = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
        with connection.cursor() as cursor:
            cursor.execute(begin + sql.replace("%", "%%"))
            lines = [str(row[-1]) for row in cursor.fetchall()]
        plans += 1
        for line in lines:
            scanned = re.match(r"SCAN (\w+)$", line) or re.search(r"Seq Scan on (\w+)", line)
            if scanned and scanned[1] in names:
                found.append(f"{line}: {sql}")
    return found, plans


@pytest.mark.parametrize("page", LISTS)
def test_no_list_of_the_desk_reads_a_whole_table(staff, page):
    stored(STATUS.failed)
    with CaptureQueriesContext(connection) as queries:
        assert staff.get(page).status_code == 200
    found, plans = scans(queries.captured_queries)
    assert not found
    assert plans >= 2


@pytest.mark.parametrize("path", CHORES)
def test_no_chore_of_each_minute_reads_a_whole_table(path):
    erased(STATUS.sent)
    chore = import_string(path)
    chore()
    with CaptureQueriesContext(connection) as queries:
        chore()
    found, plans = scans(queries.captured_queries)
    assert not found
    assert plans >= 1


@pytest.mark.parametrize("order", ["1", "2", "-2", "3", "-3", "5", "-5", "6", "-6", "7", "-7"])
def test_an_index_serves_each_order_in_both_directions(staff, order):
    with CaptureQueriesContext(connection) as queries:
        assert staff.get(f"{DESK}?queue=all&o={order}").status_code == 200
    shown = [query["sql"] for query in queries if '"contact_enquiry"' in query["sql"] and "ORDER BY" in query["sql"]]
    begin = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # A few rows are read and sorted, if nothing keeps the planner from it.
            for way in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
                cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(begin + shown[0].replace("%", "%%"))
        plan = [str(row[-1]) for row in cursor.fetchall()]
    assert "contact_enquiry" in " ".join(plan)
    assert not [line for line in plan if "TEMP B-TREE" in line or "Sort" in line], plan


def many(number):
    """Stores `number` enquiries with an event each."""
    rows = Enquiry.objects.bulk_create(
        Enquiry(language="en", territory="GB", organisation=f"College {place}", email=f"{place}@college.example")
        for place in range(number)
    )
    Event.objects.bulk_create(Event.of(row, Event.Kind.RECEIVED) for row in rows)
    return rows


def test_as_many_queries_for_three_hundred_enquiries_as_for_three(staff):
    def counted():
        numbers = {}
        for page in [*LISTS, f"{DESK}?q=College"]:
            with CaptureQueriesContext(connection) as queries:
                assert staff.get(page).status_code == 200
            numbers[page] = len(queries)
        return numbers

    many(3)
    counted()
    three = counted()
    many(300)
    three_hundred = counted()
    assert three_hundred == three
    assert max(three_hundred.values()) <= 16


def test_a_list_leads_to_the_rows_that_it_counts(staff, monkeypatch):
    monkeypatch.setattr(long_lists, "COUNTED", 120)
    many(121)
    response = staff.get(DESK)
    assert response.context["cl"].result_count == 120
    above, _table, below = response.content.decode().partition('<table id="result_list">')
    assert "There are more. The list leads to the first 120." in above
    assert "There are more. See the note above the list." in below
    last = staff.get(f"{DESK}?p=3").context["cl"]
    assert len(last.result_list) == 20
    newest_first = list(Enquiry.objects.order_by("-created_at", "-pk").values_list("pk", flat=True))
    assert [row.pk for row in last.result_list] == newest_first[100:120]
    assert staff.get(f"{DESK}?p=4").status_code == 302


def test_an_action_on_all_is_one_on_the_rows_that_the_list_counts(staff, monkeypatch):
    monkeypatch.setattr(long_lists, "COUNTED", 3)
    monkeypatch.setattr(long_lists, "CHANGED", 2)
    many(4)
    action = {"select_across": "1", "_selected_action": "1", "index": "0"}
    exported = staff.post(DESK, action | {"action": "as_csv"}).content.decode()
    assert exported.count("College ") == 3
    assert "The action applies to its first 3 only" in staff.get(DESK).content.decode()
    said = staff.post(DESK, action | {"action": "mark_as_spam"}, follow=True).content.decode()
    newest_first = Enquiry.objects.order_by("-created_at", "-pk").values_list("state", flat=True)
    assert list(newest_first) == [State.SPAM, State.SPAM, State.RECEIVED, State.RECEIVED]
    assert "The action applies to its first 2 only" in said


def test_erasing_all_asks_how_many_and_erases_these_alone(staff, monkeypatch):
    monkeypatch.setattr(long_lists, "CHANGED", 3)
    monkeypatch.setattr("contact.admin.MAX_NAMED", 2)
    kept, *chosen = many(4)
    action = {"action": "erase", "select_across": "1", "_selected_action": "1", "index": "0"}
    asks = staff.post(DESK, action).content.decode()
    assert "The action applies to its first 3 only" in asks
    assert "3 enquiries are erased:" in asks
    assert [row.reference in asks for row in chosen] == [False, True, True]
    assert "<li>1 more</li>" in asks
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', asks))
    # It is not one of those that were asked about.
    [late] = many(1)
    staff.post(DESK, fields)
    erased_now = Enquiry.objects.filter(erased_at__isnull=False)
    assert {row.pk for row in erased_now} == {row.pk for row in chosen}
    assert not {kept.pk, late.pk} & {row.pk for row in erased_now}


def test_an_action_shows_some_of_many_errors(staff, monkeypatch):
    monkeypatch.setattr("contact.admin.MAX_ERRORS", 2)
    rows = [erased(STATUS.sent) for _number in range(5)]
    action = {"action": "mark_as_spam", "_selected_action": [row.pk for row in rows]}
    said = staff.post(f"{DESK}?queue=all", action, follow=True).content.decode()
    assert sum(f"{row.reference}:" in said for row in rows) == 2
    assert "Not done for 3 more enquiries." in said


@pytest.mark.parametrize("path", [DESK, LOG, ACCOUNTS])
def test_years_and_months_lead_to_all_rows(staff, path):
    now = timezone.localtime()
    old = timezone.make_aware(datetime(now.year - 2, 12, 31, 23, 59))
    enquiry = stored(created_at=old)
    enquiry.log(Event.Kind.RECEIVED)
    Event.objects.update(at=old)
    AccountEvent.objects.all().delete()
    AccountEvent.objects.create(kind="failed", account="a")
    AccountEvent.objects.update(at=old)

    def links(address):
        changelist = staff.get(address).context["cl"]
        [periods] = [spec for spec in changelist.filter_specs if isinstance(spec, long_lists.PeriodFilter)]
        with override("en"):
            found = {str(choice["display"]): path + choice["query_string"] for choice in periods.choices(changelist)}
        return found, len(changelist.result_list)

    years, number = links(path)
    assert number == 1
    assert list(years)[-4:] == ["This month", *(str(now.year - ago) for ago in range(3))]
    months, number = links(years[str(now.year - 2)])
    assert number == 1
    assert len(months) == len(years) + 12
    numbers = {name: links(address)[1] for name, address in months.items()}
    # The months stand below their year, the last at the end.
    assert [name for name, number in numbers.items() if number] == ["Any date", str(now.year - 2), list(months)[-1]]


def test_the_enquiries_with_a_failed_mail_are_looked_for_once(staff):
    for _number in range(51):
        stored(STATUS.failed)
    with CaptureQueriesContext(connection) as queries:
        assert len(staff.get(f"{DESK}?queue=mail").context["cl"].result_list) == 50
    looked = [query["sql"] for query in queries if "DISTINCT" in query["sql"]]
    assert len(looked) == 1


def test_words_are_found_in_the_latest_rows_and_references_and_addresses_in_all(staff, monkeypatch):
    monkeypatch.setattr(long_lists, "SEARCHED", 2)
    old = stored(organisation="Quokka College", email="Old@college.example", created_at=timezone.now() - timedelta(1))
    many(2)

    def found(query):
        return [row.pk for row in staff.get(f"{DESK}?q={query}").context["cl"].result_list]

    assert found("Quokka") == []
    assert found("Quokka&searched=all") == [old.pk]
    assert len(found("College")) == 2
    assert found(old.reference.lower()) == [old.pk]
    assert found("old@COLLEGE.example") == [old.pk]

    def is_said(query):
        above, _table, _below = staff.get(f"{DESK}?q={query}").content.decode().partition('<div class="results"')
        return "Words were looked for in the latest 2 only." in above

    assert is_said("College") and is_said("Quokka")
    assert not any(map(is_said, ("", "College&searched=all", old.reference, "old@college.example")))


def test_the_log_is_searched_by_a_whole_reference(staff):
    enquiry, other = stored(), stored()
    for row in (enquiry, other):
        row.log(Event.Kind.RECEIVED)
    assert [event.enquiry for event in staff.get(f"{LOG}?q={enquiry.reference}").context["cl"].result_list] == [enquiry]
    assert not staff.get(f"{LOG}?q={enquiry.reference[:4]}").context["cl"].result_list


def test_the_log_tells_people_with_one_name_apart(staff):
    users = [User.objects.create_user(name, last_name="王", first_name="芳") for name in ("fang", "gone", "wang")]
    User.objects.create_user("unnamed")
    events = {}
    for user in users:
        enquiry = stored()
        enquiry.log(Event.Kind.VIEWED, user)
        events[user.username] = enquiry.events.get()
    stored().log(Event.Kind.RECEIVED)
    User.objects.filter(username="gone").delete()
    changelist = staff.get(LOG).context["cl"]
    [choices] = [each.lookup_choices for each in changelist.filter_specs if "actor" in each.expected_parameters()]
    assert [label for _value, label in choices] == ["王芳 (fang)", "王芳 (wang)", "王芳 (account deleted)"]
    for (value, _label), name in zip(choices, ("fang", "wang", "gone"), strict=True):
        with CaptureQueriesContext(connection) as queries:
            page = staff.get(LOG, {"actor": value})
        assert [event.pk for event in page.context["cl"].result_list] == [events[name].pk]
        assert not scans(queries.captured_queries)[0]
    loose = [query["sql"] for query in queries if "RECURSIVE" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(("EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN ") + loose[-1])
        # Not that of all events without an account: visitors and the worker make most of those.
        assert "contact_event_actor_gone" in str(cursor.fetchall())
    with override("en"):
        shown = {event.pk: changelist.model_admin.who(event) for event in changelist.result_list}
    told = {name: shown[event.pk] for name, event in events.items()}
    assert told == {"fang": "王芳 (fang)", "gone": "王芳", "wang": "王芳 (wang)"}
    # What is not offered filters nothing.
    assert len(staff.get(f"{LOG}?actor=x").context["cl"].result_list) == 4


def test_no_address_sorts_by_a_column_without_an_index(staff):
    stored().log(Event.Kind.RECEIVED)
    with CaptureQueriesContext(connection) as queries:
        assert staff.get(f"{LOG}?o=2").status_code == 200
    assert not [query for query in queries if 'ORDER BY "contact_enquiry"' in query["sql"]]


def test_rows_of_a_page_are_found_by_their_keys_alone(staff):
    """With the condition of a filter beside them, SQLite would read all that this filter finds."""
    many(3)
    with CaptureQueriesContext(connection) as queries:
        assert len(staff.get(f"{DESK}?state__exact=received&o=3").context["cl"].result_list) == 3
    [rows] = [query["sql"] for query in queries if '"contact_enquiry"."message"' in query["sql"]]
    conditions = rows.rpartition(" WHERE ")[2]
    assert re.match(
        r'"contact_enquiry"\."id" IN \([\d, ]+\) ORDER BY "contact_enquiry"\."organisation" ASC', conditions
    )


def test_a_list_is_sorted_by_one_column(staff):
    stored(organisation="B", due_on="2030-01-01")
    stored(organisation="A", due_on="2031-01-01")
    changelist = staff.get(f"{DESK}?queue=all&o=6.3").context["cl"]
    assert [row.organisation for row in changelist.result_list] == ["B", "A"]
    assert changelist.get_ordering_field_columns() == {6: "asc"}


def test_what_is_not_due_comes_last_and_states_are_in_the_order_of_the_work(staff):
    due = {
        state: stored(state=state, due_on=f"2030-01-0{day}") for day, state in enumerate(("received", "answered"), 1)
    }
    finished = [stored(state=state, due_on=f"2030-01-0{day}") for state, day in (("spam", 9), ("closed", 1))]
    empty = stored(state="in_progress", due_on=None)

    def listed(order):
        return [row.pk for row in staff.get(f"{DESK}?queue=all&o={order}").context["cl"].result_list]

    # The list does not show their due dates, so it does not sort by them.
    not_due = [*(row.pk for row in finished), empty.pk]
    for order, first in (("6", ["received", "answered"]), ("-6", ["answered", "received"])):
        keys = listed(order)
        assert keys[:2] == [due[state].pk for state in first]
        assert keys[2:] == (not_due if order == "6" else not_due[::-1])
    work = [due["received"], empty, due["answered"], *reversed(finished)]
    assert listed("5") == [row.pk for row in work]
    assert listed("-5") == [row.pk for row in reversed(work)]


def test_values_in_use_are_distinct_in_order_and_without_null():
    for territory, owner in [("GB", None), ("CN", None), ("GB", User.objects.create_user("a"))]:
        stored(territory=territory, owner=owner)
    assert long_lists.values_in_use(Enquiry, "territory") == ["CN", "GB"]
    assert len(long_lists.values_in_use(Enquiry, "owner")) == 1
    assert long_lists.values_in_use(AccountEvent, "kind") == ["created"]
    assert long_lists.values_in_use(Event, "kind") == []
    for actor in (None, User.objects.get()):
        Event.objects.create(enquiry=Enquiry.objects.first(), actor=actor, actor_name=f"{actor}")
    assert long_lists.values_in_use(Event, "actor_name") == ["None", "a"]
    assert long_lists.values_in_use(Event, "actor_name", without="actor") == ["None"]

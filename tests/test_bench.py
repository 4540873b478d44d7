"""What `make bench` fills and prints, with few rows. Nothing here is about time."""

import pytest
from post_office.models import Email

from bench import rows, speed
from contact.models import Answer, Enquiry, Event
from portal.search_index import search, split_query
from programs.models import Program, Resource


@pytest.mark.django_db
def test_programs_have_pages_and_are_found(client):
    first = Program.objects.count()
    rows.fill_programs(first + 12)
    rows.fill_programs(first + 12)
    assert Program.objects.count() == first + 12
    program = Program.objects.get(slug=f"program-{first}")
    page = client.get(f"/zh-hans/programs/{program.slug}/").content.decode()
    for part in (program.steps, program.questions, program.materials, program.certificates, program.institutions):
        assert str(part.first()) in page
    resource = Resource.objects.get(slug=f"resource-{first + 5}")
    assert resource.files.get().is_on_disk
    assert client.get(f"/en/resources/{resource.slug}/").status_code == 200
    found = search(split_query(program.title_zh_hans), "zh-hans").hits
    assert f"/zh-hans/programs/{program.slug}/" in {hit.address for hit in found}


@pytest.mark.django_db
def test_enquiries_are_copied_with_all_that_belongs_to_them(monkeypatch):
    monkeypatch.setattr(rows, "COPIED", 40)
    rows.fill_enquiries(200)
    assert Enquiry.objects.values("reference", "token").distinct().count() == 200
    assert 0 < Enquiry.objects.open().count() < Enquiry.objects.filter(events__kind="received").count() == 200
    for model in (Answer, Event, Email):
        assert model.objects.count() > 100
        assert model.objects.count() % 5 == 0
    answered = Enquiry.objects.filter(answers__isnull=False).order_by("pk")
    for row in (answered.first(), answered.last()):
        assert row.answers.get().mail in row.mails.all()
        assert row.events.filter(kind="answered").count() == 1
    # The worker has nothing to send, to close or to erase.
    assert not Email.objects.exclude(status=0).exists()
    assert not Enquiry.objects.answered_long_ago().exists()
    assert not Enquiry.objects.due_for_erasing().exists()
    # Keys go on after those of the copies.
    last = Enquiry.objects.latest("pk").pk
    assert Enquiry.objects.create(language="en", privacy_version="1").pk > last


def test_a_row_tells_medians_with_their_spread():
    row = speed.Row("home", "/en/", rates=[[50, 100, 10], [80, 100, 10], [60, 100, 10]])
    row.seconds = {50: [0.01, 0.01, 0.5], 200: [0.02], 10_000: [0.04, 0.01]}
    row.bytes = {50: 900, 200: 1000, 10_000: 1200}
    cells = ["home", "60 a second", "0.6 (0.5–0.8)", "6 (5–8)", "2.50", "1.25", "1.20"]
    assert row.cells() == cells
    assert speed.table([["what", *[""] * 6], cells]).splitlines() == [
        "| what |             |               |         |      |      |      |",
        "|------|-------------|---------------|---------|------|------|------|",
        "| home | 60 a second | 0.6 (0.5–0.8) | 6 (5–8) | 2.50 | 1.25 | 1.20 |",
    ]


def test_a_row_without_figures_is_empty():
    assert speed.Row("home", "/en/").cells() == ["home", *[""] * 6]

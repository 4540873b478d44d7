"""An enquiry about a program and a country is about both, wherever its subject is shown or counted."""

import csv
import zipfile
from io import BytesIO, StringIO

import pytest
from django.utils.translation import override
from openpyxl import load_workbook

from contact.desk import actions, exports, statistics
from contact.desk.personal_data import NAME, personal_data
from contact.models import AnswerTemplate, Enquiry
from partners.models import Country
from programs.models import Program
from tests.contact.rows import stored
from tests.contact.steps import send

pytestmark = pytest.mark.django_db


@pytest.fixture
def enquiry(client, answers):
    """An enquiry about teacher exchange with Japan."""
    send(client, answers, "en", program="teacher-exchange", country="japan")
    return Enquiry.objects.get()


def row_of(enquiry):
    """The enquiry as a dictionary, from the CSV file of the desk."""
    with override("en"):
        text = exports.as_csv(exports.table(Enquiry.objects.filter(pk=enquiry.pk))).decode("utf-8-sig")
    [row] = csv.DictReader(StringIO(text))
    return row


def test_the_program_and_the_country_are_stored(enquiry):
    assert (enquiry.program.slug, enquiry.country.slug) == ("teacher-exchange", "japan")


@pytest.mark.parametrize(("language", "names"), [("en", "Teacher exchange, Japan"), ("zh-hans", "教师交流、日本")])
def test_receipt_and_status_name_both_in_the_readers_language(client, enquiry, language, names):
    for page in ("received", "status"):
        assert names in client.get(f"/{language}/contact/{page}/{enquiry.token}/").content.decode()


def test_the_notification_names_both(enquiry):
    notification = enquiry.mails.order_by("pk").last()
    assert "咨询事项：教师交流、日本" in notification.message


def test_the_desk_names_both_in_its_list_and_on_the_page(admin_client, enquiry):
    for path in ("", f"{enquiry.pk}/change/"):
        assert "教师交流、日本" in admin_client.get(f"/admin/contact/enquiry/{path}").content.decode()


def test_the_filters_by_type_and_by_country_both_find_it(admin_client, enquiry):
    stored()
    area = Program.objects.get(slug="credit-recognition").area
    Program.objects.filter(pk=enquiry.program_id).update(area=area)
    for query in (f"program__area__id__exact={area.pk}", f"country__id__exact={enquiry.country_id}"):
        found = admin_client.get(f"/admin/contact/enquiry/?{query}").context["cl"].queryset
        assert list(found) == [enquiry], query


def test_the_statistics_count_it_by_type_and_by_country(enquiry):
    with override("en"):
        numbers = statistics.count()
        rest = dict(statistics.area_table(numbers).rest)
        asked = {str(country): number for country, number in statistics.country_table(numbers).rows}
    assert rest == {"A program of no type": 1, "No program": 0}
    assert asked["Japan"] == 1


def test_the_export_and_the_persons_copy_name_both(enquiry):
    assert row_of(enquiry)["About"] == "Teacher exchange, Japan"
    with zipfile.ZipFile(BytesIO(personal_data(enquiry.email))) as archive:
        rows = load_workbook(BytesIO(archive.read(NAME))).active.values
    assert [row[3] for row in rows if row[1] == "About"] == ["Teacher exchange, Japan"]


def test_a_template_for_answers_names_both(enquiry):
    template = AnswerTemplate(text_en="About {subject}", text_zh_hans="")
    with override("en"):
        assert actions.fill_template(template, enquiry) == "About Teacher exchange, Japan"


def test_the_recipients_are_those_of_the_program(client, answers, settings):
    Program.objects.get(slug="teacher-exchange").centres.update(enquiry_recipients="centre@example.com")
    send(client, answers, program="teacher-exchange", country="japan")
    send(client, answers, program=None, country="japan")
    both, country = Enquiry.objects.order_by("pk")
    assert both.mails.order_by("pk").last().to == ["centre@example.com"]
    assert country.mails.order_by("pk").last().to == settings.PORTAL_ENQUIRIES_TO


def test_the_same_answers_about_another_country_are_another_enquiry(client, answers):
    for country in ("japan", "germany", "japan"):
        send(client, answers, country=country)
    assert [enquiry.country.slug for enquiry in Enquiry.objects.order_by("pk")] == ["japan", "germany"]


def test_a_name_in_the_other_language_is_for_staff_alone():
    program = Program.objects.get(slug="teacher-exchange")
    program.title_en = ""
    enquiry = Enquiry(program=program, country=Country.objects.get(slug="japan"))
    with override("en"):
        assert (enquiry.subject, enquiry.display_subject) == ("教师交流, Japan", "Japan")
    assert (Enquiry().subject, Enquiry().display_subject) == ("", "")

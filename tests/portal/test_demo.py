"""The demonstration: marked samples in every place, mails in files only, and a band on every page."""

import re
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO, StringIO
from unittest.mock import patch
from zipfile import ZipFile

import openpyxl
import pypdfium2
import pytest
from django.apps import apps
from django.core.cache import caches
from django.core.files.storage import FileSystemStorage
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper
from django.db import connection, transaction
from django.db.models import FileField
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from modeltranslation.utils import build_localized_fieldname
from post_office.models import STATUS, Email

from contact.models import Attachment, Enquiry, Event, State
from contact.working_days import due_date
from partners.models import Country, Institution
from portal.filetypes import content_type
from portal.management.commands.load_content import read
from portal.management.commands.load_demo import ACCOUNTS, FILES, FOLDER
from portal.management.demo_files import WRITERS
from portal.management.preparation import check_demo_mark, prepare_database
from portal.models import Centre, Department, LoadedEntry, Page, Term, User
from portal.site.sitemaps import public_pages
from programs.models import Area, Certificate, Industry, Material, Program, Resource, ResourceFile

MARKS = {"zh-hans": "【示例】", "en": "Sample: "}
BAND = {
    "zh-hans": "演示网站：标有【示例】的内容以及答复时限均为虚构。",
    "en": "Demonstration: everything marked “Sample” is invented, and so is the time promised for an answer.",
}


def forget_the_department():
    """Makes the database look new to load_demo, as far as it looks, with the rest of the content a year older."""
    LoadedEntry.objects.filter(name="department").delete()
    Department.objects.all().delete()
    long_ago = timezone.now() - timedelta(days=400)
    for model in (Area, Centre, Country, Page, Program):
        model.objects.update(published_at_zh_hans=long_ago, published_at_en=long_ago)


@contextmanager
def files_in(folder):
    """A context manager in which the files of all rows are in `folder`."""
    with pytest.MonkeyPatch.context() as patched:
        fields = [field for model in apps.get_models() for field in model._meta.fields if isinstance(field, FileField)]
        for field in fields:
            patched.setattr(field, "storage", FileSystemStorage(location=folder))
        yield


def rows():
    """The number of rows of each model."""
    return {model._meta.label: model.objects.count() for model in apps.get_models()}


@pytest.fixture(scope="module")
def demo(django_db_setup, django_db_blocker, tmp_path_factory):
    """Fills the database once for all tests of this module, and returns what was printed. No test changes anything."""
    data = tmp_path_factory.mktemp("demo")
    here = override_settings(
        PORTAL_DEMO=True,
        DATA=data,
        EMAIL_FILE_PATH=data / "mail",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    )
    with django_db_blocker.unblock(), transaction.atomic():
        with here, files_in(data / "files"):
            forget_the_department()
            printed = StringIO()
            call_command("load_demo", stdout=printed)
        yield printed.getvalue(), data
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def as_demo(request, settings):
    if "demo" in request.fixturenames:
        settings.PORTAL_DEMO = True


@pytest.mark.parametrize(("name", "model", "title"), FILES, ids=[name for name, _model, _title in FILES])
def test_the_title_of_every_sample_begins_with_the_mark_in_both_languages(demo, name, model, title):
    columns = {language: build_localized_fieldname(title, language) for language in MARKS}
    starts = {f"{columns[language]}__startswith": mark for language, mark in MARKS.items()}
    entries = read(FOLDER / f"{name}.toml")
    marked = model.objects.filter(**starts)
    assert marked.count() == len(entries) > 0
    # What has only one of the marks, or has a mark elsewhere, is a fault.
    for language, mark in MARKS.items():
        assert model.objects.filter(**{f"{columns[language]}__contains": mark.strip()}).count() == len(entries)


def test_there_are_samples_in_every_place(demo):
    assert sum(len(read(FOLDER / f"{name}.toml")) for name, _model, _title in FILES) >= 60
    assert set(Resource.objects.values_list("kind", flat=True)) == set(Resource.Kind.values)
    assert not Industry.objects.filter(resources=None).exists()
    versions = Counter(ResourceFile.objects.values_list("resource__slug", "language"))
    assert max(versions.values()) >= 3
    assert {language for _slug, language in versions} == set(MARKS)
    assert {slug for slug, _language in versions} == set(Resource.objects.values_list("slug", flat=True))
    assert Institution.objects.values("country").distinct().count() >= 5
    assert not Institution.objects.filter(programs=None).exists()
    materials = Material.objects.filter(program__slug="approval-support", name_en__startswith="Sample: ")
    assert materials.count() == 15
    assert materials.exclude(template=None).count() >= 5
    assert Certificate.objects.count() >= 3
    assert Term.objects.exclude(other_renderings_en=None).count() >= 5
    assert all(
        row.has_pair for model in (Resource, Term, Institution, Certificate, Page) for row in model.objects.all()
    )


def test_no_sample_names_a_real_site(demo):
    sites = [row.website for row in Institution.objects.all()]
    addresses = [user.email for user in User.objects.all()]
    addresses += [enquiry.email for enquiry in Enquiry.objects.filter(erased_at=None)]
    assert len(sites) >= 5
    assert len(addresses) >= 30
    assert all(re.fullmatch(r"https://[\w-]+\.example/", site) for site in sites)
    assert all(address.endswith("@example.org") for address in addresses)


def test_files_are_real_and_say_in_both_languages_that_they_are_samples(demo):
    found = Counter()
    with files_in(demo[1] / "files"):
        for row in ResourceFile.objects.all():
            content = row.file.read()
            assert row.size == len(content) < 20_000
            assert content_type(BytesIO(content)) == row.content_type
            text = text_of(content, row.name.rpartition(".")[2])
            assert "【示例】" in text, row.name
            assert "This file is a sample." in text, row.name
            found[row.content_type] += 1
    assert len(found) == 3
    assert found.total() == ResourceFile.objects.count() >= 30


def text_of(content, format):
    if format == "pdf":
        return pypdfium2.PdfDocument(content)[0].get_textpage().get_text_bounded()
    if format == "xlsx":
        [sheet] = openpyxl.load_workbook(BytesIO(content)).worksheets
        return "\n".join(str(cell.value) for [cell] in sheet.rows)
    return ZipFile(BytesIO(content)).read("word/document.xml").decode()


@pytest.mark.parametrize("format", WRITERS)
def test_the_same_lines_make_the_same_file(format):
    assert WRITERS[format](["示例", "Sample & <b>"]) == WRITERS[format](["示例", "Sample & <b>"])
    assert content_type(BytesIO(WRITERS[format](["示例", "Sample & <b>"])))


def test_there_are_thirty_enquiries_in_all_states(demo):
    assert Counter(Enquiry.objects.values_list("state", flat=True)) == {
        State.RECEIVED: 5,
        State.IN_PROGRESS: 5,
        State.ANSWERED: 6,
        State.CLOSED: 11,
        State.SPAM: 2,
        State.WITHDRAWN: 1,
    }
    assert Counter(Enquiry.objects.values_list("language", flat=True)).keys() == set(MARKS)
    present = Enquiry.objects.filter(erased_at=None)
    assert present.count() == 28
    assert all(enquiry.organisation.startswith(MARKS[enquiry.language]) for enquiry in present)
    assert Enquiry.objects.overdue().count() >= 2
    assert Enquiry.objects.with_failed_mail().count() == 1
    assert Enquiry.objects.exclude(merged_into=None).count() == 2
    assert set(Enquiry.objects.exclude(owner=None).values_list("owner__username", flat=True)) == {"admin", "desk"}
    assert Attachment.objects.filter(enquiry__erased_at=None).count() >= 8
    assert {Event.Kind.NOTED, Event.Kind.WRITTEN, Event.Kind.NOT_ARRIVED} <= set(
        Event.objects.values_list("kind", flat=True)
    )


def test_the_dates_of_an_enquiry_follow_each_other(demo):
    months = set()
    for enquiry in Enquiry.objects.all():
        moments = [enquiry.created_at, enquiry.answered_at, enquiry.closed_at]
        moments = [moment for moment in moments if moment]
        assert moments == sorted(moments), enquiry
        assert all(event.at >= enquiry.created_at for event in enquiry.events.all())
        months.add((enquiry.created_at.year, enquiry.created_at.month))
    assert len(months) >= 6


def test_mails_are_files_and_none_waits(demo):
    _printed, data = demo
    sent = Email.objects.filter(status=STATUS.sent)
    assert Email.objects.exclude(status=STATUS.sent).get().status == STATUS.failed
    assert 60 <= sent.count() <= 150
    # Those of the erased enquiries are gone.
    assert len(list((data / "mail").glob("*.eml"))) == sent.exclude(message_id=None).count()
    assert not set(Email.objects.exclude(message="").values_list("backend_alias", flat=True)) - {""}


def test_loading_again_changes_nothing(demo):
    before = rows()
    with transaction.atomic():
        Program.objects.filter(slug="teacher-exchange").update(title_en="Changed by staff")
        Resource.objects.filter(slug="sample-budget").delete()
        call_command("load_demo")
        assert Program.objects.get(slug="teacher-exchange").title_en == "Changed by staff"
        assert not Resource.objects.filter(slug="sample-budget").exists()
        transaction.set_rollback(True)
    assert rows() == before


def test_three_accounts_get_passwords_that_are_printed_once(demo):
    printed, _data = demo
    passwords = dict(re.findall(r"user name (\w+) +password (\S+)", printed))
    assert (
        set(passwords)
        == {name for name, _work, _role in ACCOUNTS}
        == set(User.objects.values_list("username", flat=True))
    )
    assert all(User.objects.get(username=name).check_password(password) for name, password in passwords.items())
    assert len(set(passwords.values())) == 3
    assert min(map(len, passwords.values())) >= 16


def test_each_account_has_the_rights_of_its_work(demo):
    admin, editor, desk = (User.objects.get(username=name) for name in ("admin", "editor", "desk"))
    assert admin.is_superuser
    assert not editor.is_superuser
    assert not desk.is_superuser
    for right in ("programs.add_resource", "partners.change_institution", "portal.change_term", "portal.change_page"):
        assert editor.has_perm(right), right
        assert not desk.has_perm(right), right
    for right in ("view_enquiry", "change_enquiry", "export_enquiry", "delete_enquiry", "view_event"):
        assert desk.has_perm(f"contact.{right}"), right
        assert not editor.has_perm(f"contact.{right}"), right
    assert not any(user.has_perm("portal.change_user") for user in (editor, desk))


def test_the_mark_is_set(demo):
    assert Department.objects.get().is_demo
    check_demo_mark()


def test_a_start_that_is_no_demonstration_refuses_the_samples(demo, settings):
    settings.PORTAL_DEMO = False
    for settings.EMBEDDED in (True, False):
        with pytest.raises(CommandError, match="invented content of the demonstration"):
            prepare_database(OutputWrapper(StringIO()))


@pytest.mark.django_db
def test_a_demonstration_refuses_the_database_of_a_real_portal(settings):
    settings.PORTAL_DEMO = True
    before = rows()
    for command in ("load_demo", "migrate"):
        with pytest.raises(CommandError, match="holds a real portal"):
            call_command(command)
    assert rows() == before


@pytest.mark.django_db
def test_a_demonstration_does_not_migrate_the_database_of_an_older_portal(settings, monkeypatch):
    settings.PORTAL_DEMO = True
    Department.objects.update(is_demo=True)
    call_command("migrate", verbosity=0)
    monkeypatch.setattr(connection.introspection, "get_table_description", lambda cursor, table: [])
    with pytest.raises(CommandError, match="holds a real portal"):
        call_command("migrate")


@pytest.mark.django_db
def test_a_demonstration_refuses_a_database_with_accounts(settings):
    settings.PORTAL_DEMO = True
    forget_the_department()
    User.objects.create(username="staff")
    with pytest.raises(CommandError, match="holds a real portal"):
        check_demo_mark()


@pytest.mark.django_db
def test_samples_are_for_the_demonstration_alone():
    before = rows()
    with pytest.raises(CommandError, match="run make demo"):
        call_command("load_demo")
    assert rows() == before


@pytest.mark.django_db
def test_a_start_that_breaks_off_leaves_nothing_and_can_be_repeated(settings):
    settings.PORTAL_DEMO = True
    forget_the_department()
    before = rows()
    broken = patch("portal.management.commands.load_demo.make_enquiries", side_effect=KeyboardInterrupt)
    with broken, pytest.raises(KeyboardInterrupt):
        call_command("load_demo")
    assert rows() == before
    check_demo_mark()


def test_every_page_has_the_band_and_is_not_indexed(demo, client, record_property):
    swept = Counter()
    for page in public_pages():
        look_at(client.get(page.path), page.language)
        swept[page.language] += 1
    pairs = [page.path for page in public_pages() if "/programs/" in page.path and len(page.languages) == 2]
    for path in pairs[:4]:
        look_at(client.get(f"{path}?view=pair"), "en" if path.startswith("/en/") else "zh-hans")
    for language in MARKS:
        look_at(client.get(f"/{language}/no-such-page/"), language, 404)
        enquiry = Enquiry.objects.filter(language=language, state=State.ANSWERED).first()
        look_at(client.get(f"/{language}/contact/status/{enquiry.token}/"), language)
    record_property("pages with the band", swept.total())
    assert min(swept.values()) >= 30


def look_at(response, language, status=200):
    text = response.content.decode()
    assert response.status_code == status
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert '<meta name="robots" content="noindex">' in text
    assert text.count('<aside class="demo-band"') == 1
    for words in BAND.values():
        assert words in text
    assert text.index(BAND[language]) < text.index('<span class="pair" lang=')


def test_the_admin_has_the_band(demo, client):
    assert 'class="demo-band"' in client.get("/admin/account/sign-in/").content.decode()
    client.force_login(User.objects.get(username="desk"))
    for path in ("/admin/", "/admin/contact/enquiry/", reverse("mfa_index")):
        response = client.get(path)
        assert response.status_code == 200
        assert BAND["zh-hans"] in response.content.decode(), path
        assert response.headers["X-Robots-Tag"] == "noindex, nofollow"


def test_answers_are_promised_and_enquiries_fall_due(demo, client):
    assert "We answer within 5 working days." in client.get("/en/contact/").content.decode()
    enquiry = Enquiry.objects.filter(state=State.RECEIVED, language="zh-hans").latest("created_at")
    assert enquiry.due_on == due_date(enquiry.created_at, 5)
    assert date_format(enquiry.due_on) in client.get(enquiry.get_absolute_url()).content.decode()


def test_search_engines_are_sent_away(demo, client):
    assert client.get("/robots.txt").content.decode() == "User-agent: *\nDisallow: /\n"
    assert client.get("/sitemap.xml").status_code == client.get("/sitemap-1.xml").status_code == 404


def test_the_band_costs_no_query(demo, client, settings):
    for path in ("/en/", "/zh-hans/programs/approval-support/"):
        counts = []
        for settings.PORTAL_DEMO in (True, False):
            caches["template_fragments"].clear()
            with CaptureQueriesContext(connection) as queries:
                client.get(path)
            counts.append(len(queries))
        assert counts[0] == counts[1]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/en/", "/zh-hans/programs/", "/en/no-such-page/", "/admin/account/sign-in/"])
def test_a_real_portal_has_no_band(client, path):
    response = client.get(path)
    assert b"demo-band" not in response.content
    assert "X-Robots-Tag" not in response.headers


def test_countries_show_sample_institutions(demo, client):
    names = [row.name_en for row in Institution.objects.filter(country__slug="united-kingdom")]
    assert len(names) >= 2
    page = client.get(Country.objects.get(slug="united-kingdom").get_absolute_url().replace("/zh-hans/", "/en/"))
    assert all(name in page.content.decode() for name in names)

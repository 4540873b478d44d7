"""Staff add versions of the files of resources in the admin: what is accepted, what is refused, what they see."""

import os
from datetime import date, timedelta
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.models import User
from portal.site.request_size import read_body
from programs import resource_files
from programs.forms import ResourceFileFormSet
from programs.models import DownloadCount, Resource, ResourceFile
from tests.admin_forms import AdminForm
from tests.contact.files import DISHONEST, HONEST, PDF
from tests.programs.resources import content, on_disk, published, with_file

pytestmark = pytest.mark.django_db

CHANGE = "admin:programs_resource_change"
MEGABYTE = 1024 * 1024


@pytest.fixture
def resource():
    return published()


@pytest.fixture
def file(resource):
    return with_file(resource)


@pytest.fixture
def staff(admin_client):
    admin_client.cookies["django_language"] = "en"
    return admin_client


def upload(name="standard.pdf", sent=PDF):
    return SimpleUploadedFile(name, sent, "text/plain")


def form(resource, *versions, **changes):
    """The answers of the form of `resource` with its stored versions and new `versions`, each a dict."""
    stored = list(resource.files.order_by("-language", "-dated", "-pk"))
    rows = [
        {"id": file.pk, "language": file.language, "version": file.version, "dated": file.dated.isoformat()}
        for file in stored
    ]
    rows += [{"language": "zh-hans", "version": "9.0", "dated": "2026-11-01"} | version for version in versions]
    answers = {
        "title_zh_hans": "示例课程标准",
        "title_en": "A title that was typed",
        "summary_zh_hans": "示例摘要。",
        "summary_en": "A sample summary.",
        "kind": resource.kind,
        "slug": resource.slug,
        "sort_order": "100",
        "_publish": "1",
        "files-TOTAL_FORMS": str(len(rows)),
        "files-INITIAL_FORMS": str(len(stored)),
        **{f"files-{number}-{name}": value for number, row in enumerate(rows) for name, value in row.items()},
    }
    return answers | changes


def save(client, resource, *versions, **changes):
    """Posts the form of the admin and returns the page that follows."""
    address = reverse(CHANGE, args=[resource.pk])
    opened = client.get(address).context
    return client.post(address, form(resource, *versions, _shown=opened["shown"], **changes), follow=True)


def test_staff_add_a_version_and_the_link_leads_to_it(staff, client, file):
    response = save(staff, file.resource, {"file": upload("neu 新.pdf", PDF + b"new")})
    assert "Published: Chinese and English." in response.content.decode()
    added = ResourceFile.objects.get(version="9.0")
    assert (added.name, added.type_name, added.size) == ("neu 新.pdf", "PDF", len(PDF) + 3)
    assert content(client.get("/zh-hans/resources/sample-standard/file/")) == PDF + b"new"


@pytest.mark.parametrize("kind", DISHONEST)
def test_what_is_of_no_accepted_type_or_has_macros_is_refused_and_nothing_is_kept(staff, resource, kind):
    response = save(staff, resource, {"file": upload("standard.docx", DISHONEST[kind])})
    text = response.content.decode()
    assert response.status_code == 200
    assert "The file standard.docx is not a PDF, Word, Excel, PowerPoint, PNG or JPEG file, or it has macros" in text
    assert not ResourceFile.objects.exists()
    assert not on_disk()
    resource.refresh_from_db()
    assert resource.title_en == "Sample curriculum standard"


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("standard.docx", "PDF", "its content is PDF, so the name must end in .pdf"),
        ("standard.pdf", "Word", "its content is Word, so the name must end in .docx"),
        ("standard.xlsx", "Excel of 1997", "its content is Excel, so the name must end in .xls"),
        ("standard", "PDF", "must end in .pdf"),
        ("standard.pdf.exe", "PDF", "must end in .pdf"),
    ],
)
def test_a_file_of_another_type_than_its_name_says_is_refused_and_nothing_is_kept(staff, resource, name, kind, said):
    text = save(staff, resource, {"file": upload(name, HONEST[kind][0])}).content.decode()
    assert said in text
    assert not ResourceFile.objects.exists()
    assert not on_disk()


@pytest.mark.parametrize(
    ("name", "kind"), [("A.PDF", "PDF"), ("photo.jpeg", "JPEG"), ("photo.JPG", "JPEG"), ("x" * 150 + ".pdf", "PDF")]
)
def test_capitals_jpeg_and_long_names_are_taken(staff, resource, name, kind):
    save(staff, resource, {"file": upload(name, HONEST[kind][0])})
    assert ResourceFile.objects.get().name == name


def test_a_file_over_fifty_megabytes_is_refused_and_nothing_is_kept(staff, resource, monkeypatch):
    monkeypatch.setattr(resource_files, "MAX_FILE_SIZE", MEGABYTE)
    text = save(staff, resource, {"file": upload(sent=PDF + bytes(MEGABYTE))}).content.decode()
    assert "The file standard.pdf is larger than 1 MB" in text
    assert not on_disk()


def test_the_limit_is_fifty_megabytes():
    assert resource_files.MAX_FILE_SIZE == 50 * MEGABYTE


def test_an_empty_file_is_refused(staff, resource):
    assert "The submitted file is empty" in save(staff, resource, {"file": upload(sent=b"")}).content.decode()
    assert not on_disk()


def test_a_refused_form_keeps_what_was_typed_and_the_file(staff, resource):
    save(staff, resource, {"file": upload(), "version": ""}, title_en="Typed for long", slug="")
    assert not on_disk()
    again = AdminForm(staff, reverse(CHANGE, args=[resource.pk]))
    assert again.data["title_en"] == ["Typed for long"]
    assert "In the draft: standard.pdf" in again.page.text
    again.data |= {"slug": ["sample-standard"], "files-0-version": ["9.0"]}
    again.submit("_publish")
    assert ResourceFile.objects.get().name == "standard.pdf"
    assert len(on_disk()) == 1


def test_a_version_has_one_file_in_each_language(staff, file):
    text = save(staff, file.resource, {"version": "1.0", "file": upload()}).content.decode()
    assert TAKEN in text
    both = [{"version": "3", "file": upload()}, {"version": "3", "file": upload(sent=PDF + b"2")}]
    assert save(staff, file.resource, *both).status_code == 200
    assert ResourceFile.objects.count() == 1
    save(staff, file.resource, {"version": "1.0", "language": "en", "file": upload()})
    assert ResourceFile.objects.count() == 2
    assert len(on_disk()) == 2


TAKEN = "There is already a file of this version in this language."


def test_the_same_form_submitted_twice_is_stored_once_and_says_that_the_version_is_taken(staff, resource):
    answers = form(resource, {"file": upload()})
    address = reverse(CHANGE, args=[resource.pk])
    staff.post(address, answers)
    again = staff.post(address, answers | {"files-0-file": upload()}, follow=True)
    assert again.status_code == 200
    assert TAKEN in again.content.decode()
    assert ResourceFile.objects.count() == 1


def test_a_version_that_a_colleague_stored_since_the_form_was_opened_is_taken(staff, resource):
    opened = form(resource, {"version": "3.0", "file": upload()}, title_en="Typed for long")
    with_file(resource, version="3.0")
    text = staff.post(reverse(CHANGE, args=[resource.pk]), opened, follow=True).content.decode()
    assert TAKEN in text
    assert "Typed for long" in text


def test_two_versions_cannot_be_swapped_in_one_form(staff, file):
    with_file(file.resource, version="2.0")
    swapped = {"files-0-version": "1.0", "files-1-version": "2.0"}
    assert [row.version for row in file.resource.files.order_by("-language", "-dated", "-pk")] == ["2.0", "1.0"]
    response = save(staff, file.resource, **swapped)
    assert response.status_code == 200
    # At both fields, and above the form.
    assert response.content.decode().count(TAKEN) == 4


def test_a_wrong_upload_is_deleted_and_added_again_in_one_form(staff, file):
    save(staff, file.resource, {"version": "1.0", "file": upload()}, **{"files-0-DELETE": "on"})
    [added] = ResourceFile.objects.all()
    assert (added.pk != file.pk, added.version) == (True, "1.0")


def test_a_version_that_a_colleague_stores_while_the_form_is_validated_is_refused(staff, resource, monkeypatch):
    validate, blind = ResourceFileFormSet.clean, []
    monkeypatch.setattr(
        ResourceFileFormSet, "clean", lambda formset: validate(formset) if blind else blind.append(formset)
    )
    opened = form(resource, {"version": "3.0", "file": upload()})
    with_file(resource, version="3.0")
    address = reverse(CHANGE, args=[resource.pk])
    refused = staff.post(address, opened, follow=True)
    assert blind, "nothing was validated"
    assert "This does not agree with what else is stored." in refused.content.decode()
    assert TAKEN in AdminForm(staff, address).submit("_publish").content.decode()
    assert ResourceFile.objects.count() == 1


@pytest.mark.parametrize(("language", "said"), [("en", "This day is still to come"), ("zh-hans", "该日期尚未到来")])
def test_a_version_of_a_day_to_come_in_beijing_is_refused(staff, file, time_machine, language, said):
    staff.cookies["django_language"] = language
    time_machine.move_to("2026-11-29T16:30:00Z", tick=False)
    for dated in ("2026-12-01", "2062-03-01"):
        assert said in save(staff, file.resource, {"dated": dated, "file": upload()}).content.decode()
        assert said in save(staff, file.resource, **{"files-0-dated": dated}).content.decode()
    assert ResourceFile.objects.count() == 1
    save(staff, file.resource, {"dated": "2026-11-30", "file": upload()})
    assert ResourceFile.objects.get(version="9.0").dated == date(2026, 11, 30), "today"


def test_the_same_content_again_is_taken_with_a_warning(staff, file):
    with file.file.open() as stored:
        same = stored.read()
    text = save(staff, file.resource, {"file": upload(sent=same)}).content.decode()
    assert "The new file of version 9.0 has the same content as that of version 1.0" in text
    assert ResourceFile.objects.count() == 2


def test_version_and_date_of_a_stored_file_can_be_corrected_but_neither_language_nor_content(staff, file):
    before = on_disk()
    changes = {
        "files-0-version": "1.1",
        "files-0-dated": "2026-03-02",
        "files-0-language": "en",
        "files-0-file": upload(sent=PDF + b"other"),
    }
    assert "Published: Chinese and English." in save(staff, file.resource, **changes).content.decode()
    changed = ResourceFile.objects.get()
    assert (changed.version, changed.dated, changed.language) == ("1.1", date(2026, 3, 2), "zh-hans")
    assert (changed.sha256, on_disk()) == (file.sha256, before)


def test_a_resource_that_is_published_without_a_file_is_taken_with_a_warning(staff, resource):
    text = save(staff, resource).content.decode()
    assert "This resource is published, but has no file." in text
    assert "has no file" not in save(staff, resource, {"file": upload()}).content.decode()


def test_the_admin_shows_type_size_and_downloads(staff, file):
    for days, number in [(0, 3), (29, 4), (30, 50)]:
        DownloadCount.objects.create(file=file, day=timezone.localdate() - timedelta(days=days), number=number)
    text = staff.get(reverse(CHANGE, args=[file.resource_id])).content.decode()
    for said in ("PDF<br>84\xa0bytes", "7 in the last 30 days, 57 in all"):
        assert said in text
    assert "SHA" not in text and file.sha256 not in text
    rows = staff.get(reverse("admin:programs_resource_changelist")).content.decode()
    assert '<td class="field-recent_downloads">7</td>' in rows


def test_the_admin_says_that_a_file_is_missing_on_the_disk(staff, file):
    Path(file.file.path).unlink()
    assert "The file is missing" in staff.get(reverse(CHANGE, args=[file.resource_id])).content.decode()


def test_the_list_of_resources_marks_files_that_are_missing_on_the_disk(staff, file):
    with_file(file.resource, "en")
    address = reverse("admin:programs_resource_changelist")
    assert '<td class="field-versions">2</td>' in staff.get(address).content.decode()
    Path(file.file.path).unlink()
    marked = '<td class="field-versions">2, files missing: Chinese 1.0</td>'
    with CaptureQueriesContext(connection) as few:
        assert marked in staff.get(address).content.decode()
    for number in range(9):
        with_file(published(f"resource-{number}"))
    with CaptureQueriesContext(connection) as many:
        assert marked in staff.get(address).content.decode()
    assert len(many) == len(few)


def test_staff_fetch_the_file_of_a_draft_and_nobody_else_does(staff, client, resource):
    Resource.objects.update(published_at_zh_hans=None, published_at_en=None)
    file = with_file(resource)
    address = reverse("admin:programs_resourcefile_download", args=[file.pk])
    assert address in staff.get(reverse(CHANGE, args=[resource.pk])).content.decode()
    assert content(staff.get(address)) == PDF + b"zh-hans 1.0"
    assert "no-store" in staff.get(address).headers["Cache-Control"]
    assert not DownloadCount.objects.exists()


def test_who_may_not_see_resources_does_not_fetch_their_files(client, file):
    address = reverse("admin:programs_resourcefile_download", args=[file.pk])
    assert client.get(address).status_code == 302
    user = User.objects.create_user("desk", is_staff=True)
    client.force_login(user)
    assert client.get(address).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_resource"))
    assert client.get(address).status_code == 200


@pytest.mark.parametrize("rights", [[], ["change_resource", "add_resourcefile"]])
def test_who_may_only_view_a_stored_file_gets_a_link_that_works_and_not_its_name_on_the_disk(client, file, rights):
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_resource", "view_resourcefile", *rights]))
    client.force_login(user)
    page = BeautifulSoup(client.get(reverse(CHANGE, args=[file.resource_id])).content, "html.parser")
    link = page.select_one("#files-0 .field-file .readonly a")
    assert link.get_text() == "standard.pdf"
    assert content(client.get(link["href"])) == PDF + b"zh-hans 1.0"
    assert file.file.name not in str(page)


def test_a_stored_file_has_no_public_address(file):
    with pytest.raises(ValueError, match="not accessible via a URL"):
        _address = file.file.url


def test_only_who_may_delete_deletes_a_wrong_upload(client, file):
    user = User.objects.create_user("editor", is_staff=True)
    rights = ["change_resource", "view_resource", "add_resourcefile", "change_resourcefile", "view_resourcefile"]
    rights.append("publish_content")
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    save(client, file.resource, **{"files-0-DELETE": "on"})
    assert ResourceFile.objects.count() == 1
    user.user_permissions.add(Permission.objects.get(codename="delete_resourcefile"))
    save(client, file.resource, **{"files-0-DELETE": "on"})
    assert not ResourceFile.objects.exists()


# The size of a request


class Body:
    """A request body of `size` bytes that is generated while it is read."""

    def __init__(self, size):
        self.left = self.size = size

    def read(self, size=-1):
        size = self.left if size is None or size < 0 else min(size, self.left)
        self.left -= size
        return b"x" * size

    readline = read


@pytest.mark.parametrize("path", ["/admin/programs/resource/add/", "/admin/programs/resource/1/change/"])
def test_two_files_of_fifty_megabytes_reach_the_form_of_a_resource(staff, path):
    assert kept(path, "django_language=en; sessionid=x") == 101 * MEGABYTE


@pytest.mark.parametrize(
    ("path", "cookie"),
    [
        ("/admin/programs/resource/add/", ""),
        ("/admin/programs/resource/1/change/", "django_language=en"),
        ("/admin/programs/resource/", "sessionid=x"),
        ("/admin/programs/resource/nothing/", "sessionid=x"),
        ("/admin/programs/resource/1/delete/", "sessionid=x"),
    ],
)
def test_nothing_so_large_is_kept_without_a_session_or_for_another_address(path, cookie):
    assert kept(path, cookie) == 0


def kept(path, cookie):
    """Returns how many bytes of a request of 101 MB Django gets."""
    body = Body(101 * MEGABYTE)
    environ = {"PATH_INFO": path, "HTTP_COOKIE": cookie, "CONTENT_LENGTH": str(body.size), "wsgi.input": body}
    read_body(environ)
    return environ["wsgi.input"].seek(0, os.SEEK_END)


@pytest.mark.parametrize(
    ("language", "path", "size", "said"),
    [
        ("en", "/admin/programs/resource/add/", 105, ["104 MB", "at most 50 MB each"]),
        ("zh-hans", "/admin/programs/resource/1/change/", 105, ["超过104 MB", "每个文件不超过50 MB"]),
        ("en", "/admin/programs/program/add/", 33, ["larger than 32 MB"]),
        ("en", "/en/contact/", 33, ["larger than 32 MB"]),
    ],
)
def test_a_larger_request_is_answered_with_its_limit_and_not_kept(staff, language, path, size, said):
    staff.cookies["django_language"] = language
    body = Body(size * MEGABYTE)
    cookies = {"HTTP_COOKIE": "; ".join(f"{cookie.key}={cookie.value}" for cookie in staff.cookies.values())}
    environ = {"PATH_INFO": path, "CONTENT_LENGTH": str(body.size), "wsgi.input": body} | cookies
    read_body(environ)
    assert body.left == 0
    assert environ["wsgi.input"].read() == b""
    response = staff.generic("POST", path, **environ | {"CONTENT_TYPE": "multipart/form-data; boundary=x"})
    assert response.status_code == 413
    for words in said:
        assert words in response.content.decode()


def test_who_is_signed_out_reads_to_sign_in_again(client):
    body = Body(33 * MEGABYTE)
    environ = {"CONTENT_LENGTH": str(body.size), "wsgi.input": body, "HTTP_COOKIE": "django_language=en"}
    response = client.generic("POST", "/admin/programs/resource/add/", **environ)
    assert response.status_code == 413
    assert "sign in again" in response.content.decode()

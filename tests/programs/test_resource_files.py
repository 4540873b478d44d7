"""The files of resources: the links to them, headers, publication, counts, missing files, storage and orphans."""

import hashlib
import logging
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import QuerySet

from contact import attachments
from contact.desk.daily_report import queue_daily_report
from programs import resource_files
from programs.models import DownloadCount, Resource, ResourceFile, resource_storage
from tests.contact.databases import on_file
from tests.contact.files import HONEST, PDF
from tests.programs.resources import content, on_disk, published, with_file

pytestmark = pytest.mark.django_db

LINK = "/en/resources/sample-standard/file/"


def downloads(file):
    return sum(count.number for count in file.downloads.all())


@pytest.fixture(autouse=True)
def new_process():
    """Forgets which missing files this process has logged."""
    resource_files.log_missing.cache_clear()


@pytest.fixture
def resource():
    return published()


@pytest.fixture
def file(resource):
    return with_file(resource)


# The links


def test_the_link_leads_to_the_newest_file_and_stays_the_same_when_it_is_replaced(client, resource):
    first = with_file(resource, version="1.0", dated=date(2026, 3, 1), content=PDF + b"one")
    assert content(client.get(LINK)) == PDF + b"one"
    with_file(resource, version="2.0", dated=date(2026, 4, 1), content=PDF + b"two")
    assert content(client.get(LINK)) == PDF + b"two"
    assert content(client.get(f"{LINK}{first.pk}/")) == PDF + b"one", "its own link still leads to the old version"


def test_of_two_versions_with_one_date_the_later_upload_is_current(client, resource):
    with_file(resource, version="2.0", content=PDF + b"first")
    with_file(resource, version="1.9", content=PDF + b"second")
    assert content(client.get(LINK)) == PDF + b"second"


def test_an_older_version_that_is_added_later_does_not_become_current(client, resource):
    with_file(resource, version="2.0", dated=date(2026, 4, 1), content=PDF + b"new")
    with_file(resource, version="1.0", dated=date(2026, 3, 1), content=PDF + b"old")
    assert content(client.get(LINK)) == PDF + b"new"


def test_the_link_gives_the_readers_language_or_else_the_other_one(client, resource):
    with_file(resource, "zh-hans", content=PDF + b"zh")
    response = client.get(LINK)
    assert (content(response), response.headers["Content-Language"]) == (PDF + b"zh", "zh-Hans")
    with_file(resource, "en", content=PDF + b"en", dated=date(2020, 1, 1))
    assert content(client.get(LINK)) == PDF + b"en"
    assert content(client.get("/zh-hans/resources/sample-standard/file/")) == PDF + b"zh"
    assert content(client.get(f"{LINK}zh-hans/")) == PDF + b"zh"


def test_a_link_without_a_language_leads_to_one(client, file):
    response = client.get("/resources/sample-standard/file/", headers={"accept-language": "en"})
    assert (response.status_code, response.headers["Location"]) == (302, LINK)


@pytest.mark.parametrize("end", ["en/", "fr/", "0/", f"{10**30}/", "zh-hans/extra/"])
def test_a_link_to_no_file_is_a_page_that_says_so(client, file, end):
    response = client.get(f"{LINK}{end}")
    assert response.status_code == 404
    assert "<h1>" in response.content.decode()


def test_a_resource_without_a_file_says_so_under_its_link(client, resource):
    response = client.get(LINK)
    assert response.status_code == 404
    assert "There is no such file" in response.content.decode()


def test_a_document_with_a_file_in_one_language_leads_readers_of_the_other_to_it(client, file):
    assert file.language == "zh-hans"
    detail = client.get("/en/resources/sample-standard/").content.decode()
    assert "There is no file in English. There is one in Chinese:" in detail
    assert "没有中文版文件" not in client.get("/zh-hans/resources/sample-standard/").content.decode()
    missing = client.get(f"{LINK}en/").content.decode()
    assert f'a file in one language only: <a href="{LINK}">Download: Chinese</a>' in missing
    with_file(file.resource, "en")
    assert "no file in English" not in client.get("/en/resources/sample-standard/").content.decode()


# Publication


def test_the_file_of_a_draft_cannot_be_fetched(client):
    file = with_file(published(languages=()))
    for language in ("zh-hans", "en"):
        for end in ("", "zh-hans/", "en/", f"{file.pk}/"):
            path = f"/{language}/resources/sample-standard/file/{end}"
            assert client.get(path).status_code == 404, path
            assert client.head(path).status_code == 404, path
    assert not DownloadCount.objects.exists()


def test_the_file_of_a_resource_is_withheld_in_the_language_in_which_it_is_a_draft(client):
    file = with_file(published(languages=["zh_hans"]))
    for end in ("", "zh-hans/", f"{file.pk}/"):
        assert client.get(f"{LINK}{end}").status_code == 404, end
        assert content(client.get(f"/zh-hans/resources/sample-standard/file/{end}")), end


def test_the_number_of_a_drafts_file_does_not_fetch_it_through_another_resource(client, file):
    draft = with_file(published("draft", languages=()))
    assert client.get(f"{LINK}{draft.pk}/").status_code == 404
    assert content(client.get(f"{LINK}{file.pk}/"))


def test_a_file_is_withheld_at_once_when_its_resource_is_withdrawn(client, file):
    etag = client.get(LINK).headers["ETag"]
    Resource.objects.update(published_at_en=None)
    assert client.get(LINK, headers={"If-None-Match": etag}).status_code == 404


def test_a_file_has_no_other_address(client, file):
    assert client.get(f"/media/{file.file.name}").status_code == 404
    assert client.get(f"/internal/resources/{file.file.name}").status_code == 404


def test_the_english_file_of_a_resource_in_chinese_only_is_fetched_through_its_chinese_address(client):
    resource = published(languages=["zh_hans"])
    with_file(resource, "en", content=PDF + b"en")
    assert content(client.get("/zh-hans/resources/sample-standard/file/en/")) == PDF + b"en"
    assert client.get(f"{LINK}en/").status_code == 404


# Headers


@pytest.mark.parametrize("kind", HONEST)
def test_a_file_is_sent_byte_for_byte_as_a_download_of_its_type(client, resource, kind):
    sent, content_type, ending = HONEST[kind]
    with_file(resource, content=sent, name=f"standard{ending}")
    response = client.get(LINK, headers={"accept-encoding": "gzip, br"})
    assert content(response) == sent
    headers = response.headers
    assert headers["Content-Type"] == content_type
    assert headers["Content-Length"] == str(len(sent))
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["Cache-Control"] == "no-cache"
    assert headers["ETag"] == f'"{hashlib.sha256(sent).hexdigest()}"'
    assert "Content-Encoding" not in headers
    assert not response.cookies


def test_the_name_of_a_download_is_the_title_in_its_language_and_the_version(client, resource):
    with_file(resource, "zh-hans", version="2.0")
    with_file(resource, "en", version="2/b")
    chinese = client.get(f"{LINK}zh-hans/").headers["Content-Disposition"]
    assert chinese == ("attachment; filename*=utf-8''%E7%A4%BA%E4%BE%8B%E8%AF%BE%E7%A8%8B%E6%A0%87%E5%87%86%202.0.pdf")
    english = client.get(f"{LINK}en/").headers["Content-Disposition"]
    assert english == 'attachment; filename="Sample curriculum standard 2 b.pdf"'


def test_the_name_of_a_download_does_not_give_away_the_title_of_a_draft(client):
    with_file(published(languages=["en"], title_zh_hans="尚未发布的标题"), "zh-hans")
    response = client.get(LINK)
    assert response.headers["Content-Disposition"] == 'attachment; filename="Sample curriculum standard 1.0.pdf"'


@pytest.mark.parametrize("title", ['A "quoted" \\ title: <b>?*|', "Line\r\nX-Injected: yes", "x" * 120])
def test_no_title_breaks_the_header(client, resource, title):
    Resource.objects.update(title_en=title)
    with_file(resource, "en", version="v" * 40)
    response = client.get(LINK)
    assert response.status_code == 200
    assert "X-Injected" not in response.headers
    assert response.headers["Content-Disposition"].endswith('.pdf"')


def test_a_browser_that_has_the_file_does_not_fetch_it_again(client, file):
    response = client.get(LINK)
    again = client.get(LINK, headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    with_file(file.resource, version="2.0", dated=date(2026, 9, 1), content=PDF + b"new")
    changed = client.get(LINK, headers={"If-None-Match": response.headers["ETag"]})
    assert content(changed) == PDF + b"new"


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_a_link_can_only_be_read(client, file, method):
    assert getattr(client, method)(LINK).status_code == 405


def test_behind_nginx_the_portal_names_the_file_and_nginx_sends_it(client, settings, file):
    settings.PORTAL_X_ACCEL = True
    response = client.get(LINK)
    assert response.status_code == 200
    assert response.content == b""
    assert response.headers["X-Accel-Redirect"] == f"/internal/resources/{file.file.name}"
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert downloads(file) == 1
    Resource.objects.update(published_at_en=None)
    assert "X-Accel-Redirect" not in client.get(LINK).headers


def test_without_nginx_no_header_names_the_file_on_the_disk(client, file):
    assert file.file.name not in str(client.get(LINK).headers)


# Counts


def test_each_download_is_counted_on_its_day_in_beijing(client, file, time_machine):
    time_machine.move_to("2100-11-29T15:59:00Z", tick=False)
    for _download in range(2):
        client.get(LINK)
    time_machine.move_to("2100-11-29T16:01:00Z", tick=False)
    client.get(f"{LINK}zh-hans/")
    client.get(f"{LINK}{file.pk}/")
    counts = DownloadCount.objects.order_by("day").values_list("file", "day", "number")
    assert list(counts) == [(file.pk, date(2100, 11, 29), 2), (file.pk, date(2100, 11, 30), 2)]


def test_what_is_no_new_download_is_not_counted(client, file):
    etag = client.get(LINK).headers["ETag"]
    client.head(LINK)
    client.get(LINK, headers={"If-None-Match": etag})
    client.get(LINK, headers={"Range": "bytes=100-"})
    client.get("/en/resources/sample-standard/")
    assert downloads(file) == 1
    client.get(LINK, headers={"Range": "bytes=0-"})
    assert downloads(file) == 2


def test_a_count_holds_a_file_a_day_and_a_number_and_nothing_of_who_did(client, file):
    client.get(LINK)
    assert {field.name for field in DownloadCount._meta.fields} == {"id", "file", "day", "number"}


def test_a_count_that_fails_costs_the_visitor_nothing_and_is_logged(client, file, monkeypatch, caplog):
    def refuse(*args, **kwargs):
        raise DatabaseError("attempt to write a readonly database")

    monkeypatch.setattr(QuerySet, "update", refuse)
    with caplog.at_level(logging.ERROR):
        assert content(client.get(LINK))
    assert f"file {file.pk} could not be counted" in caplog.text


@pytest.fixture
def committed(tmp_path):
    """Lets other threads commit to the database. Their rows are gone after the test."""
    if connection.vendor == "sqlite":
        with on_file(tmp_path / "portal.sqlite3", timeout=20):
            yield
    else:
        yield
        in_thread(Resource.objects.filter(slug="sample-standard").delete)


def in_thread(call):
    """Returns what `call` returns in another thread, with a connection of its own."""

    def run():
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result()


def test_downloads_that_come_at_once_are_all_counted(committed):
    file = in_thread(lambda: with_file(published()))
    barrier = Barrier(4)

    def count(_thread):
        barrier.wait()
        for _download in range(5):
            file.count_download()
        connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count, range(4)))
    assert in_thread(lambda: [count.number for count in DownloadCount.objects.all()]) == [20]


# Missing files


@pytest.mark.parametrize(
    ("language", "words", "telephone"),
    [("en", "It is missing on our server", "+86 10 5365 6705"), ("zh-hans", "文件在服务器上缺失", "010-53656705")],
)
def test_a_file_that_is_missing_on_the_disk_says_so_and_leads_back(client, file, caplog, language, words, telephone):
    Path(file.file.path).unlink()
    with caplog.at_level(logging.ERROR):
        response = client.get(f"/{language}/resources/sample-standard/file/")
    text = response.content.decode()
    assert response.status_code == 404
    for said in (words, telephone, f'href="/{language}/resources/sample-standard/"'):
        assert said in text
    assert f"File {file.pk} of resource {file.resource_id} cannot be read" in caplog.text
    assert not downloads(file)


@pytest.mark.parametrize("error", [FileNotFoundError, PermissionError])
def test_a_file_that_cannot_be_opened_says_so_and_is_not_counted(client, file, error, monkeypatch):
    def refuse(*args, **kwargs):
        raise error

    monkeypatch.setattr(FileSystemStorage, "_open", refuse)
    response = client.get(LINK)
    assert response.status_code == 404
    assert "It is missing on our server" in response.content.decode()
    assert not downloads(file)


def test_a_missing_file_is_logged_once_however_often_visitors_ask(client, file, caplog):
    Path(file.file.path).unlink()
    for _request in range(5):
        assert client.get(LINK).status_code == 404
    assert caplog.text.count("cannot be read") == 1


@pytest.mark.parametrize("recipients", [[], ["desk@desk.example"]])
def test_the_page_promises_no_message_to_staff(client, file, settings, recipients):
    settings.PORTAL_ENQUIRIES_TO = recipients
    Path(file.file.path).unlink()
    assert "notified" not in client.get(LINK).content.decode()


def test_behind_nginx_too_a_missing_file_says_so(client, settings, file):
    settings.PORTAL_X_ACCEL = True
    Path(file.file.path).unlink()
    assert client.get(LINK).status_code == 404


def test_the_daily_report_names_the_files_that_are_missing_once_a_day(file, settings, time_machine):
    settings.PORTAL_ENQUIRIES_TO = ["desk@desk.example"]
    time_machine.move_to("2026-11-29T02:00:00Z", tick=False)
    with_file(file.resource, version="2.0")
    Path(file.file.path).unlink()
    [mail] = queue_daily_report()
    assert mail.subject.startswith("注意：资源文件缺失")
    assert "示例课程标准（中文，版本1.0）" in mail.message
    assert "2.0" not in mail.message
    assert queue_daily_report() == []


def test_the_daily_report_is_calm_when_every_file_is_there(file, settings, time_machine):
    settings.PORTAL_ENQUIRIES_TO = ["desk@desk.example"]
    time_machine.move_to("2026-11-29T02:00:00Z", tick=False)
    [mail] = queue_daily_report()
    assert "注意" not in mail.subject + mail.message


# Storage


def test_a_file_is_stored_under_a_random_name_with_what_is_known_of_its_content(resource):
    file = with_file(resource, content=HONEST["Excel"][0], name="表 格.xlsx")
    assert on_disk() == [file.file.name]
    assert len(file.file.name) == 32
    assert file.name == "表 格.xlsx"
    assert (file.type_name, file.size) == ("Excel", len(HONEST["Excel"][0]))
    assert file.sha256 == hashlib.sha256(HONEST["Excel"][0]).hexdigest()


def test_code_cannot_store_a_file_of_no_accepted_type(resource):
    with pytest.raises(ValueError, match="no accepted type"):
        with_file(resource, content=b"<script>alert(1)</script>", name="page.html")
    assert not on_disk()


def test_a_file_is_on_the_disk_before_its_row(resource, monkeypatch):
    order = []
    fsync, insert = os.fsync, QuerySet._insert
    monkeypatch.setattr(os, "fsync", lambda fd: order.append(Path(f"/proc/self/fd/{fd}").readlink()) or fsync(fd))
    monkeypatch.setattr(QuerySet, "_insert", lambda self, *a, **k: order.append(self.model) or insert(self, *a, **k))
    file = with_file(resource)
    path = Path(file.file.path)
    assert order[:4] == [path, *path.parents[:2], ResourceFile]


def test_the_storage_lets_a_web_server_open_a_file_it_is_told_and_list_nothing(tmp_path):
    from portal import settings

    options = settings.STORAGES["resources"]["OPTIONS"]
    assert options["location"] == settings.DATA / "resources"
    storage = FileSystemStorage(**options | {"location": tmp_path / "data/resources"})
    storage.save("name", ContentFile(b"x"))
    assert stat.S_IMODE((tmp_path / "data/resources").stat().st_mode) == 0o711
    assert stat.S_IMODE((tmp_path / "data/resources/name").stat().st_mode) == 0o644


def test_orphans_go_after_an_hour_and_files_with_a_row_stay(file):
    folder = Path(file.file.path).parent
    for name, hours in [("fresh", 0), ("recent", 0.9), ("orphan", 1.1), (file.file.name, 700)]:
        (folder / name).touch()
        os.utime(folder / name, (time.time() - hours * 3600,) * 2)
    assert resource_files.remove_orphans() == 1
    assert on_disk() == sorted([file.file.name, "fresh", "recent"])


def test_a_file_whose_row_was_not_stored_is_an_orphan(file):
    with pytest.raises(IntegrityError), transaction.atomic():
        with_file(file.resource, version=file.version)
    [orphan] = set(on_disk()) - {file.file.name}
    os.utime(resource_storage().path(orphan), (0, 0))
    assert resource_files.remove_orphans() == 1
    assert on_disk() == [file.file.name]


def test_on_an_empty_database_no_file_is_an_orphan_and_the_log_says_so_once(file, caplog):
    os.utime(file.file.path, (0, 0))
    ResourceFile.objects.all()._raw_delete("default")
    resource_files.log_no_rows.cache_clear()
    for _minute in range(2):
        assert resource_files.remove_orphans() == 0
    assert on_disk() == [file.file.name]
    assert caplog.text.count("the database names none") == 1


def test_where_no_file_was_ever_stored_there_are_no_orphans():
    assert resource_files.remove_orphans() == 0


def test_the_orphans_of_the_desk_are_not_the_files_of_resources(file):
    os.utime(file.file.path, (0, 0))
    assert attachments.remove_orphans() == 0
    assert on_disk() == [file.file.name]


def test_the_worker_removes_orphans(settings):
    assert "programs.resource_files.remove_orphans" in settings.WORKER_CHORES


@pytest.mark.parametrize("what", ["file", "resource"])
def test_a_deleted_file_leaves_the_disk_with_the_commit(file, what, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        (file if what == "file" else file.resource).delete()
    assert on_disk() == []

"""The preview of a draft: the public page, and nothing of it is left behind."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
import time_machine
from bs4 import BeautifulSoup
from django.contrib import admin
from django.http import Http404
from django.utils import timezone
from post_office.models import Email

from contact.models import AnswerTemplate
from partners.models import Country, Institution
from portal import content_version
from portal.bilingual.editing import BilingualAdmin
from programs.models import Area, Certificate, Industry, Program, Resource
from tests.admin_forms import AdminForm
from tests.programs.resources import published, with_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def program():
    return Program.objects.get(slug="teacher-exchange")


def form_of(client, program):
    client.cookies["django_language"] = "en"
    return AdminForm(client, f"/admin/programs/program/{program.pk}/change/")


def test_it_shows_what_was_typed_in_each_language_and_as_a_pair(admin_client, client, program):
    form = form_of(admin_client, program)
    form.data |= {"title_en": ["Typed title"], "title_zh_hans": ["新标题"]}
    form.add_row("steps", text_en="A typed step", text_zh_hans="新步骤")
    version, shown = content_version.read(), {}
    for button in ("_preview_en", "_preview_zh-hans", "_preview_pair"):
        response = form.submit(button)
        assert response.status_code == 200
        assert "default-src 'none'" in response["Content-Security-Policy"]
        assert "nonce" not in response["Content-Security-Policy"]
        assert "no-store" in response["Cache-Control"]
        shown[button] = BeautifulSoup(response.content, "html.parser")
    assert shown["_preview_en"].h1.text.startswith("Typed title")
    assert shown["_preview_en"].html["lang"] == "en"
    assert "A typed step" in shown["_preview_en"].main.text
    assert shown["_preview_zh-hans"].h1.text.startswith("新标题")
    assert "新步骤" in shown["_preview_zh-hans"].main.text
    assert {"Typed title", "新标题", "A typed step", "新步骤"} <= set(shown["_preview_pair"].main.stripped_strings)
    band = {link.text: link["href"] for link in shown["_preview_en"].select(".demo-band a")}
    assert list(band) == ["Chinese", "English", "Side by side"]
    for name, title in [("Chinese", "新标题"), ("English", "Typed title")]:
        assert title in BeautifulSoup(client.get(band[name]).content, "html.parser").h1.text
    assert content_version.read() == version
    assert not program.steps.filter(text_en="A typed step").exists()
    assert b"Typed title" not in client.get("/en/programs/teacher-exchange/").content
    assert b"Typed title" not in client.get("/en/").content


def link_of(form, button="_preview_en"):
    """Returns the address that the button of a form leads to."""
    return form.client.post(form.address, form.data | {button: "1"})["Location"]


def test_the_link_shows_the_draft_to_a_colleague_without_an_account_for_a_day(admin_client, client, program):
    form = form_of(admin_client, program)
    form.data["title_en"] = ["Typed title"]
    address = link_of(form)
    assert "Typed title" in client.get(address).content.decode()
    assert client.get(address)["X-Robots-Tag"] == "noindex, nofollow"
    assert not client.get(address).cookies
    # The address is as good as a password, and pages link to others.
    assert client.get(address)["Referrer-Policy"] == "no-referrer"
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        ended = client.get(address)
    assert ended.status_code == 404
    assert "该预览链接已失效" in ended.content.decode()
    for wrong in (address[:-2] + "/", "/preview/x/", "/preview/%00/"):
        assert client.get(wrong).status_code == 404, wrong


def test_staff_end_all_links_to_previews(admin_client, client, program):
    address = link_of(form_of(admin_client, program))
    assert client.get(address).status_code == 200
    form = form_of(admin_client, program)
    form.submit("_end_previews")
    assert client.get(address).status_code == 404


def test_what_is_not_right_yet_has_no_preview_and_says_why(admin_client, program):
    form = form_of(admin_client, program)
    form.data["title_en"] = [""]
    response = form.submit("_preview_en")
    assert "Every published page needs this." in response.content.decode()
    assert response.status_code == 200


def test_staff_find_the_way_back_to_the_form(admin_client, client, program):
    form = form_of(admin_client, program)
    form.data["title_en"] = [""]
    response = form.submit("_preview_en")
    link = BeautifulSoup(response.content, "html.parser").find("a", string="Back to the form")
    assert link["href"] == form.address
    assert b"Back to the form" not in client.get(response.redirect_chain[-1][0]).content


def test_a_new_page_of_a_type_that_is_a_draft_too_has_a_preview(admin_client):
    admin_client.cookies["django_language"] = "en"
    area = Area.objects.first()
    Area.objects.filter(pk=area.pk).update(published_at_en=None)
    form = AdminForm(admin_client, "/admin/programs/program/add/")
    form.data |= {"title_en": ["A new program"], "summary_en": ["A summary"], "slug": ["new"], "area": [str(area.pk)]}
    response = form.submit("_preview_en")
    assert BeautifulSoup(response.content, "html.parser").h1.text.startswith("A new program")
    assert not Program.objects.filter(slug="new").exists()
    area.refresh_from_db()
    assert area.published_at_en is None


def test_a_page_of_a_type_without_texts_in_a_language_waits_for_it(admin_client):
    admin_client.cookies["django_language"] = "en"
    area = Area.objects.create(slug="chinese", title_zh_hans="只有中文", summary_zh_hans="摘要")
    form = AdminForm(admin_client, "/admin/programs/program/add/")
    form.data |= {"slug": ["new"], "area": [str(area.pk)]}
    for side in ("en", "zh_hans"):
        form.data |= {f"title_{side}": [f"New in {side}"], f"summary_{side}": ["A summary"]}
    shown = {button: form.submit(button).content.decode() for button in ("_preview_en", "_preview_pair")}
    for button, content in shown.items():
        assert "Waits for: 只有中文" in content, button
    assert "New in zh_hans" in form.submit("_preview_zh-hans").content.decode()


def test_a_preview_that_visitors_would_not_find_says_so(admin_client, program, monkeypatch):
    def find_nothing(*_args):
        raise Http404

    form = form_of(admin_client, program)
    address = link_of(form)
    monkeypatch.setattr(
        "portal.site.preview.resolve", lambda path: SimpleNamespace(func=find_nothing, args=(), kwargs={})
    )
    content = admin_client.get(address).content.decode()
    assert "Visitors would find no page here." in content
    assert "has ended" not in content


CONTENT = [model for model, model_admin in admin.site._registry.items() if isinstance(model_admin, BilingualAdmin)]
PAGES = [model for model in CONTENT if hasattr(model, "get_absolute_url")]


def test_every_kind_of_content_but_two_has_a_page():
    """The sweep below covers PAGES."""
    assert (len(PAGES), {*CONTENT} - {*PAGES}) == (10, {Industry, AnswerTemplate})


@pytest.mark.parametrize("model", [Industry, AnswerTemplate])
def test_what_has_no_page_has_no_preview(admin_client, model):
    admin_client.cookies["django_language"] = "en"
    form = AdminForm(admin_client, f"/admin/{model._meta.app_label}/{model._meta.model_name}/add/")
    assert form.page.select("[name=_publish]") and not form.page.select("[name^=_preview]")
    assert form.submit("_preview_en").status_code == 200


@pytest.mark.parametrize("model", PAGES)
def test_every_kind_of_content_has_a_preview(admin_client, model):
    admin_client.cookies["django_language"] = "en"
    now = timezone.now()
    times = {"published_at_zh_hans": now, "published_at_en": now}
    if model is Certificate:
        Certificate.objects.create(program=Program.objects.first(), name_zh_hans="证书", name_en="Certificate", **times)
    if model is Institution:
        Institution.objects.create(country=Country.objects.first(), name_zh_hans="大学", name_en="University", **times)
    if model is Resource:
        with_file(published())
    row = model.objects.first()
    form = AdminForm(admin_client, f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/")
    for button, language in (("_preview_en", "en"), ("_preview_zh-hans", "zh-Hans")):
        page = BeautifulSoup(form.submit(button).content, "html.parser")
        assert page.html["lang"] == language
        assert page.select_one(".demo-band").text
        assert page.main.h1


def test_a_preview_writes_no_file_and_queues_no_mail(admin_client, program, settings):
    before = files_in(settings.DATA)
    Email.objects.all().delete()
    form_of(admin_client, program).submit("_preview_pair")
    assert files_in(settings.DATA) == before
    assert not Email.objects.exists()


def files_in(folder):
    return sorted(str(path) for path in folder.rglob("*") if path.is_file())

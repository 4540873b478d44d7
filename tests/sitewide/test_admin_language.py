"""Where staff have chosen Chinese, the admin is Chinese: its pages, its dialogs and what its scripts say."""

import json
import re
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urljoin, urlsplit

import django.contrib.admin
import pytest
from bs4 import BeautifulSoup, Comment
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from post_office.models import STATUS

from contact.models import AnswerTemplate
from partners.models import Country, Institution
from portal.models import Department, Page
from programs.models import Certificate, Industry, Program
from tests.admin_forms import AdminForm
from tests.contact.rows import erased, stored
from tests.programs.resources import published, with_file

pytestmark = pytest.mark.django_db

WORD = re.compile(r"[A-Za-z][A-Za-z’'.-]*[A-Za-z]")
# Names of formats, protocols and things that have no other name in Chinese.
NAMES = {"PDF", "Word", "Excel", "PowerPoint", "PNG", "JPEG", "WebP", "GIF", "MB", "KB", "CSV", "XLSX", "ZIP"}
NAMES |= {"ICP", "ISO", "English", "SHA", "Django"}
# Examples of addresses and names of staff in helps, texts of the department, and what is written in this file.
TEXTS = r"[A-Z]{2}-\S+|teacher-exchange|admin|zhang@[a-z.]+|portal@[a-z.]+|https?://\S+|zhang|GB|ENQ-?\S*"
# What visitors and staff wrote, and the columns of lists that are English by their nature.
WRITTEN = "textarea, [lang=en], .admin-language, .field-slug, .field-name_en, .field-iso_code"
ATTRIBUTES = ("title", "alt", "placeholder", "aria-label", "aria-description", "label", "data-field-name")


def latin_words(html) -> set:
    """Returns the Latin words that a reader of `html` meets, except names."""
    page = BeautifulSoup(html, "html.parser")
    texts = []
    for formset in page.select("[data-inline-formset]"):
        options = json.loads(formset["data-inline-formset"])["options"]
        texts += [options["addText"], options["deleteText"]]
    for element in page.select(f"script, style, {WRITTEN}"):
        element.decompose()
    for comment in page.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    texts.append(page.get_text(" "))
    for element in page.find_all():
        texts += [element[name] for name in ATTRIBUTES if element.get(name)]
        if element.name == "input" and element.get("type") in ("submit", "button", "reset"):
            texts.append(element.get("value", ""))
    return {word for text in texts for word in WORD.findall(re.sub(TEXTS, " ", text))} - NAMES


def kind_of(address):
    """Returns what addresses of pages that differ only in their row or the value of a filter have in common."""
    parts = urlsplit(address)
    return re.sub(r"/\d+/", "/0/", parts.path), tuple(sorted(parse_qs(parts.query, keep_blank_values=True)))


@pytest.fixture
def chinese(admin_client, admin_user):
    """A client of an administrator who has chosen Chinese."""
    admin_user.language = "zh-hans"
    admin_user.email = "zhang@college.example"
    admin_user.save()
    admin_client.cookies["django_language"] = "zh-hans"
    return admin_client


@pytest.fixture
def filled(chinese, admin_user):
    """Rows in every list, with Chinese texts."""
    group = Group.objects.create(name="咨询处理组")
    group.permissions.set(Permission.objects.all()[:3])
    admin_user.groups.add(group)
    program, country = Program.objects.first(), Country.objects.get(iso_code="GB")
    texts = {"organisation": "示例学院", "person": "张三", "email": "zhang@college.example", "message": "如何准备？"}
    texts |= {"language": "zh-hans", "territory": "GB"}
    open_one = stored(STATUS.sent, STATUS.queued, STATUS.failed, program=program, owner=admin_user, **texts)
    open_one.log("received")
    stored(state="closed", country=country, **texts)
    erased()
    Institution.objects.create(name_zh_hans="示例学院", country=country)
    Certificate.objects.create(name_zh_hans="示例证书", program=program)
    industry = Industry.objects.create(slug="example", name_zh_hans="示例行业", name_en="Example")
    with_file(published("example", industry=industry))
    AnswerTemplate.objects.create(title="材料", text_zh_hans="您好")
    Page.objects.create(slug="example", title_zh_hans="示例页", summary_zh_hans="示例")
    # What was changed, added and deleted stands in the histories.
    form = AdminForm(chinese, f"/admin/programs/program/{program.pk}/change/")
    form.data["summary_zh_hans"] = ["示例项目。"]
    form.add_row("steps", title_zh_hans="第一步")
    form.submit("_publish_zh_hans")
    chinese.post("/admin/auth/group/add/", {"name": "另一组"})
    chinese.post(f"/admin/auth/group/{group.pk}/change/", {"name": "咨询处理组一"})
    return program


def test_every_page_of_the_chinese_admin_is_chinese(chinese, filled, record_property):
    waiting, seen, found = ["/admin/"], {}, {}

    def look(address, response):
        words = latin_words(response.content.decode())
        if words:
            found[address] = sorted(words)

    while waiting:
        address = waiting.pop(0)
        if kind_of(address) in seen:
            continue
        response = chinese.get(address, follow=True)
        seen[kind_of(address)] = response.status_code
        if not response.get("Content-Type", "").startswith("text/html") or response.status_code != 200:
            continue
        look(address, response)
        for link in BeautifulSoup(response.content, "html.parser").select("a[href]"):
            link = urlsplit(urljoin(address, link["href"]))
            query = [pair for pair in parse_qsl(link.query) if pair[0] != "_changelist_filters"]
            # One filter or order at a time.
            if link.path.startswith("/admin/") and len(query) < 2:
                waiting.append(link.path + (f"?{urlencode(query)}" if query else ""))
    # What answers to forms: what is refused, confirmed and said.
    adding = {path for path, _query in seen if path.endswith("/add/")}
    for path in sorted(adding):
        form = AdminForm(chinese, path)
        look(f"{path} refused", form.submit("_publish" if form.page.select("[name=_publish]") else "_save"))
    assert not found, "\n".join(f"{address}: {', '.join(words)}" for address, words in found.items())
    record_property("pages of the Chinese admin", len(seen))
    assert set(seen.values()) == {200}
    assert len(seen) > 150

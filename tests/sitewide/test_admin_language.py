"""Where staff have chosen Chinese, the admin is Chinese: its pages, its dialogs and what its scripts say."""

import json
import re
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urljoin, urlsplit

import django.contrib.admin
import pytest
from bs4 import BeautifulSoup, Comment
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from post_office.models import STATUS, Email

from contact.models import AnswerTemplate
from partners.models import Country, Institution
from portal.models import Page
from programs.models import Certificate, Industry, Program
from tests.admin_forms import AdminForm
from tests.contact.rows import erased, stored
from tests.programs.resources import published, with_file

pytestmark = pytest.mark.django_db

WORD = re.compile(r"[A-Za-z][A-Za-z’'.-]*[A-Za-z]")
# Names of formats, protocols and things that have no other name in Chinese.
NAMES = {"PDF", "Word", "Excel", "PowerPoint", "PNG", "JPEG", "WebP", "GIF", "MB", "KB", "CSV", "XLSX", "XLIFF", "ZIP"}
NAMES |= {"WPS", "pdf", "ICP", "ISO", "Control", "Command", "Mac"}
# References of enquiries, addresses, what stands for a value in a template, the name of the user, and an example.
TEXTS = r"\b[0-9A-Z]{8}\b|\S+@[a-z.]+|https?://\S+|\{\w+\}|\badmin\b|teacher-exchange"
# What visitors and staff wrote, and the fields and columns that are English by their nature.
WRITTEN = "textarea, [lang=en], .admin-language, .field-slug, .field-name_en, .field-iso_code, bdi"
ATTRIBUTES = ("title", "alt", "placeholder", "aria-label", "aria-description", "label")


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
    Email.objects.update(subject="回复")
    Institution.objects.create(name_zh_hans="示例学院", country=country)
    Certificate.objects.create(name_zh_hans="示例证书", program=program)
    industry = Industry.objects.create(slug="example", name_zh_hans="示例行业", name_en="Example")
    with_file(published("example", industry=industry), name="标准.pdf")
    AnswerTemplate.objects.create(title="材料", text_zh_hans="您好")
    Page.objects.create(slug="example", title_zh_hans="示例页", summary_zh_hans="示例")
    # What was changed, added and deleted stands in the histories.
    form = AdminForm(chinese, f"/admin/programs/program/{program.pk}/change/")
    form.data["summary_zh_hans"] = ["示例项目。"]
    form.add_row("steps", text_zh_hans="第一步")
    form.submit("_publish_zh-hans")
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
    assert "摘要（中文）" in chinese.get(f"/admin/programs/program/{filled.pk}/history/").content.decode()
    assert not found, "\n".join(f"{address}: {', '.join(words)}" for address, words in found.items())
    record_property("pages of the Chinese admin", len(seen))
    assert set(seen.values()) == {200}
    assert len(seen) > 120


# The calls of scripts that translate a string: the context, if it has one, and the string, the singular of ngettext.
CALLS = re.compile(r"""\b(?:n?gettext\(|pgettext\(\s*(["'])(?P<context>.+?)\1,)\s*(["'])(?P<string>.+?)\3""")


def test_what_scripts_say_is_chinese(chinese, record_property):
    [catalogue] = re.findall("const newcatalog = (.+?);\n", chinese.get("/admin/jsi18n/").content.decode(), re.DOTALL)
    folders = [Path(django.contrib.admin.__file__).parent / "static/admin/js", settings.BASE_DIR / "static/js"]
    scripts = [path for folder in folders for path in folder.glob("**/*.js") if "vendor" not in path.parts]
    calls = [call for path in scripts for call in CALLS.finditer(path.read_text())]
    strings = {f"{call['context']}\4{call['string']}" if call["context"] else call["string"] for call in calls}
    record_property("strings of scripts", len(strings))
    assert len(scripts) > 20 and len(strings) > 50
    assert strings <= json.loads(catalogue).keys()


def test_a_role_is_never_called_a_group(chinese, record_property):
    addresses = [
        "/admin/",
        "/admin/auth/group/",
        "/admin/auth/group/add/",
        "/admin/portal/user/",
        "/admin/portal/user/add/",
    ]
    addresses += [f"/admin/auth/group/{Group.objects.first().pk}/{page}/" for page in ("change", "history", "delete")]
    addresses += ["/admin/portal/accountevent/"]
    found = {}
    for address in addresses:
        text = BeautifulSoup(chinese.get(address).content, "html.parser").get_text(" ")
        assert "角色" in text, address
        found[address] = re.findall(".{0,9}组(?!织).{0,9}", text)
    assert not any(found.values()), found

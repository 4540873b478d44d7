"""Every interface string has a Chinese translation, and the catalogue contains no other strings."""

from io import BytesIO
from pathlib import Path

import django.contrib.admin
import polib
import pytest
from babel.messages.extract import extract
from django.conf import settings
from django.contrib import auth
from django.utils.translation import gettext, override
from django.utils.translation.template import templatize

from programs.models import Program

pytestmark = pytest.mark.no_database

KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
}
SOURCES = ["portal", "programs", "partners", "contact", "templates"]
# Of the admin's own pages, which Django does not translate into Chinese, or with words that mislead.
OF_DJANGO = {
    (None, "Action:"),
    (None, "Add link"),
    (None, "Change or view list link"),
    (None, "Filter"),
    (None, "Log out"),
    (None, "Model name"),
}
CATALOGUE = settings.BASE_DIR / "locale/zh_Hans/LC_MESSAGES/django.po"


def strings_in_source():
    """The (context, msgid) of every string marked for translation in Python and templates."""
    found = set()
    for top in SOURCES:
        for path in (settings.BASE_DIR / top).rglob("*"):
            if path.suffix == ".py" and "migrations" not in path.parts:
                code = path.read_text()
            elif path.suffix in {".html", ".txt", ".xml"}:
                lines = templatize(path.read_text(), origin=str(path)).splitlines()
                code = "\n".join(line.strip() for line in lines)
            else:
                continue
            for _line, msgid, _comments, context in extract("python", BytesIO(code.encode()), KEYWORDS):
                found.add((context, msgid[0] if isinstance(msgid, tuple) else msgid))
    return found


@pytest.fixture(scope="module")
def catalogue():
    return polib.pofile(str(CATALOGUE))


def test_every_string_is_translated(catalogue):
    complete = {
        (entry.msgctxt, entry.msgid)
        for entry in catalogue
        if entry.msgstr or (entry.msgstr_plural and all(entry.msgstr_plural.values()))
    }
    source = strings_in_source()
    assert len(source) > 150
    missing = source - complete
    assert not missing, "\n\n".join(str(polib.POEntry(msgctxt=c, msgid=m)) for c, m in sorted(missing, key=str))


def strings_of_django():
    """Returns those of its admin: the catalogue may say them in plainer words."""
    paths = [Path(app.__file__).parent / "locale/en/LC_MESSAGES/django.po" for app in (django.contrib.admin, auth)]
    return {(entry.msgctxt, entry.msgid) for path in paths for entry in polib.pofile(str(path))}


def test_catalogue_holds_nothing_else(catalogue):
    known = strings_in_source() | strings_of_django() | OF_DJANGO
    assert not {(entry.msgctxt, entry.msgid) for entry in catalogue} - known
    assert not [entry.msgid for entry in catalogue if entry.fuzzy or entry.obsolete]


@pytest.mark.django_db
def test_strings_of_django_that_it_does_not_translate_are_shown_in_chinese(admin_client):
    admin_client.cookies["django_language"] = "zh-hans"
    shown = "".join(admin_client.get(f"/admin/{path}").content.decode() for path in ("", "portal/user/"))
    with override("zh-hans"):
        translated = {string: gettext(string) for _context, string in OF_DJANGO}
    for string, chinese in translated.items():
        assert chinese in shown
        assert string not in shown
    titles = {"": "选择要修改的项目", "add/": "增加项目", f"{Program.objects.first().pk}/change/": "修改项目"}
    for path, title in titles.items():
        assert f"<h1>{title}</h1>" in admin_client.get(f"/admin/programs/program/{path}").content.decode()
    assert "列表中没有记录。" in admin_client.get("/admin/contact/enquiry/").content.decode()
    assert "没有符合搜索和筛选条件的记录。" in admin_client.get("/admin/portal/term/?q=zzzz").content.decode()


def test_catalogue_is_written_as_chinese(catalogue):
    half_width = [
        entry.msgstr
        for entry in catalogue
        if any(
            "一" <= left <= "鿿" and right in ",;:?!"
            for left, right in zip(entry.msgstr, entry.msgstr[1:], strict=False)
        )
    ]
    assert not half_width


def test_one_thing_has_one_word(catalogue):
    """Missing is 待补充, out of step 待更新, withdrawn 已撤回, an account 账户."""
    guide = [path.read_text() for path in (settings.BASE_DIR / "docs/guide/zh-hans").glob("*.md")]
    assert len(guide) > 5
    texts = [text for entry in catalogue for text in (entry.msgstr, *entry.msgstr_plural.values())] + guide
    assert not [text for text in texts if any(other in text for other in ("缺译", "不同步", "已撤下", "账号"))]
    with override("zh-hans"):
        assert gettext("What was done, and by whom") == gettext("events") == "咨询操作记录"


def test_han_characters_stand_only_where_content_stands():
    allowed = {"locale", "content", "tests", "docs"}
    names = ("500.html", "includes/masthead.html", "admin/language_choice.html")
    exceptions = {Path("templates", name) for name in names}
    # It compares texts with the first content.
    exceptions.add(Path("programs/migrations/0006_list_first_documents.py"))
    swept, found = 0, []
    for top in [*SOURCES, "static"]:
        for path in (settings.BASE_DIR / top).rglob("*"):
            relative = path.relative_to(settings.BASE_DIR)
            if path.suffix not in {".py", ".html", ".txt", ".xml", ".css", ".js", ".svg"}:
                continue
            if allowed & set(relative.parts) or relative in exceptions:
                continue
            swept += 1
            if any("一" <= character <= "鿿" for character in path.read_text()):
                found.append(str(relative))
    assert swept > 60
    assert not found

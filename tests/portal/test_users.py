"""The accounts of staff: how the first is created, and how each keeps its language."""

import sys

import pytest
from bs4 import BeautifulSoup
from django.contrib.auth.models import Group
from django.core.management.base import CommandError, OutputWrapper
from django.test import Client

from portal.management.preparation import create_staff_account
from portal.models import AccountEvent, User
from tests.admin_forms import AdminForm
from tests.portal.sign_in.steps import is_signed_in, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    return User.objects.create_user("staff", "staff@example.com", "secret", is_staff=True)


def test_a_password_alone_makes_the_account_staff(monkeypatch, capsys):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "given")
    create_staff_account(OutputWrapper(sys.stdout))
    user = User.objects.get()
    assert (user.username, user.is_superuser, user.check_password("given")) == ("staff", True, True)
    assert "given" not in capsys.readouterr().out
    monkeypatch.setenv("DJANGO_SUPERUSER_USERNAME", "another")
    create_staff_account(OutputWrapper(sys.stdout))
    assert User.objects.get() == user


def test_without_a_password_one_is_made_and_shown(monkeypatch, capsys):
    monkeypatch.delenv("DJANGO_SUPERUSER_PASSWORD", raising=False)
    monkeypatch.setenv("DJANGO_SUPERUSER_USERNAME", "editor")
    create_staff_account(OutputWrapper(sys.stdout))
    shown = capsys.readouterr().out
    assert "user name editor, password " in shown
    assert User.objects.get().check_password(shown.split()[-1])


def test_a_name_of_any_length_is_kept_when_the_account_is_gone(staff):
    assert staff.name_to_keep == "staff"
    staff.last_name, staff.first_name = "王" * 150, "芳"
    assert staff.name_to_keep == "王" * 150


@pytest.mark.parametrize(("name", "value"), [("USERNAME", "a b/<c>"), ("EMAIL", "not an address")])
def test_a_faulty_account_is_not_made(monkeypatch, name, value):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "given")
    monkeypatch.setenv(f"DJANGO_SUPERUSER_{name}", value)
    with pytest.raises(CommandError, match=rf"^DJANGO_SUPERUSER_{name}: Enter a valid"):
        create_staff_account(OutputWrapper(sys.stdout))
    assert not User.objects.exists()


def test_the_language_chosen_in_the_header_goes_with_the_user(client, staff):
    client.force_login(staff)
    response = client.post("/admin/language/", {"language": "en", "next": "/admin/"})
    assert (response.status_code, response["Location"]) == (302, "/admin/")
    another_browser = Client(headers={"accept-language": "zh-CN"})
    another_browser.force_login(staff)
    assert another_browser.get("/admin/").headers["Content-Language"] == "en"
    assert another_browser.get("/zh-hans/").headers["Content-Language"] == "zh-Hans"


def test_before_the_sign_in_the_choice_is_the_browsers(client, staff):
    client.post("/admin/language/", {"language": "en"})
    assert client.get("/admin/login/").headers["Content-Language"] == "en"
    staff.refresh_from_db()
    assert staff.language == ""


@pytest.mark.parametrize("language", ["", "fr", "x" * 5000])
def test_no_other_language_is_kept(client, staff, language):
    client.force_login(staff)
    assert client.post("/admin/language/", {"language": language}).status_code == 302
    staff.refresh_from_db()
    assert staff.language == ""


def test_an_address_alone_changes_no_language(client, staff):
    client.force_login(staff)
    assert client.get("/admin/language/?language=en").status_code == 405


def test_an_administrator_sets_the_language_of_another(admin_client, staff):
    page = f"/admin/portal/user/{staff.pk}/change/"
    form = admin_client.get(page).context["adminform"].form
    answers = {name: value for name, value in form.initial.items() if isinstance(value, str)}
    joined = staff.date_joined
    answers |= {"date_joined_0": "2000-01-01", "date_joined_1": "08:00:00", "language": "en"}
    assert admin_client.post(page, answers).status_code == 302
    staff.refresh_from_db()
    assert (staff.language, staff.date_joined) == ("en", joined)


def test_an_administrator_gives_a_colleague_an_account_and_a_role_in_one_form(client):
    administrator = User.objects.create_user("administrator", is_staff=True, language="en")
    administrator.groups.add(Group.objects.get(name="administrator"))
    client.force_login(administrator)
    form = AdminForm(client, "/admin/portal/user/add/")
    # What only people who know Django understand is not asked for.
    assert not form.page.select("[name=is_staff], [name=is_superuser], [name=usable_password], [name=user_permissions]")
    labels = form.page.select(".field-groups label:has(input)")
    [writer] = [label.input["value"] for label in labels if label.text.strip().startswith("Writer: ")]
    password = "a good password 19"
    form.data |= {"username": ["li.ming"], "first_name": ["Ming"], "last_name": ["Li"], "email": ["li@example.com"]}
    form.data |= {"password1": [password], "password2": [password], "groups": [writer], "language": ["en"]}
    form.submit("_save")
    colleague = Client()
    assert is_signed_in(sign_in(colleague, "li.ming", password))
    program = AdminForm(colleague, "/admin/programs/program/add/")
    program.data["title_en"] = ["A new one"]
    page = program.submit()
    assert [str(message) for message in page.context["messages"]][-1].startswith("The draft is saved.")
    events = AccountEvent.objects.filter(account="li.ming").values_list("kind", "actor", "detail").order_by("pk")
    assert list(events)[:2] == [
        ("created", "administrator", ""),
        ("rights_changed", "administrator", "groups: +writer"),
    ]


def test_the_form_of_an_account_says_in_words_whether_it_has_a_password(admin_client, staff):
    def said():
        page = admin_client.get(f"/admin/portal/user/{staff.pk}/change/")
        return BeautifulSoup(page.content, "html.parser").select_one(".field-password").text

    admin_client.cookies["django_language"] = "zh-hans"
    staff.set_password("a good password 19")
    staff.save()
    assert "已设置密码。" in said() and "哈希" not in said()
    staff.set_unusable_password()
    staff.save()
    assert "尚未设置密码，无法用密码登录。" in said()


@pytest.mark.parametrize(
    ("last", "first", "name"), [("王", "小明", "王小明"), ("Li", "Ming", "Ming Li"), ("", "敏", "敏")]
)
def test_a_name_is_written_as_its_language_does(last, first, name):
    user = User(last_name=last, first_name=first)
    assert (user.get_full_name(), user.get_short_name()) == (name, name)

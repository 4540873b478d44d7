"""The admin shows, searches and lists content in both languages, and keeps a published language complete."""

import re

import pytest
from bs4 import BeautifulSoup
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contact.models import State
from partners.models import Country
from portal.bilingual.editing import BilingualAdmin
from portal.bilingual.former_slugs import FormerSlug
from portal.bilingual.publishing import in_both_languages
from portal.models import Centre, Department, Page, User
from programs.models import Area, Industry, Program, Resource
from tests.admin_forms import AdminForm
from tests.contact.rows import stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def program():
    return Program.objects.get(slug="credit-recognition")


def form_data(response):
    """The data that the change form submits if nothing is changed, inlines included."""
    forms = [response.context["adminform"].form]
    for inline in response.context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    data = {}
    for form in forms:
        for field in form:
            value = field.value()
            if field.field.widget.__class__.__name__ == "AdminSplitDateTime":
                date, time = field.field.widget.decompress(value)
                data |= {f"{field.html_name}_0": date or "", f"{field.html_name}_1": time or ""}
            elif value or (isinstance(value, int) and value is not False):
                data[field.html_name] = value
    return data


def test_every_translated_field_stands_in_a_row_with_both_languages(admin_user):
    request = RequestFactory().get("/admin/")
    request.user = admin_user
    swept = 0
    for model, model_admin in admin.site._registry.items():
        if not isinstance(model_admin, BilingualAdmin):
            continue
        for _name, options in model_admin.get_fieldsets(request):
            for row in options["fields"]:
                if row == ("latitude", "longitude"):
                    continue
                if isinstance(row, tuple):
                    swept += 1
                    assert row == tuple(row[0].removesuffix("zh_hans") + code for code in ("zh_hans", "en")), model
                else:
                    assert not row.endswith(("_en", "_zh_hans")), (model, row)
    assert swept > 30


def test_changing_one_language_leaves_the_other_alone(admin_client, client, program):
    address = reverse("admin:programs_program_change", args=[program.pk])
    data = form_data(admin_client.get(address)) | {"title_zh_hans": "学分认可", "_publish": "1"}
    english = undated(client.get("/en/programs/credit-recognition/"))
    assert admin_client.post(address, data).status_code == 302
    assert "学分认可" in client.get("/zh-hans/programs/credit-recognition/").content.decode()
    now = undated(client.get("/en/programs/credit-recognition/"))
    assert now == english.replace("学分互认", "学分认可")


def undated(response):
    """The page without the date of the row's last change, which both languages share."""
    text, dates = re.subn('"dateModified": "[^"]+"', "", response.content.decode())
    assert dates == 1
    return text


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_required_text_of_a_published_language_cannot_be_emptied(admin_client, program, language):
    admin_client.cookies["django_language"] = language
    address = reverse("admin:programs_program_change", args=[program.pk])
    data = form_data(admin_client.get(address)) | {"summary_en": ""}
    response = admin_client.post(address, data | {"_publish": "1"}, follow=True)
    assert list(response.context["adminform"].form.errors) == ["summary_en"]
    admin_client.post(address, data | {"_withdraw_en": "1"})
    program.refresh_from_db()
    assert program.published_languages() == ["zh-hans"]


def test_lists_say_what_is_published_in_which_language(admin_client, program):
    admin_client.cookies["django_language"] = "en"
    Program.objects.filter(pk=program.pk).update(published_at_en=None, published_at_zh_hans="2999-01-01T00:00Z")
    text = admin_client.get("/admin/programs/program/?q=学分").content.decode()
    assert "Not public" in text
    assert "Public from " in text


def test_lists_say_what_waits_for_what_it_follows(admin_client, program):
    admin_client.cookies["django_language"] = "en"
    type(program.area).objects.filter(pk=program.area_id).update(published_at_en=None)
    assert "Waits for: type of program" in admin_client.get("/admin/programs/program/").content.decode()


def test_the_privacy_notice_cannot_be_withdrawn(admin_client):
    page = Page.objects.get(slug="privacy")
    form = admin_client.get(f"/admin/portal/page/{page.pk}/change/").context["adminform"].form
    assert not {"slug", "published_at_zh_hans", "published_at_en"} & set(form.fields)


@pytest.mark.parametrize("words", ["优秀学生就有机会", "give capable students"])
def test_search_looks_in_both_languages(admin_client, program, words):
    response = admin_client.get("/admin/programs/program/", {"q": words})
    assert list(response.context["cl"].queryset) == [program]


def test_a_program_may_be_made_in_one_language(admin_client):
    address = reverse("admin:programs_program_add")
    data = form_data(admin_client.get(address))
    data |= {"title_zh_hans": "新项目", "summary_zh_hans": "摘要", "slug": "new", "body_zh_hans": "<p></p>"}
    data["_publish_zh-hans"] = "1"
    assert admin_client.post(address, data).status_code == 302
    program = Program.objects.get(slug="new")
    assert program.body_zh_hans is None
    assert program.published_languages() == ["zh-hans"]


def test_the_department_is_neither_added_nor_deleted(admin_client):
    assert admin_client.get("/admin/portal/department/add/").status_code == 403
    assert admin_client.get("/admin/portal/department/1/delete/").status_code == 403
    address = reverse("admin:portal_department_change", args=[1])
    data = form_data(admin_client.get(address)) | {"telephones": "010-53656705\nabc", "_publish": "1"}
    response = admin_client.post(address, data, follow=True)
    assert list(response.context["adminform"].form.errors) == ["telephones"]
    assert Department.objects.count() == 1


def test_fixed_pages_are_not_deleted(admin_client):
    page = Page.objects.get(slug="privacy")
    assert admin_client.get(f"/admin/portal/page/{page.pk}/delete/").status_code == 403
    assert "delete_selected" not in admin_client.get("/admin/portal/page/").content.decode()


TAKEN = {
    "en": "“overview” is already the address of “Area”. This one is free: overview-4",
    "zh-hans": "“overview”已经是“类”在网址中的名称。可以改用：overview-4",
}
WRONG = {
    "en": "“Ｎew_ Programs!” cannot be an address. Lower-case English letters, digits and hyphens, "
    "such as teacher-exchange. This one is free: new-programs-2",
    "zh-hans": "“Ｎew_ Programs!”不能用作网址中的名称。请用小写英文字母、数字和连字符，例如 teacher-exchange。"
    "可以改用：new-programs-2",
}
NOT_ENGLISH = {
    "en": "“教师交流” cannot be an address. Lower-case English letters, digits and hyphens, such as teacher-exchange.",
    "zh-hans": "“教师交流”不能用作网址中的名称。请用小写英文字母、数字和连字符，例如 teacher-exchange。",
}


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_an_address_that_is_refused_is_named_and_a_free_one_proposed(admin_client, language):
    admin_client.cookies["django_language"] = language
    for slug in ("overview", "overview-2", "new-programs"):
        area = Area.objects.create(slug=slug, title_en="Area", title_zh_hans="类")
    # An address of before leads to its page.
    kind = ContentType.objects.get_for_model(Area)
    FormerSlug.objects.create(content_type=kind, slug="overview-3", object_id=area.pk)
    address, known = f"/admin/programs/area/{Area.objects.earliest('pk').pk}/change/", Area.objects.earliest("pk").slug
    for slug, said in (("overview", TAKEN), ("Ｎew_ Programs!", WRONG), ("教师交流", NOT_ENGLISH)):
        form = AdminForm(admin_client, address)
        form.data["slug"] = [slug]
        response = form.submit("_publish")
        assert response.context["adminform"].form.errors["slug"] == [said[language]]
        assert Area.objects.earliest("pk").slug == known
    Industry.objects.create(slug="taken", name_en="Taken", name_zh_hans="已用")
    form = AdminForm(admin_client, "/admin/programs/industry/add/")
    form.data |= {"slug": ["taken"], "name_en": ["Another"], "name_zh_hans": ["另一个"]}
    assert "taken-2" in form.submit("_publish").context["adminform"].form.errors["slug"][0]


def deletion(client, row):
    """Returns the page that asks before `row` is deleted."""
    client.cookies["django_language"] = "en"
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_delete", args=[row.pk])
    return BeautifulSoup(client.get(address).content, "html.parser").select_one(".deleting")


def test_what_keeps_a_row_is_counted_and_named_to_nobody(admin_client, client, program):
    certificate = program.certificates.create(name_en="A certificate", country=Country.objects.first())
    rows = [stored(program=program, state=state) for state in (State.RECEIVED, State.CLOSED)]
    page = deletion(admin_client, program)
    assert [each.text for each in page.select("li")] == ["Certificates: 1", "Enquiries: 2"]
    assert not [row for row in (certificate, *rows) if str(row) in page.text]
    assert "withdraw it instead" in page.text
    # The links lead to exactly these, and one leads back.
    lists = [admin_client.get(link["href"]).context["cl"] for link in page.select("li a")]
    assert [{*found.queryset} for found in lists] == [{certificate}, {*rows}]
    assert page.select_one("a.button")["href"] == f"/admin/programs/program/{program.pk}/change/"
    # The country of a certificate too, which has no way back to it.
    assert "Certificates: 1" in deletion(admin_client, certificate.country).text
    industry = Industry.objects.create(slug="i", name_en="Industry", name_zh_hans="行业")
    Resource.objects.create(title_en="Kept", slug="kept", kind="template", industry=industry)
    assert "Choose another one in each of them first" in deletion(admin_client, industry).text
    # From the list, and for somebody who sees no enquiries.
    data = {"action": "delete_selected", "_selected_action": [program.pk]}
    response = admin_client.post("/admin/programs/program/", data)
    assert "Enquiries: 2" in BeautifulSoup(response.content, "html.parser").select_one(".deleting").text
    editor = User.objects.create_user("editor", is_staff=True, language="en")
    editor.user_permissions.set(Permission.objects.filter(codename__in=["change_program", "delete_program"]))
    client.force_login(editor)
    page = deletion(client, program)
    assert [str(each) for each in page.select("li")] == ["<li>Certificates: 1</li>", "<li>Enquiries: 2</li>"]
    admin_client.post(f"/admin/programs/program/{program.pk}/delete/", {"post": "yes"})
    assert Program.objects.filter(pk=program.pk).exists()


def test_who_deletes_is_told_that_the_page_is_public_and_comes_back_from_the_bin(admin_client, program):
    page = deletion(admin_client, program)
    assert "Visitors see this on the website now." in page.text
    assert "It can be brought back from there for 90 days." in page.text
    assert {link["href"] for link in page.select("form a, p a")} == {
        "/admin/programs/program/bin/",
        f"/admin/programs/program/{program.pk}/change/",
    }
    data = {"action": "delete_selected", "_selected_action": [program.pk]}
    response = admin_client.post("/admin/programs/program/", data)
    page = BeautifulSoup(response.content, "html.parser").select_one(".deleting")
    assert "Visitors see this on the website now." in page.text
    hidden = {field["name"]: field["value"] for field in page.select("input[type=hidden]")}
    admin_client.post("/admin/programs/program/", hidden)
    assert not Program.objects.filter(pk=program.pk).exists()
    draft = Program.objects.create(slug="draft", title_en="Draft", area=program.area)
    assert "Visitors see this" not in deletion(admin_client, draft).text


def test_the_page_before_many_rows_are_deleted_needs_as_many_queries_as_for_few(admin_client, program):
    titles, data = [f"Public {number}" for number in range(8)], {"action": "delete_selected"}
    since = dict.fromkeys(in_both_languages("published_at"), program.published_at_en)
    about = {"area": program.area, "summary_zh_hans": "摘要", "summary_en": "Summary", **since}
    for number, title in enumerate(titles):
        own = Program.objects.create(slug=f"public-{number}", title_zh_hans="项目", title_en=title, **about)
        form = AdminForm(admin_client, f"/admin/programs/program/{own.pk}/change/")
        form.data["title_en"] = ["Another title"]
        form.submit()
    keys, found = list(Program.objects.filter(title_en__in=titles).values_list("pk", flat=True)), []
    admin_client.cookies["django_language"] = "en"
    for chosen in (keys[:2], keys):
        with CaptureQueriesContext(connection) as captured:
            page = admin_client.post("/admin/programs/program/", data | {"_selected_action": chosen})
        found.append(len(captured))
    assert found[0] == found[1]
    assert all(f"A draft that is not public yet: {title}" in page.content.decode() for title in titles)
    assert page.context["public"] == list(Program.objects.filter(pk__in=keys))


def test_no_form_grows_with_the_programs(admin_client, program):
    kept = Resource.objects.create(title_en="Kept", slug="kept", kind="template")
    kept.programs.set([program])
    addresses = [
        *(f"/admin/programs/{model}/add/" for model in ("program", "certificate", "resource")),
        f"/admin/programs/program/{program.pk}/change/",
        f"/admin/programs/resource/{kept.pk}/change/",
        "/admin/programs/certificate/",
        "/admin/programs/resource/",
        "/admin/partners/institution/add/",
    ]

    def sizes():
        return [len(admin_client.get(address).content) for address in addresses]

    few = sizes()
    Program.objects.bulk_create(Program(title_en=f"Program {n}", slug=f"p-{n}") for n in range(150))
    many = sizes()
    grown = [row for row in zip(addresses, few, many, strict=True) if row[2] > 1.1 * row[1]]
    assert not grown
    found = admin_client.get(
        "/admin/autocomplete/?app_label=programs&model_name=certificate&field_name=program&term=Program+149"
    )
    assert [row["text"] for row in found.json()["results"]] == ["Program 149"]
    # By its title alone.
    Program.objects.filter(slug="p-1").update(search_words_en="Program 149")
    assert admin_client.get(found.request["PATH_INFO"], found.wsgi_request.GET.dict()).json() == found.json()


def test_the_admin_requires_a_sign_in(client):
    response = client.get("/admin/contact/enquiry/")
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/admin/login/")


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (Department.current, "email"),
        (Department.current, "close_answered_days"),
        (Department.current, "keep_closed_months"),
        (Centre.objects.first, "enquiry_recipients"),
        (Area.objects.first, "enquiry_recipients"),
    ],
)
@pytest.mark.parametrize("works_on_enquiries", [False, True])
def test_only_who_works_on_enquiries_says_how_they_are_handled(client, row, column, works_on_enquiries):
    row = row()
    editor = User.objects.create(username="editor", is_staff=True)
    rights = [f"change_{row._meta.model_name}", *(["change_enquiry"] if works_on_enquiries else [])]
    editor.user_permissions.add(*Permission.objects.filter(codename__in=rights))
    client.force_login(editor)
    response = client.get(reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_change", args=[row.pk]))
    assert response.status_code == 200
    assert (column in response.context["adminform"].form.fields) == works_on_enquiries

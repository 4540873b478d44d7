"""Partner institutions: on the page of their country, on those of their programs, and in the admin."""

import json

import pytest
from bs4 import BeautifulSoup
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.utils import timezone
from django.utils.translation import override

from partners.models import INSTITUTIONS_LISTED, Country, Institution
from portal.models import User
from programs.models import Program, Resource

pytestmark = pytest.mark.django_db


def add(country="japan", **changes):
    now = timezone.now()
    values = {
        "country": Country.objects.get(slug=country),
        "name_zh_hans": "某大学",
        "name_en": "A university",
        "published_at_zh_hans": now,
        "published_at_en": now,
    }
    return Institution.objects.create(**values | changes)


@pytest.fixture
def institution():
    row = add(
        city_zh_hans="东京",
        city_en="Tokyo",
        summary_en="Known for mechanics.",
        aliases_en="Tokyo Uni",
        website="https://www.university.example/en/",
    )
    Program.objects.get(slug="teacher-exchange").institutions.add(row)
    return row


def page(client, path, language="en"):
    response = client.get(f"/{language}/{path}")
    assert response.status_code == 200
    return BeautifulSoup(response.content, "html.parser")


def entry(client, row, language="en"):
    return page(client, "partners/japan/", language).select_one(f"#institution-{row.pk}")


def test_an_institution_says_where_it_is_and_what_it_is_partner_in(client, institution):
    found = entry(client, institution)
    assert found.h3.find(string=True).strip() == "A university"
    assert found.select_one('.pair[lang="zh-Hans"]').text == "某大学"
    assert found.p.text == "Known for mechanics."
    facts = {fact.dt.text: [value.text for value in fact.select("dd")] for fact in found.select("dl > div")}
    assert facts == {
        "City": ["Tokyo"],
        "Website": ["www.university.example/en"],
        "Partner in": ["Teacher exchange"],
    }
    website = found.select_one("a[rel=external]")
    assert website["href"] == "https://www.university.example/en/"
    assert found.select_one('a[href="/en/programs/teacher-exchange/"]')


def test_what_is_not_known_of_an_institution_is_left_out(client):
    found = entry(client, add())
    assert not found.select("dl, p")


def test_the_city_is_that_of_the_readers_language(client, institution):
    assert "东京" in entry(client, institution, "zh-hans").text
    assert "Tokyo" not in entry(client, institution, "zh-hans").text


def test_other_names_are_for_search_and_not_shown(client, institution):
    assert "Tokyo Uni" not in client.get("/en/partners/japan/").content.decode()


def test_only_programs_of_the_readers_language_are_named(client, institution):
    Program.objects.filter(slug="teacher-exchange").update(published_at_en=None)
    assert "Partner in" not in entry(client, institution).text
    assert "教师交流" in entry(client, institution, "zh-hans").text


def test_the_link_to_an_institution_leads_to_its_entry(client, institution):
    with override("zh-hans"):
        address = institution.get_absolute_url()
    assert address == f"/zh-hans/partners/japan/?institution={institution.pk}#institution-{institution.pk}"
    assert entry(client, institution, "zh-hans")


def test_a_country_gathers_its_sections_in_one_order(client, institution):
    with_all = page(client, "partners/japan/")
    found = [section["aria-labelledby"] for section in with_all.select(".country .section[aria-labelledby]")]
    assert found == ["programs", "answers", "institutions"]
    Institution.objects.all().delete()
    without = page(client, "partners/japan/")
    found = [section["aria-labelledby"] for section in without.select(".country .section[aria-labelledby]")]
    assert found == ["programs", "answers"]


def test_the_resources_of_a_country_follow_its_institutions(client, institution):
    now = timezone.now()
    resource = Resource.objects.create(
        slug="guide", kind="guide", title_en="A guide", summary_en="x", published_at_en=now
    )
    resource.countries.add(institution.country)
    found = page(client, "partners/japan/").select(".country .section[aria-labelledby]")
    assert [section["aria-labelledby"] for section in found] == ["programs", "answers", "institutions", "resources"]
    assert found[-1].select_one('a[href="/en/resources/guide/"]').text == "A guide"
    Resource.objects.update(published_at_en=None)
    assert not page(client, "partners/japan/").select("#resources")


def test_a_program_shows_its_partners_by_country(client, institution):
    program = Program.objects.get(slug="teacher-exchange")
    program.institutions.add(add("germany", name_en="B institute", name_zh_hans="乙学院"))
    program.institutions.add(add(name_en="C college", name_zh_hans="丙学院", sort_order=1))
    section = page(client, "programs/teacher-exchange/").select_one("[aria-labelledby=countries]")
    partners = [
        (country.a.text, [link["href"].partition("?")[0] + link.text for link in country.select(":scope ul a")])
        for country in section.select(".partners-by-country > li")
    ]
    assert partners == [
        ("Germany", ["/en/partners/germany/B institute"]),
        ("Japan", ["/en/partners/japan/C college", "/en/partners/japan/A university"]),
    ]
    others = [link.text for link in section.select(".inline-links a")]
    assert others == ["United Kingdom", "United States", "Australia", "Korea", "New Zealand", "Netherlands"]


def test_a_program_without_partners_shows_its_countries_as_before(client):
    section = page(client, "programs/teacher-exchange/").select_one("[aria-labelledby=countries]")
    assert len(section.select(".inline-links a")) == 8
    assert not section.select(".partners-by-country")


@pytest.mark.parametrize("withdrawn", [Institution, Country])
def test_a_partner_is_shown_where_it_and_its_country_are_published(client, institution, withdrawn):
    withdrawn.objects.update(published_at_en=None)
    assert "A university" not in client.get("/en/programs/teacher-exchange/").content.decode()
    assert "某大学" in client.get("/zh-hans/programs/teacher-exchange/").content.decode()


def test_search_engines_learn_of_the_institutions(client, institution):
    add(name_en="B institute", published_at_zh_hans=None)
    graph = json.loads(page(client, "partners/japan/").select_one('script[type="application/ld+json"]').string)[
        "@graph"
    ]
    address = f"https://portal.example/en/partners/japan/?institution={institution.pk}#institution-{institution.pk}"
    [node] = [node for node in graph if node["@id"] == address]
    assert node == {
        "@type": "Organization",
        "@id": address,
        "name": "A university",
        "alternateName": "某大学",
        "url": "https://www.university.example/en/",
        "address": {"@type": "PostalAddress", "addressLocality": "Tokyo"},
    }
    [other] = [node for node in graph if node.get("name") == "B institute"]
    assert set(other) == {"@type", "@id", "name"}
    [shown] = [node for node in graph if node.get("mentions")]
    assert shown["mentions"] == [{"@id": node["@id"]}, {"@id": other["@id"]}]


def test_the_pair_view_sets_institutions_side_by_side(client, institution):
    add(name_en="Only in English", published_at_zh_hans=None, sort_order=200)
    add(name_en="A draft", published_at_zh_hans=None, published_at_en=None, sort_order=300)
    assert page(client, "partners/japan/").select_one(".pair-link")
    soup = page(client, "partners/japan/?view=pair")
    rows = [[cell.text.strip() for cell in row.select(":scope > div")] for row in soup.select("div.pair-row")]
    assert rows[1:] == [
        ["Partner institutions", "合作院校和机构"],
        ["A university", "某大学"],
        ["Tokyo", "东京"],
        ["Known for mechanics.", ""],
        ["Only in English", ""],
    ]


def test_the_pair_view_of_a_country_with_many_begins_with_those_that_are_published(client, institution):
    drafts = {"published_at_zh_hans": None, "published_at_en": None}
    for number in range(INSTITUTIONS_LISTED + 1):
        add(name_en=f"Draft {number}", sort_order=1, **drafts)
    text = page(client, "partners/japan/?view=pair").select_one("main").text
    assert "A university" in text and "Draft" not in text and "lists more of them" not in text
    Institution.objects.filter(sort_order=1).update(published_at_zh_hans=timezone.now())
    text = page(client, "partners/japan/?view=pair").select_one("main").text
    assert "A university" not in text and text.count("某大学") == INSTITUTIONS_LISTED
    assert "The page of this country or region lists more of them." in text


ADMIN = "/admin/partners/institution/"


def form_of(client, address):
    response = client.get(address)
    assert response.status_code == 200
    return BeautifulSoup(response.content, "html.parser")


def test_staff_choose_in_the_form_of_an_institution_what_it_is_partner_in(admin_client, institution):
    admin_client.cookies["django_language"] = "en"
    address = f"{ADMIN}{institution.pk}/change/"
    soup = form_of(admin_client, address)
    # It holds what is chosen, and finds the others: they may be many.
    options = [(option.text, option.has_attr("selected")) for option in soup.select("#id_partner_in option")]
    assert options == [("Teacher exchange", True)]
    courses = Program.objects.get(slug="cooperative-courses")
    data = {field["name"]: field.get("value", "") for field in soup.select("#institution_form input[type=text]")}
    data |= {"country": institution.country.pk, "sort_order": 100, "partner_in": [courses.pk], "_publish_en": "1"}
    assert admin_client.post(address, data).status_code == 302
    assert list(institution.programs.all()) == [courses]


def test_staff_learn_of_programs_that_the_page_of_the_country_leaves_out(admin_client, institution):
    admin_client.cookies["django_language"] = "en"
    country = institution.country
    program = Program.objects.get(slug="cooperative-courses")
    program.countries.remove(country)
    data = {"name_en": "New", "country": country.pk, "sort_order": 1, "partner_in": [program.pk], "_publish_en": "1"}
    response = admin_client.post(f"{ADMIN}add/", data)
    told = [str(message) for message in get_messages(response.wsgi_request) if message.level_tag == "warning"]
    assert told == [
        f"These programs do not list {country.name_en} among their countries, so they are not among the programs"
        " on its page: Co-operative courses."
    ]
    program.countries.add(country)
    # The page shows the message, which is gone then.
    admin_client.get(ADMIN)
    response = admin_client.post(f"{ADMIN}add/", data)
    assert not [message for message in get_messages(response.wsgi_request) if message.level_tag == "warning"]


def test_a_new_institution_gets_its_programs(admin_client):
    program = Program.objects.get(slug="teacher-exchange")
    data = {"name_en": "New", "country": Country.objects.first().pk, "sort_order": 1, "partner_in": [program.pk]}
    data["_publish_en"] = "1"
    assert admin_client.post(f"{ADMIN}add/", data).status_code == 302
    assert list(Institution.objects.get(name_en="New").programs.all()) == [program]


def test_who_may_only_view_reads_what_an_institution_is_partner_in(client, institution):
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_institution"))
    client.force_login(viewer)
    client.cookies["django_language"] = "en"
    soup = form_of(client, f"{ADMIN}{institution.pk}/change/")
    assert "A university" in soup.text
    assert soup.select_one(".field-partner_in .readonly").text == "Teacher exchange"


def test_who_may_not_change_programs_changes_none_through_an_institution(client, institution):
    editor = User.objects.create_user("editor", is_staff=True)
    rights = ["view_institution", "change_institution", "add_institution", "view_program", "publish_content"]
    editor.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(editor)
    client.cookies["django_language"] = "en"
    address = f"{ADMIN}{institution.pk}/change/"
    soup = form_of(client, address)
    assert soup.select_one(".field-partner_in .readonly").text == "Teacher exchange"
    assert not soup.select("[name=partner_in]")
    assert not form_of(client, f"{ADMIN}add/").select("[name=partner_in]")
    courses = Program.objects.get(slug="cooperative-courses")
    data = {field["name"]: field.get("value", "") for field in soup.select("#institution_form input[type=text]")}
    data |= {"country": institution.country.pk, "sort_order": 7, "partner_in": [courses.pk], "_publish_en": "1"}
    assert client.post(address, data).status_code == 302
    institution.refresh_from_db()
    assert institution.sort_order == 7
    assert [program.slug for program in institution.programs.all()] == ["teacher-exchange"]
    data = {"name_en": "New", "country": institution.country.pk, "sort_order": 1, "partner_in": [courses.pk]}
    data["_publish_en"] = "1"
    assert client.post(f"{ADMIN}add/", data).status_code == 302
    assert not Institution.objects.get(name_en="New").programs.exists()

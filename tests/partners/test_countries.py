"""The page of a country lists its published programs and institutions."""

import pytest
from bs4 import BeautifulSoup
from django.utils import timezone
from django.utils.translation import override

from partners.models import Country, Institution
from partners.views import CENTRES_NAMED
from portal.models import Centre
from programs.models import Program

pytestmark = pytest.mark.django_db


def test_the_first_paragraph_names_a_few_centres(client):
    for number in range(5):
        centre = Centre.objects.create(
            slug=f"centre-{number}", title_en=f"Centre {number}", summary_en="x", published_at_en=timezone.now()
        )
        centre.programs.set(Program.objects.all())
    main = BeautifulSoup(client.get("/en/partners/japan/").content, "html.parser").main
    assert main.select_one(".page-summary").text.count("works with them.") == CENTRES_NAMED
    assert len(main.select(".who-answers-centres dd")) > CENTRES_NAMED


@pytest.fixture
def institution():
    now = timezone.now()
    return Institution.objects.create(
        country=Country.objects.get(slug="japan"),
        name_zh_hans="某大学",
        name_en="A university",
        website="https://university.example/",
        published_at_zh_hans=now,
        published_at_en=now,
    )


def test_sections_stand_in_their_order(client, institution):
    text = client.get("/en/partners/japan/").content.decode()
    places = [text.index(f'id="{section}"') for section in ("programs", "answers", "institutions")]
    assert places == sorted(places)
    assert '<span class="pair" lang="zh-Hans">某大学</span>' in text
    assert 'href="/en/contact/?country=japan"' in text


def test_an_institution_is_shown_where_it_is_published(client, institution):
    Institution.objects.update(published_at_en=None)
    assert "A university" not in client.get("/en/partners/japan/").content.decode()
    chinese = client.get("/zh-hans/partners/japan/").content.decode()
    assert "某大学" in chinese
    assert "A university" not in chinese


def test_a_country_page_leads_with_its_programs_and_who_answers(client):
    """The words come first: programs with their summaries, the centre, telephone and enquiry; then the chart."""
    for language, lede in {
        "en": "Vocational colleges can take part in these programs with partners there. "
        "The International Exchange and Cooperation Service Centre works with them.",
        "zh-hans": "职业院校可与当地合作伙伴开展以下项目。国际交流合作服务中心负责与当地伙伴的合作。",
    }.items():
        page = BeautifulSoup(client.get(f"/{language}/partners/japan/").content, "html.parser")
        assert page.select_one(".page-head .page-summary").text == lede
        programs, answers = page.select_one("[aria-labelledby=programs]"), page.select_one("[aria-labelledby=answers]")
        with override(language):
            shown = Program.objects.published().filter(countries__slug="japan")
            assert len(shown) == 2
            for program in shown:
                assert program.title in programs.text and program.summary in programs.text
        assert answers.select_one(f'a[href="/{language}/centres/international-exchange/"]')
        assert answers.select_one("a.telephone") and answers.select_one('a.button[href$="?country=japan"]')
        words = list(page.select("main [id], main svg, main dl"))
        assert words.index(answers.find(id="answers")) < words.index(page.select_one(".country-place dl"))
        assert not page.select_one(".country-words svg")


def test_the_centres_that_answer_are_those_of_the_published_programs(client):
    """Centres of drafts and drafts of centres do not count, and each centre stands once."""

    def answering():
        page = BeautifulSoup(client.get("/en/partners/japan/").content, "html.parser")
        return [link["href"] for link in page.select(".who-answers-centres a")]

    japan = Country.objects.get(slug="japan")
    assert answering() == ["/en/centres/international-exchange/"]
    courses = Program.objects.get(slug="cooperative-courses")
    courses.countries.add(japan)
    assert answering() == ["/en/centres/international-exchange/", "/en/centres/curriculum-reform/"]
    Program.objects.filter(pk=courses.pk).update(published_at_en=None)
    assert answering() == ["/en/centres/international-exchange/"]
    Centre.objects.filter(slug="international-exchange").update(published_at_en=None)
    assert answering() == []


def test_the_telephones_of_a_country_are_those_of_its_centre_or_the_departments(client):
    def telephones():
        page = BeautifulSoup(client.get("/en/partners/japan/").content, "html.parser")
        return [link.text for link in page.select("[aria-labelledby=answers] a.telephone")]

    department = ["+86 10 5365 6705", "+86 10 5365 6307", "+86 10 5365 6785"]
    assert telephones() == department
    Centre.objects.filter(slug="international-exchange").update(telephones="010-12345678")
    assert telephones() == ["+86 10 1234 5678"]
    Program.objects.get(slug="cooperative-courses").countries.add(Country.objects.get(slug="japan"))
    assert telephones() == ["+86 10 1234 5678", *department]


def test_a_country_without_programs_says_so_and_what_to_do(client):
    Country.objects.get(slug="japan").programs.clear()
    page = BeautifulSoup(client.get("/en/partners/japan/").content, "html.parser")
    programs = page.select_one("[aria-labelledby=programs]")
    assert "No program is listed for partners there." in programs.text
    assert programs.select_one('a[href="/en/programs/"]')
    answers = page.select_one("[aria-labelledby=answers]")
    assert answers.select_one("a.telephone") and answers.select_one('a.button[href="/en/contact/?country=japan"]')
    assert not answers.select_one(".who-answers-centres")
    assert not page.select_one(".page-summary")


def test_a_country_with_institutions_alone_leaves_its_programs_out(client, institution):
    institution.country.programs.clear()
    for language, sections in {"en": ["answers", "institutions"], "zh-hans": ["programs", "answers"]}.items():
        page = BeautifulSoup(client.get(f"/{language}/partners/japan/").content, "html.parser")
        found = page.select(".country .section[aria-labelledby]")
        assert [section["aria-labelledby"] for section in found] == sections
        assert page.select_one("[aria-labelledby=answers] a.button")
        # The next language: nothing is published of the institution there.
        Institution.objects.update(published_at_zh_hans=None)


def test_the_partners_page_invites_those_whose_country_is_not_listed(client):
    for language, sentence in {
        "en": "If the country or region you have in mind is not listed, or your institution would like to work "
        "with us, please submit an enquiry.",
        "zh-hans": "如未列出您关注的国家或地区，或贵单位有合作意向，欢迎提交咨询。",
    }.items():
        page = BeautifulSoup(client.get(f"/{language}/partners/").content, "html.parser")
        invitation = page.select_one(".compass-end")
        assert invitation.text.strip() == sentence
        assert invitation.a["href"] == f"/{language}/contact/"

"""The finder: its filters are query parameters that links keep, and it says no only where there is nothing."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override

from partners.models import Country
from portal.search_index import split_query
from portal.search_index.words import MAX_WORDS
from programs.forms import FinderForm
from programs.models import MAX_PIECES, Area, Program, split_pieces

pytestmark = pytest.mark.django_db


def found(language="en", **query):
    with override(language):
        keys = FinderForm(query).programs_in(Program.objects.published()).tied
        return set(Program.objects.filter(pk__in=keys).values_list("slug", flat=True))


def test_without_filters_everything_is_found():
    assert len(found()) == Program.objects.count()


def test_each_filter():
    assert found(area="financing") == {"investment-services", "investment-fund"}
    assert found(country="japan") == {"teacher-exchange", "student-exchange"}
    assert len(found(centre="international-exchange")) == 6
    assert found(area="evaluation", centre="international-exchange") == {
        "credit-recognition",
        "qualification-certificates",
    }


EXCHANGES = {"teacher-exchange", "student-exchange"}
REFORM = {"cooperative-courses", "curriculum-standards", "resource-platform"}


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("study", {"student-exchange", "credit-recognition"}),
        ("study abroad", {"student-exchange", "credit-recognition"}),
        ("overseas", EXCHANGES | {"credit-recognition", "investment-fund"}),
        ("reform", REFORM),
        ("德国", EXCHANGES),
        ("英国", EXCHANGES),
        ("Germany", EXCHANGES),
        ("UK", EXCHANGES),
        ("USA", EXCHANGES),
        ("留学", {"student-exchange", "credit-recognition"}),
        ("出国", EXCHANGES | {"credit-recognition"}),
        ("访学", EXCHANGES),
        ("学分", {"credit-recognition"}),
        ("CREDITS strong", {"credit-recognition"}),
        ("学分 credits", {"credit-recognition"}),
        ("课程改革", REFORM),
        ("agreements", {"approval-support"}),
    ],
)
def test_a_query_finds_what_speaks_of_it_on_the_pages_of_both_languages(client, language, query, wanted):
    assert found(language, q=query) >= wanted
    text = client.get(f"/{language}/programs/", {"q": query}).content.decode()
    assert not [slug for slug in wanted if f'<h3><a href="/{language}/programs/{slug}/">' not in text]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("ＵＫ", EXCHANGES),
        ("学分、留学", {"credit-recognition", "student-exchange"}),
        ("学分　留学", {"credit-recognition", "student-exchange"}),
        ("“学分”？", {"credit-recognition", "student-exchange"}),
        ("credits, strong!", {"credit-recognition"}),
        ("《学分互认》", {"credit-recognition", "student-exchange"}),
    ],
)
def test_punctuation_and_full_width_letters_are_no_reason_for_a_no(query, wanted):
    assert found(q=query) == wanted


def test_what_no_text_says_is_not_found():
    assert found(q="100%") == found(q="没有这个") == found(q="nothing atall") == found(q="、？!") == set()


SOME_FIT = {
    "en": "No program has exactly this. Those with most of the words come first.",
    "zh-hans": "没有与关键词完全一致的项目，以下按符合程度排列。",
}

ALL_FIT = {
    "student exchanges": {"student-exchange"},
    "teacher exchanges": {"teacher-exchange"},
    "credit transfers": {"credit-recognition"},
    "investments": {"investment-services", "investment-fund"},
    "evaluations": {"program-evaluation", "credit-recognition"},
    "UK留学": {"student-exchange"},
    **dict.fromkeys(
        ["Japanese", "American", "British", "Great Britain", "Australian", "German", "Korean", "Dutch", "Holland"],
        EXCHANGES,
    ),
    "澳洲": EXCHANGES,
    "研学": EXCHANGES,
    "交换生": {"student-exchange"},
    "留学生": {"student-exchange"},
}


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize(("query", "wanted"), ALL_FIT.items())
def test_plurals_and_other_names_of_countries_find_what_has_all_words(client, language, query, wanted):
    assert found(language, q=query) >= wanted
    text = client.get(f"/{language}/programs/", {"q": query}).content.decode()
    assert SOME_FIT[language] not in text
    assert not [slug for slug in wanted if f'<h3><a href="/{language}/programs/{slug}/">' not in text]


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize(
    ("query", "first", "wanted"),
    [
        ("英国留学", "student-exchange", EXCHANGES | {"credit-recognition"}),
        ("留学英国", "student-exchange", EXCHANGES | {"credit-recognition"}),
        ("去英国留学", "student-exchange", EXCHANGES | {"credit-recognition"}),
        ("出国留学", "student-exchange", EXCHANGES | {"credit-recognition"}),
        ("海外留学", "student-exchange", EXCHANGES | {"credit-recognition"}),
        ("英国学生交流", "student-exchange", EXCHANGES),
        ("德国合作课程", "cooperative-courses", EXCHANGES | {"cooperative-courses"}),
        ("教师交流项目", "teacher-exchange", EXCHANGES),
        ("transfer quokka", "credit-recognition", {"credit-recognition"}),
    ],
)
def test_programs_with_some_of_the_words_are_better_than_a_no(client, language, query, first, wanted):
    text = client.get(f"/{language}/programs/", {"q": query}).content.decode()
    [(_count, slugs)] = shown(text)
    assert slugs[0] == first
    assert wanted <= set(slugs)
    assert text.count(SOME_FIT[language]) == 1


@pytest.mark.parametrize("query", ["", "exchange", "留学", "quokka", "袋鼠"])
@pytest.mark.parametrize("country", ["", "japan"])
def test_some_words_are_spoken_of_only_where_some_are_found(client, query, country):
    for language, sentence in SOME_FIT.items():
        text = client.get(f"/{language}/programs/", {"q": query, "country": country}).content.decode()
        assert sentence not in text
        assert (shown(text)[0][1] == []) == (query in {"quokka", "袋鼠"})


def test_some_words_with_a_country_keep_both_groups_and_their_counts(client):
    text = client.get("/en/programs/?country=germany&q=德国合作课程").content.decode()
    [(tied, first), (untied, second)] = shown(text)
    assert tied == "Germany: 2 programs"
    assert set(first) == EXCHANGES
    assert untied == "Programs not tied to a country or region"
    assert second[0] == "cooperative-courses"
    assert f"There are {len(second)} such programs." in text
    assert text.index(tied) < text.index(SOME_FIT["en"]) < text.index(untied)
    none_tied = client.get("/en/programs/?country=germany&q=introduce fund quokka").content.decode()
    assert shown(none_tied)[0] == ("Germany: 0 programs", [])
    assert shown(none_tied)[1][1] == ["cooperative-courses", "investment-services", "investment-fund"]
    assert SOME_FIT["en"] in none_tied


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Exchanges exchange EXCHANGE", ["exchange"]),
        ("gas USA's class business", ["gas", "usa", "s", "class", "business"]),
        ("去UK留学、留学", ["去", "uk", "留学"]),
        ("Zürich", ["zurich"]),
    ],
)
def test_words_are_taken_once_and_without_an_s(text, words):
    assert split_query(text) == words


def test_pieces_are_words_and_pairs_of_chinese_characters():
    assert split_pieces(["去", "uk", "英国留学", "留学生"]) == ["去", "uk", "英国", "国留", "留学", "留学生"]
    assert split_pieces(["quokka", "s", "in", "the", "zoo"]) == ["quokka", "zoo"]


def size(words):
    """How many words and pieces the search index is asked for."""
    with CaptureQueriesContext(connection) as queries:
        Program.objects.matching(words=words)
    return sum(query["sql"].count("FROM portal_searchpart") for query in queries)


@pytest.mark.parametrize("query", ["意大利", "Italy", "quokka the", "kangaroo in a zoo", "quokka's"])
def test_what_nothing_speaks_of_is_not_found_by_a_common_word_or_a_part_of_a_name(query):
    assert found(q=query) == set()


@pytest.mark.parametrize("query", ["studies", "study"])
def test_a_plural_finds_the_word(query):
    assert found(q=query) >= {"student-exchange", "credit-recognition"}


def test_many_words_make_a_query_no_longer_than_few():
    assert size("credit " * 50) == size("credit") > size("")
    most = "exchange students study abroad teach learn colleges UK"
    assert size(f"{most} {' '.join(f'quokka{n}' for n in range(50))}") == size(most)
    some = " ".join(f"quokka{n}" for n in range(50))
    assert size(some) == size(" ".join(f"quokka{n}" for n in range(MAX_WORDS)))
    characters = "".join(map(chr, range(0x4E00, 0x4E00 + 50)))
    assert size(characters) == size(characters[: MAX_PIECES + 1])


@pytest.mark.parametrize("query", ["li", "strong", "href", "ul", "p"])
def test_the_markup_of_rich_text_is_not_searched(query):
    Program.objects.exclude(slug="approval-support").delete()
    markup = '<ul><li><strong><a href="https://{}.example/">{}</a></strong></li></ul>'
    blank = dict.fromkeys(["title", "summary", "audience", "search_words", "body"], "文")
    texts = {f"{name}_{side}": text for name, text in blank.items() for side in ("en", "zh_hans")}
    Program.objects.update(
        **texts, materials_introduction_en=markup.format(query, "文"), materials_introduction_zh_hans="<p>文</p>"
    )
    Area.objects.update(title_en="文")
    assert found(q=query) == set()
    Program.objects.update(materials_introduction_en=markup.format("a", f"a {query.upper()} b"))
    assert found(q=query) == {"approval-support"}


@pytest.mark.parametrize("column", ["title", "summary", "body", "audience", "materials_introduction", "search_words"])
@pytest.mark.parametrize("side", ["zh_hans", "en"])
def test_every_text_of_a_program_is_searched(column, side):
    Program.objects.filter(slug="investment-fund").update(**{f"{column}_{side}": "<p>Before quokka behind</p>"})
    assert found(q="Quokka") == found("zh-hans", q="quokka") == {"investment-fund"}


@pytest.mark.parametrize("side", ["zh_hans", "en"])
def test_steps_questions_and_answers_are_searched(side):
    program = Program.objects.get(slug="investment-fund")
    program.steps.create(**{f"text_{side}": "A quokka comes"})
    program.steps.create(**{f"text_{side}": "The quokka goes"})
    program.questions.create(**{f"question_{side}": "Which wombat?", f"answer_{side}": "<p>The dingo</p>"})
    program.questions.create(**{f"question_{side}": "A kiwi without an answer?"})
    assert found(q="kiwi") == set()
    for word in ("quokka", "wombat", "dingo", "quokka dingo"):
        assert found(q=word) == found("zh-hans", q=word) == {"investment-fund"}, word


def test_the_names_of_types_and_countries_are_searched():
    Area.objects.filter(slug="financing").update(title_zh_hans="投融资袋鼠")
    Country.objects.filter(slug="japan").update(name_en="Wombatland")
    assert found(q="袋鼠") == {"investment-services", "investment-fund"}
    assert found("zh-hans", q="wombatland") == EXCHANGES


def test_only_published_sides_are_searched():
    tomorrow = timezone.now() + timedelta(days=1)
    texts = {"summary_zh_hans": "袋鼠", "summary_en": "Wombat"}
    Program.objects.filter(slug="investment-fund").update(**texts, published_at_zh_hans=tomorrow)
    assert found(q="袋鼠") == set()
    assert found(q="wombat") == {"investment-fund"}
    for query, wanted in {"袋鼠 quokka": set(), "wombat quokka": {"investment-fund"}}.items():
        assert found("en", q=query) == wanted, query
    Program.objects.filter(slug="investment-fund").update(published_at_zh_hans=timezone.now())
    assert found("zh-hans", q="wombat quokka") == found("zh-hans", q="袋鼠 quokka") == {"investment-fund"}
    assert found(q="袋鼠") == {"investment-fund"}
    Area.objects.filter(slug="financing").update(published_at_zh_hans=None)
    assert found(q="袋鼠") == set()
    Country.objects.filter(slug="germany").update(published_at_zh_hans=None)
    assert found(q="德国") == set()
    assert found(q="Germany") == EXCHANGES


def test_a_program_is_found_once_however_often_it_says_the_word(client):
    program = Program.objects.get(slug="student-exchange")
    for _number in range(3):
        program.steps.create(text_en="Wombat", text_zh_hans="wombat")
        program.questions.create(question_en="Wombat?", answer_en="<p>Wombat</p>")
    text = client.get("/en/programs/?q=wombat").content.decode()
    assert "1 program<" in text
    assert text.count('<h3><a href="/en/programs/student-exchange/">') == 1


def test_search_words_are_in_the_admin_and_on_no_page(client, admin_client):
    Program.objects.update(search_words_en="wombat", search_words_zh_hans="袋鼠")
    Program.objects.filter(slug="teacher-exchange").update(search_words_en=None, search_words_zh_hans=None)
    program = Program.objects.get(slug="credit-recognition")
    form = admin_client.get(f"/admin/programs/program/{program.pk}/change/").content.decode()
    assert 'name="search_words_zh_hans"' in form
    assert 'name="search_words_en"' in form
    for path in ("", "?view=pair"):
        for language in ("zh-hans", "en"):
            text = client.get(f"/{language}/programs/credit-recognition/{path}").content.decode()
            assert "wombat" not in text
            assert "袋鼠" not in text


def shown(text):
    """The sections of a list of programs: a list of (heading, slugs)."""
    main = text[text.index("<main") : text.index("</main")]
    sections = [(re.sub("<.*?>", "", part.partition("</h2>")[0]), part) for part in main.split("<h2")[1:]]
    return [
        (name.partition(">")[2], re.findall(r'<h3><a href="/[\w-]+/programs/([\w-]+)/', part))
        for name, part in sections
    ]


def test_a_country_also_shows_apart_the_programs_that_are_tied_to_none(client):
    Program.objects.get(slug="investment-fund").countries.set(Country.objects.filter(slug="japan"))
    text = client.get("/en/programs/?country=germany").content.decode()
    [(tied, first), (untied, second)] = shown(text)
    assert tied == "Germany: 2 programs"
    assert first == ["teacher-exchange", "student-exchange"]
    assert untied == "Programs not tied to a country or region"
    assert "There are 8 such programs. Ask us whether they are possible with partners in the country" in text
    assert len(second) == 8
    assert not {"investment-fund", *first}.intersection(second)
    assert 'href="/en/contact/?country=germany"' in text
    chinese = client.get("/zh-hans/programs/?country=germany").content.decode()
    assert [name for name, _slugs in shown(chinese)] == ["与德国有关的项目：2个", "未限定国家或地区的项目"]
    assert "共8个。能否与所选国家或地区的伙伴合作开展，请向我们咨询。" in chinese


def test_a_country_without_programs_is_no_no(client):
    Program.objects.get(slug="teacher-exchange").countries.clear()
    text = client.get("/en/programs/?country=japan&q=teachers").content.decode()
    assert shown(text)[0] == ("Japan: 0 programs", [])
    assert shown(text)[1] == ("Programs not tied to a country or region", ["teacher-exchange"])
    assert "There is 1 such program." in text
    assert "No program fits" not in text


def test_nothing_at_all_is_said_only_where_there_is_nothing(client):
    text = client.get("/en/programs/?country=japan&q=wombat").content.decode()
    assert shown(text) == [("Japan: 0 programs", [])]
    assert "No program fits all of this" in text
    assert 'href="/en/contact/?country=japan"' in text


def test_a_program_whose_countries_are_all_withdrawn_is_tied_to_none():
    Country.objects.exclude(slug="japan").update(published_at_en=None)
    Program.objects.get(slug="teacher-exchange").countries.remove(Country.objects.get(slug="japan"))
    with override("en"):
        found = FinderForm({"country": "japan"}).programs_in(Program.objects.published())
    assert found.tied == [Program.objects.get(slug="student-exchange").pk]
    assert Program.objects.get(slug="teacher-exchange").pk in found.untied


def test_both_kinds_of_program_share_the_pages_of_a_long_list(client):
    now = timezone.now()
    columns = ["title", "summary"]
    texts = {f"{column}_{side}": "Wombat" for column in columns for side in ("en", "zh_hans")}
    Program.objects.bulk_create(Program(slug=f"wombat-{number}", published_at_en=now, **texts) for number in range(60))
    first, second = (client.get(f"/en/programs/?country=japan&q=&page={page}").content.decode() for page in (1, 2))
    assert [len(slugs) for _name, slugs in shown(first)] == [2, 48]
    assert [(name, len(slugs)) for name, slugs in shown(second)] == [
        ("Japan: 2 programs", 0),
        ("Programs not tied to a country or region", 21),
    ]
    assert "There are 69 such programs." in second
    assert 'href="?country=japan&amp;q=&amp;page=2"' in first


@pytest.mark.parametrize(
    ("language", "query", "error"),
    [
        ("en", {"q": "a" * 101}, "Keywords: use at most 100 characters"),
        ("zh-hans", {"q": "a" * 101}, "关键词：最多100字"),
        ("en", {"q": "a\0"}, "Keywords: use letters, digits and Chinese characters"),
        *(("en", {"q": signs}, "Keywords: use letters, digits and Chinese characters") for signs in ("😀", "%", '"')),
        ("en", {"country": "nowhere"}, "Country or region: this choice is not offered here."),
        ("zh-hans", {"country": "nowhere"}, "国家或地区：没有这个选项。"),
        ("en", {"area": "a", "centre": "a"}, "Type of program: this choice is not offered here."),
        ("en", {"area": "a", "centre": "a"}, "Service centre: this choice is not offered here."),
    ],
)
def test_an_error_of_the_finder_names_its_field(client, language, query, error):
    response = client.get(f"/{language}/programs/", query)
    assert response.status_code == 200
    assert error in response.content.decode()


def test_a_long_query_of_many_words_is_answered(client):
    response = client.get("/en/programs/", {"q": "a " * 50, "country": "japan"})
    assert response.status_code == 200
    assert not FinderForm({"q": "a " * 50}).errors


@pytest.mark.parametrize("slug", ["areas", "credits", "overview"])
@pytest.mark.parametrize("model", [Program, Country])
def test_a_reserved_address_is_refused_at_its_field(admin_client, model, slug):
    admin_client.cookies["django_language"] = "en"
    address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/add/"
    text = admin_client.post(address, {"slug": slug, "_publish": "1"}, follow=True).content.decode()
    assert f"The address “{slug}” is kept for another page. Choose another one." in text
    assert 'id="id_slug_error"' in text


def test_a_withdrawn_filter_is_no_choice():
    Program.objects.get(slug="credit-recognition").area.__class__.objects.update(published_at_en=None)
    with override("en"):
        finder = FinderForm({"area": "evaluation"})
        assert "area" in finder.errors
        assert not finder.programs_in(Program.objects.published()).keys


def test_filters_are_kept_in_the_form_and_the_language_links(client):
    assert '<option value="japan" selected>' in client.get("/en/programs/?country=japan&q=fund").content.decode()
    text = client.get("/en/programs/?area=financing&q=fund").content.decode()
    assert '<option value="financing" selected>' in text
    assert 'value="fund"' in text
    assert 'href="/zh-hans/programs/?area=financing&amp;q=fund"' in text
    assert 'rel="canonical" href="https://portal.example/en/programs/"' in text


def test_an_empty_result_helps(client):
    text = client.get("/zh-hans/programs/?q=没有这个").content.decode()
    assert "0个项目" in text
    assert "没有完全符合条件的项目" in text
    assert 'href="/zh-hans/contact/"' in text


def test_an_english_word_is_found_from_its_beginning():
    assert found(q="vestment") == set()
    assert found(q="invest") >= {"investment-services", "investment-fund"}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "&country=japan",
        "&centre=international-exchange",
        "programs",
        "programs quokka",
        "programs quokka&country=japan",
    ],
)
def test_a_search_lists_only_so_many_and_says_so(client, monkeypatch, query):
    path = f"/en/programs/?q={query}"
    whole = [slug for _name, slugs in shown(client.get(path).content.decode()) for slug in slugs]
    monkeypatch.setattr("programs.models.programs.MAX_COUNTED", len(whole))
    assert "Only the first" not in client.get(path).content.decode()
    monkeypatch.setattr("programs.models.programs.MAX_COUNTED", 3)
    text = client.get(path).content.decode()
    listed = [slug for _name, slugs in shown(text) for slug in slugs]
    assert len(whole) > len(listed) == 3
    assert "Only the first 3 programs that were found are counted and listed." in text
    if "country" not in query:
        assert listed == whole[:3]

"""Both languages side by side: how their blocks are paired, and the pair view of a page."""

from itertools import pairwise

import html5lib
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from partners.models import Country
from portal.bilingual.languages import other_language
from portal.bilingual.richtext import blocks
from portal.bilingual.side_by_side import aligned, beside, blocks_of, rows
from portal.models import Centre, Page
from programs.models import Area, Program, Question, Step

LANGUAGES = ["zh-hans", "en"]
CODES = {"zh-hans": "zh-Hans", "en": "en"}
# A page of each kind, with text that it contains in Chinese and in English.
PAGES = [
    ("about/", "国际部从事我国职业教育的国际交流与合作", "The work of the Department is international exchange"),
    ("programs/areas/evaluation/", "国际教育项目评估", "Evaluation of international educational programs"),
    ("programs/approval-support/", "协助准备的材料", "Documents we help prepare"),
    ("centres/curriculum-reform/", "与国际体系相衔接", "industry by industry"),
    ("partners/japan/", "首都：东京", "Capital: Tokyo"),
]
PROGRAM = "programs/approval-support/"


def texts(pairs):
    return [tuple(block.get_text() if block else None for block in pair) for pair in pairs]


def side_by_side(left, right):
    """The texts of the paired blocks of two rich texts."""
    return texts(aligned(blocks(left), blocks(right)))


def document(response):
    assert response.status_code == 200
    return html5lib.parse(response.content.decode(), namespaceHTMLElements=False)


def text_of(element):
    return " ".join("".join(element.itertext()).split())


def shown(client, path=f"/en/{PROGRAM}"):
    """The rows of the pair view of `path`, each a list of cells as (lang, text)."""
    page = document(client.get(f"{path}?view=pair"))
    found = [div for div in page.iter("div") if div.get("class", "").startswith("pair-row")]
    return [[(cell.get("lang"), text_of(cell)) for cell in row] for row in found]


@pytest.fixture
def program(db):
    return Program.objects.get(slug="approval-support")


def test_texts_of_one_shape_are_paired_as_they_stand():
    assert side_by_side("<h2>甲</h2><p>乙</p><ul><li>丙</li></ul>", "<h2>A</h2><p>B</p><ul><li>C</li></ul>") == [
        ("甲", "A"),
        ("乙", "B"),
        ("丙", "C"),
    ]


def test_a_paragraph_more_leaves_a_gap_and_headings_line_up_again():
    chinese = "<h2>宗旨</h2><p>短</p><p>这一段说明国际部的工作，比较长。</p><h2>原则</h2><p>四项原则</p>"
    english = (
        "<h2>Mission</h2><p>A long paragraph, which says at length what the work is.</p><h2>Principle</h2><p>Four</p>"
    )
    assert side_by_side(chinese, english) == [
        ("宗旨", "Mission"),
        ("短", None),
        ("这一段说明国际部的工作，比较长。", "A long paragraph, which says at length what the work is."),
        ("原则", "Principle"),
        ("四项原则", "Four"),
    ]
    mirrored = side_by_side(english, chinese)
    assert mirrored == [pair[::-1] for pair in side_by_side(chinese, english)]


def test_blocks_of_another_kind_stand_beside_each_other_but_headings_never_beside_text():
    assert side_by_side("<p>一</p><p>二</p>", "<p>One</p><ul><li>Two</li></ul>") == [("一", "One"), ("二", "Two")]
    assert side_by_side("<h2>一</h2>", "<p>One</p>") == [("一", None), (None, "One")]


@pytest.mark.parametrize("text", ["<p>One</p><h2>Two</h2><p>Three</p>", "<h2>One</h2>"])
def test_a_side_that_says_nothing_is_all_gaps(text):
    assert {pair[0] for pair in side_by_side("", text)} == {None}
    assert {pair[1] for pair in side_by_side(text, "")} == {None}
    assert [block.get_text() for _gap, block in aligned([], blocks(text))] == [b.get_text() for b in blocks(text)]


def test_nothing_is_lost_and_order_is_kept():
    shapes = ["p p h2 p ul p", "h3 p ol h2 p p p", "h2 h2 blockquote p", "ul h3 p ul ul h2 p", "p"]
    for one in shapes:
        for other in shapes:
            sides = [
                blocks("".join(f"<{tag}>{tag}{n}</{tag}>" for n, tag in enumerate(s.split()))) for s in (one, other)
            ]
            pairs = aligned(*sides)
            assert [left for left, _right in pairs if left] == sides[0]
            assert [right for _left, right in pairs if right] == sides[1]


def test_lists_of_as_many_items_are_paired_item_by_item():
    pairs = beside([blocks("<ol start='4'><li>甲</li><li>乙</li></ol>")], [blocks("<ol><li>A</li><li>B</li></ol>")])
    assert [tuple(map(str, pair)) for pair in pairs] == [
        ('<ol start="4"><li>甲</li></ol>', '<ol start="1"><li>A</li></ol>'),
        ('<ol start="5"><li>乙</li></ol>', '<ol start="2"><li>B</li></ol>'),
    ]
    whole = "<ul><li>A</li><li>B</li></ul>"
    assert [str(right) for _left, right in beside([blocks("<ul><li>甲</li></ul>")], [blocks(whole)])] == [whole]
    odd = f"<ol start='{'9' * 5000}'><li>A</li></ol>"
    assert [str(left) for left, _right in beside([blocks(odd)], [blocks(odd)])] == ['<ol start="1"><li>A</li></ol>']


def test_plain_text_is_escaped():
    [block] = blocks_of("p", "<b>a</b> & b")
    assert str(block) == "<p>&lt;b&gt;a&lt;/b&gt; &amp; b</p>"


def test_no_level_of_headings_is_skipped():
    sides = [{"code": "en"}, {"code": "zh-Hans"}]
    pairs = aligned(blocks("<h3>A</h3><p>B</p><h3>C</h3><h2>D</h2><h3>E</h3>"), blocks("<h3>甲</h3><p>乙</p>"))
    found = [row["cells"][0]["html"] for row in rows(pairs, sides)]
    assert found == ["<h2>A</h2>", "<p>B</p>", "<h3>C</h3>", "<h2>D</h2>", "<h3>E</h3>"]


@pytest.mark.django_db
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("path", "chinese", "english"), PAGES, ids=[path for path, *_ in PAGES])
def test_a_page_of_each_kind(client, language, path, chinese, english):
    address = f"/{language}/{path}"
    page = document(client.get(f"{address}?view=pair"))
    own, other = CODES[language], CODES[other_language(language)]
    [heading] = page.iter("h1")
    assert page.get("lang") == own
    assert [name.get("lang") for name in heading] == [own, other]
    assert all(text_of(name) for name in heading)

    found = shown(client, address)
    assert found and all([lang for lang, _text in row] == [own, other] for row in found)
    said = {code: " ".join([text for row in found for lang, text in row if lang == code]) for code in (own, other)}
    names = {name.get("lang"): text_of(name) for name in heading}
    assert chinese in names["zh-Hans"] + said["zh-Hans"]
    assert english in names["en"] + said["en"]

    links = [(link.get("rel"), link.get("href")) for link in page.iter("link") if link.get("rel") != "stylesheet"]
    assert [href for rel, href in links if rel == "canonical"] == [f"https://portal.example{address}"]
    assert "alternate" not in dict(links)
    assert [meta.get("content") for meta in page.iter("meta") if meta.get("name") == "robots"] == ["noindex"]
    [title] = page.iter("title")
    assert ("（中英对照）" if language == "zh-hans" else " – both languages") in title.text

    ways = {(a.get("hreflang"), a.get("href"), a.text) for a in page.find(".//main").iter("a") if a.get("hreflang")}
    assert ways == {("zh-Hans", f"/zh-hans/{path}", "只读中文"), ("en", f"/en/{path}", "Read in English only")}
    [switcher] = [nav for nav in page.iter("nav") if nav.get("class") == "languages"]
    assert [a.get("href") for a in switcher.iter("a")] == [f"/{code}/{path}?view=pair" for code in LANGUAGES]
    levels = [int(e.tag[1]) for e in page.iter() if e.tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1 and all(following <= level + 1 for level, following in pairwise(levels))


@pytest.mark.django_db
def test_it_is_not_in_the_site_map(client):
    assert "view=pair" not in client.get("/sitemap-1.xml").content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_in_one_language_has_no_pair(client, program, language):
    normal = client.get(f"/{language}/{PROGRAM}").content
    setattr(program, f"published_at_{other_language(language).replace('-', '_')}", None)
    program.save()
    answer = client.get(f"/{language}/{PROGRAM}?view=pair").content.decode()
    assert "pair-row" not in answer and "noindex" not in answer
    assert b"pair-row" not in normal
    assert client.get(f"/{other_language(language)}/{PROGRAM}?view=pair").status_code == 404


@pytest.mark.parametrize("model", [Area, Program, Centre, Country, Page])
def test_a_row_knows_whether_it_has_a_pair(db, model):
    row = model.objects.exclude(slug="privacy").first()
    assert row.has_pair
    row.published_at_en = None
    assert not row.has_pair


@pytest.mark.parametrize("view", ["", "PAIR", "pair2", "print"])
def test_another_view_is_the_page_itself(client, program, view):
    answer = client.get(f"/en/{PROGRAM}?view={view}").content.decode()
    assert "pair-row" not in answer
    assert 'class="section who-answers"' in answer


def test_steps_and_questions_keep_beside_their_own_translations(client, program):
    for number, (chinese, english) in enumerate([("一", "One"), ("二", ""), ("", "Three"), ("四", "Four")]):
        Step.objects.create(program=program, sort_order=number, text_zh_hans=chinese, text_en=english)
    question = {"question_zh_hans": "多久？", "question_en": "How long?", "answer_zh_hans": "<p>请问。</p>"}
    Question.objects.create(program=program, answer_en="<p>Ask.</p>", **question)
    Question.objects.create(program=program, sort_order=200, **question)
    found = [[text for _lang, text in row] for row in shown(client)]
    for row in (["One", "一"], ["", "二"], ["Three", ""], ["Four", "四"], ["What happens", "办理步骤"]):
        assert row in found
    assert found[-4:] == [["How long?", "多久？"], ["Ask.", "请问。"], ["", "多久？"], ["", "请问。"]]
    html = client.get(f"/en/{PROGRAM}?view=pair").content.decode()
    assert '<ol start="3"><li>Three</li></ol>' in html
    assert html.count('<ol start="4">') == 2


def test_a_text_that_one_side_lacks_leaves_a_gap(client, program):
    program.audience_en = None
    program.save()
    program.materials.update(name_zh_hans=None)
    found = [[text for _lang, text in row] for row in shown(client)]
    assert ["Documents we help prepare", ""] in found
    assert ["Curriculum materials", ""] in found
    assert ["", "适用对象"] in found


def test_hostile_text_stays_clean(client, program):
    program.body_en = (
        '<p onclick="x()">Read <script>alert(1)</script><a href="javascript:x()">this</a></p>'
        '<ul><li><a href="https://x.example/<table><img src=x onerror=x()>">that</a></li></ul>&lt;script&gt;'
    )
    program.audience_en = program.summary_en = "<script>alert(1)</script>"
    program.save()
    page = document(client.get(f"/en/{PROGRAM}?view=pair"))
    assert not list(page.iter("script")) + list(page.iter("img"))
    assert not [e for e in page.iter() for name in e.attrib if name.startswith("on")]
    assert not [a for a in page.iter("a") if a.get("href", "").startswith("javascript")]
    assert "<script>alert(1)</script>" in [text for row in shown(client) for _lang, text in row]


def test_as_many_queries_with_three_hundred_steps(client, program):
    def counted():
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/zh-hans/{PROGRAM}?view=pair")
        return len(queries)

    before = counted()
    Step.objects.bulk_create(Step(program=program, text_zh_hans="步骤", text_en="Step") for _ in range(300))
    assert counted() == before <= 10
    assert len(shown(client)) > 300

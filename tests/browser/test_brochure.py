"""Pages that print as a brochure (programs, centres, types of program): composition, button and print."""

from itertools import pairwise

import pypdfium2
import pytest

from tests.browser.steps import LANGUAGES, rows

PRINT = {"zh-hans": "打印/另存为PDF", "en": "Print / save as PDF"}
PROGRAMS = [
    "teacher-exchange",
    "student-exchange",
    "cooperative-courses",
    "curriculum-standards",
    "resource-platform",
    "credit-recognition",
    "qualification-certificates",
    "program-evaluation",
    "approval-support",
    "investment-services",
    "investment-fund",
]
CENTRES = ["international-exchange", "curriculum-reform", "evaluation-and-financing"]
AREAS = ["curriculum-reform", "evaluation", "financing"]
PATHS = [f"programs/{slug}/" for slug in PROGRAMS]
PATHS += [f"centres/{slug}/" for slug in CENTRES] + [f"programs/areas/{slug}/" for slug in AREAS]

OF_EACH_KIND = ["programs/approval-support/", "centres/curriculum-reform/", "programs/areas/evaluation/"]

# The longest program, long enough for several leaves, and the number of its questions.
LONG, QUESTIONS = "resource-platform", 14

# Holes in pixels. `beside`: what the block "Who answers" is taller than the shortest column of text in it or beside
# it. `between`: the greatest distance from a line of the page's matter to the next line.
HOLES = """() => {
  const block = document.querySelector('.who-answers').getBoundingClientRect();
  const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  const lines = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.data.trim() || !node.parentElement.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    lines.push(...range.getClientRects());
  }
  const columns = [];
  const abreast = lines.filter(line => line.top < block.bottom && line.bottom > block.top);
  for (const line of abreast.sort((one, other) => one.left - other.left)) {
    const last = columns.at(-1);
    if (last && line.left < last.right) {
      last.right = Math.max(last.right, line.right);
      last.bottom = Math.max(last.bottom, line.bottom);
    } else {
      columns.push({right: line.right, bottom: line.bottom});
    }
  }
  const bottoms = columns.map(column => column.bottom);
  let end = Infinity, between = 0;
  for (const line of lines.sort((one, other) => one.top - other.top)) {
    between = Math.max(between, line.top - end);
    end = end === Infinity ? line.bottom : Math.max(end, line.bottom);
  }
  return {columns: columns.length, beside: Math.max(...bottoms) - Math.min(...bottoms), between};
}"""


@pytest.fixture
def long_program(site):
    """The key of the program LONG, which has a long text, steps, materials and questions as long as a test runs."""
    [(program, *texts)] = rows(
        site,
        "SELECT id, body_zh_hans, body_en, materials_introduction_zh_hans, materials_introduction_en"
        " FROM programs_program WHERE slug = ?",
        LONG,
    )
    chinese = "<p>平台为院校的课程改革提供专业的课程设计，并开展人才库建设，面向各专业。</p>"
    english = "<p>The platform supports the reform of curricula with their design and with a talent pool.</p>"
    update = (
        "UPDATE programs_program"
        " SET body_zh_hans = ?, body_en = ?, materials_introduction_zh_hans = ?, materials_introduction_en = ?"
        " WHERE id = ?"
    )
    materials = ("<ul>" + "<li>课程材料</li>" * 9 + "</ul>", "<ul>" + "<li>Curriculum materials</li>" * 9 + "</ul>")
    rows(site, update, chinese * 12, english * 12, *materials, program)
    for number in range(6):
        rows(
            site,
            "INSERT INTO programs_step (program_id, sort_order, text, text_zh_hans, text_en) VALUES (?, ?, '', ?, ?)",
            program,
            number,
            "院校说明课程现状和改革设想。",
            "The college describes its curriculum and what it would like to reform.",
        )
    for number in range(QUESTIONS):
        rows(
            site,
            "INSERT INTO programs_question (program_id, sort_order, question, question_zh_hans, question_en,"
            " answer, answer_zh_hans, answer_en) VALUES (?, ?, '', ?, ?, '', ?, ?)",
            program,
            number,
            f"问题{number}？",
            f"Question {number}?",
            chinese * 2,
            english * 2,
        )
    yield program
    rows(site, update, *texts, program)
    rows(site, "DELETE FROM programs_step WHERE program_id = ?", program)
    rows(site, "DELETE FROM programs_question WHERE program_id = ?", program)


def leaves_of(page):
    """The printed page as a list of (lines of text without the number of the leaf, picture)."""
    document = pypdfium2.PdfDocument(page.pdf(prefer_css_page_size=True, print_background=True))
    texts = [leaf.get_textpage().get_text_range().splitlines() for leaf in document]
    return [
        ([line.strip() for line in lines if line.strip() and " / " not in line], leaf.render(scale=1).to_pil())
        for lines, leaf in zip(texts, document, strict=True)
    ]


def blank_rows(picture):
    """The heights in points of the blank bands between the first and the last mark above the number of the leaf."""
    grey = picture.convert("L").crop((0, 0, picture.width, 790))
    marked = [y for y in range(grey.height) if grey.crop((0, y, grey.width, y + 1)).getextrema()[0] < 200]
    return [below - above for above, below in pairwise(marked)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_hole_stands_beside_who_answers(site, page, record_property, language):
    holes = {}
    for path in PATHS:
        page.goto(f"{site.url}/{language}/{path}")
        holes[path] = page.evaluate(HOLES)
    record_property(f"pages with who answers, {language}", len(holes))
    record_property(f"greatest hole beside, {language}", max(hole["beside"] for hole in holes.values()))
    record_property(f"greatest hole between, {language}", max(hole["between"] for hole in holes.values()))
    assert len(holes) == 11 + 3 + 3
    assert all(hole["columns"] >= 3 for hole in holes.values()), holes
    assert {path: hole for path, hole in holes.items() if hole["beside"] > 110 or hole["between"] > 110} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_long_program_has_no_hole_either(site, page, long_program, language):
    # With this parameter it is no finished page, which would change a moment later.
    page.goto(f"{site.url}/{language}/programs/{LONG}/?page=1")
    assert page.locator(".question").count() == QUESTIONS
    hole = page.evaluate(HOLES)
    assert hole["beside"] <= 110
    assert hole["between"] <= 110


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", OF_EACH_KIND)
def test_who_answers_stands_under_the_summary(site, page, language, path):
    page.goto(f"{site.url}/{language}/{path}")
    places = """() => ['.page-summary', '.who-answers', '[aria-labelledby=purpose], [aria-labelledby=work]']
      .map(selector => document.querySelector(selector).getBoundingClientRect().top)"""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        summary, block, text = page.evaluate(places)
        assert summary < block < text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_list_of_centres_has_the_left_edges_of_its_summary(site, page, language):
    page.goto(f"{site.url}/{language}/centres/")
    lefts = page.locator(".page-summary, .section-body, .section-body > p").evaluate_all(
        "elements => elements.map(element => element.getBoundingClientRect().left)"
    )
    assert len(lefts) == 1 + 2 * 3
    assert len(set(lefts)) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_program_prints_on_one_leaf_that_ends_with_its_matter(site, page, record_property, language):
    greatest = 0
    for slug in PROGRAMS:
        page.goto(f"{site.url}/{language}/programs/{slug}/")
        leaves = leaves_of(page)
        assert len(leaves) == 1, slug
        greatest = max(greatest, *blank_rows(leaves[0][1]))
    record_property(f"brochures, {language}", len(PROGRAMS))
    record_property(f"greatest blank band in points, {language}", greatest)
    # Two centimetres
    assert greatest < 57


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_printed_heading_reaches_what_follows(site, page, record_property, language):
    """Headings are placed beside the text, outside the flow."""
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 658, "height": 1000})
    rooms = {}
    for path in PATHS:
        page.goto(f"{site.url}/{language}/{path}")
        for room in page.evaluate(
            """() => [...document.querySelectorAll('.brochure > .section')].map(section => {
              const next = section.nextElementSibling ?? document.querySelector('.colophon');
              const heading = section.querySelector('.section-head');
              return next.getBoundingClientRect().top - heading.getBoundingClientRect().bottom;
            })"""
        ):
            rooms[path, len(rooms)] = room
    record_property(f"printed headings, {language}", len(rooms))
    assert len(rooms) >= 50
    assert {place: room for place, room in rooms.items() if room < 8} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_long_program_breaks_well(site, page, long_program, record_property, language):
    """However many questions it has, no leaf is nearly empty, ends with a question or has its address alone."""
    question, answer = {"zh-hans": ("问题", "平台为院校"), "en": ("Question", "The platform")}[language]
    hidden = f"answer_{language.replace('-', '_')}"
    kept = dict(rows(site, f"SELECT id, {hidden} FROM programs_question WHERE program_id = ?", long_program))
    printed = 0
    try:
        for number in sorted(kept, reverse=True)[:12]:
            # With this parameter it is no finished page, which would change a moment later.
            page.goto(f"{site.url}/{language}/programs/{LONG}/?page=1")
            leaves = leaves_of(page)
            assert 2 <= len(leaves) <= 5
            for lines, picture in leaves[:-1]:
                assert not lines[-1].startswith(question), lines
                assert max(blank_rows(picture)) < 57
                assert picture.convert("L").crop((0, 560, 595, 790)).getextrema()[0] < 200, lines
            assert any(line.startswith(answer) for line in leaves[-1][0]), leaves[-1][0]
            printed += 1
            rows(site, f"UPDATE programs_question SET {hidden} = NULL WHERE id = ?", number)
    finally:
        for number, answer in kept.items():
            rows(site, f"UPDATE programs_question SET {hidden} = ? WHERE id = ?", answer, number)
    record_property(f"long brochures, {language}", printed)
    assert printed == 12


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", OF_EACH_KIND)
def test_the_button_prints_the_page(site, page, language, path):
    page.add_init_script("window.print = () => { window.hasPrinted = true }")
    page.goto(f"{site.url}/{language}/{path}")
    button = page.get_by_role("button", name=PRINT[language], exact=True)
    button.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("window.hasPrinted")
    page.emulate_media(media="print")
    assert not button.is_visible()


def test_without_javascript_there_is_no_button_that_does_nothing(site, chrome):
    context = chrome.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.url}/en/programs/approval-support/")
    assert page.locator(".print-button").count() == 1
    assert not page.locator(".print-button").is_visible()
    context.close()

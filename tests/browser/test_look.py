"""Visible faults: overflow, hidden focus, layout shifts, bad line breaks, low contrast, motion and bad prints."""

import re
from itertools import pairwise

import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageOps

from tests.browser.steps import LANGUAGES, rows, until
from tests.conftest import SITE_URL

# What the focus reaches in the main content, but not in the compass, where it goes from country to country.
FOCUSABLE = "main :is(a, button, input:not([type=hidden], .trap input), select, textarea):not(svg *)"
# A page of each kind, by its path below the language prefix.
PAGES = [
    "/",
    "/about/",
    "/programs/",
    "/programs/?country=germany",
    "/programs/overview/",
    "/programs/areas/evaluation/",
    "/programs/approval-support/",
    "/programs/approval-support/?have=&have=1",
    "/programs/approval-support/?view=pair",
    "/centres/",
    "/centres/international-exchange/",
    "/resources/",
    "/partners/",
    "/partners/germany/",
    "/terms/",
    "/search/",
    "/search/?q=学生交流",
    "/search/?q=英国留学",
    "/contact/",
    "/no-such-page/",
]
WIDTHS = (320, 390, 768, 1280, 1920)

# The first elements that overflow the page on the right. Content of .table-scroll may do so.
TOO_WIDE = """() => {
  const scrolls = element => element.closest('.table-scroll') !== null;
  const found = [...document.querySelectorAll('body *')].filter(element => {
    const box = element.getBoundingClientRect();
    return box.width && box.right > document.documentElement.clientWidth + 1 && !scrolls(element);
  });
  return found.slice(0, 3).map(element => `${element.tagName}.${element.getAttribute('class')}`);
}"""

# The first character of each line of an element's text, except the first line.
LINE_STARTS = """element => {
  const starts = [], range = document.createRange();
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let before = null;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    for (let index = 0; index < node.length; index++) {
      range.setStart(node, index);
      range.setEnd(node, index + 1);
      const box = range.getClientRects()[0];
      if (!box || !node.data[index].trim()) continue;
      if (before && box.left < before.left && box.top > before.top) starts.push(node.data[index]);
      before = box;
    }
  }
  return starts;
}"""
NOT_PRINTED = (
    ".sections",
    ".languages",
    ".breadcrumbs",
    ".skip-link",
    ".button",
    ".print-button",
    ".enquiry",
    ".finder",
    ".search-form",
)
CLOSING = "，。、；：？！）】》〉”’…—·,.;:?!)%"
TITLES = [
    "中国职业技术教育学会国际合作与交流部（国际部）项目说明，供职业院校参考。",
    "《国家中长期教育改革和发展规划纲要（2010—2020年）》与职业教育的国际化",
    "课程标准、质量控制标准、课程材料、合作协议：院校要准备什么？",
    "国际应用科学课程改革：“课程标准”与“质量控制标准”的衔接",
    "教师交流、学生交流、合作课程、学分互认、资格证书、投资服务",
    "国际教育项目评估，职业教育投融资，国际应用科学课程改革",
    "围绕中心、服务大局、面向基层、服务一线——工作原则",
    "与英国、美国、澳大利亚、德国、日本、韩国、新西兰、荷兰等国家和地区的合作",
    "项目报批支持（课程材料、合作协议及其他文件）",
    "学分互认：推动境外合作院校认可我国职业院校优势专业的学分！",
    "请先查看《合作国家和地区》，再提交咨询；也可来电（010-53656705）。",
    "应用科学课程改革服务中心、项目评估与融资服务中心、国际交流合作服务中心",
]


@pytest.fixture(scope="module")
def context(chrome):
    context = chrome.new_context(viewport={"width": 1280, "height": 800})
    yield context
    context.close()


@pytest.fixture
def tab(context):
    page = context.new_page()
    yield page
    page.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_reaches_out_of_the_page(site, tab, record_property, language):
    swept, faults = 0, []
    for path in PAGES:
        tab.goto(f"{site.url}/{language}{path}")
        for width in WIDTHS:
            tab.set_viewport_size({"width": width, "height": 800})
            faults += [f"{path} at {width} px: {element}" for element in tab.evaluate(TOO_WIDE)]
            swept += 1
        # Text must fit at twice its size too.
        tab.evaluate("document.documentElement.style.fontSize = '200%'")
        for width in (390, 768, 1280):
            tab.set_viewport_size({"width": width, "height": 800})
            faults += [f"{path} at {width} px, text doubled: {element}" for element in tab.evaluate(TOO_WIDE)]
            swept += 1
    record_property(f"widths of pages, {language}", swept)
    assert swept == len(PAGES) * 8
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(("language", "width"), [("en", 390), ("zh-hans", 1280)])
def test_focus_is_seen_and_not_covered(site, tab, record_property, language, width):
    tab.set_viewport_size({"width": width, "height": 700})
    tab.emulate_media(reduced_motion="reduce")
    reached, faults = 0, []
    for path in PAGES:
        tab.goto(f"{site.url}/{language}{path}")
        wanted = tab.evaluate(
            "[...document.querySelectorAll('a[href], button, input:not([type=hidden], [tabindex]), select, textarea')]"
            ".filter(element => element.getClientRects().length).length"
        )
        found = set()
        for _press in range(wanted + 5):
            tab.keyboard.press("Tab")
            focus = tab.evaluate(
                """() => {
                  const element = document.activeElement;
                  if (element === document.body) return null;
                  if (!element.dataset.order) element.dataset.order = String(Math.random());
                  const style = getComputedStyle(element);
                  const boxes = [...element.getClientRects()];
                  const seen = boxes.some(box => {
                    const x = box.left + box.width / 2, y = box.top + box.height / 2;
                    const top = document.elementFromPoint(x, y);
                    return top && (element.contains(top) || top.contains(element));
                  });
                  const frame = element.querySelector(':scope > rect');
                  const outline = frame
                    ? getComputedStyle(frame).stroke !== 'none'
                    : style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
                  return {order: element.dataset.order, seen, outline, html: element.outerHTML.slice(0, 120)};
                }"""
            )
            if focus is None or focus["order"] in found:
                break
            found.add(focus["order"])
            if not focus["outline"]:
                faults.append(f"{path}: focus is not marked: {focus['html']}")
            if not focus["seen"]:
                faults.append(f"{path}: focus is covered: {focus['html']}")
        if len(found) < wanted:
            faults.append(f"{path}: {len(found)} of {wanted} can be reached by keyboard")
        reached += len(found)
    record_property(f"elements focused, {language} at {width} px", reached)
    assert reached > 200
    assert not faults, "\n".join(faults)


def test_lines_never_begin_with_closing_punctuation(site, tab, record_property):
    tab.goto(f"{site.url}/zh-hans/programs/approval-support/")
    lines, faults = 0, []
    for selector in ("h1", ".page-summary", ".who-answers h2"):
        element = tab.locator(selector)
        for title in TITLES:
            element.evaluate("(element, title) => element.textContent = title", title)
            for width in WIDTHS:
                tab.set_viewport_size({"width": width, "height": 800})
                starts = element.evaluate(LINE_STARTS)
                lines += len(starts)
                faults += [f"{selector} at {width} px: {start!r} in {title}" for start in starts if start in CLOSING]
    record_property("lines that follow another", lines)
    assert lines > 150
    assert not faults, "\n".join(faults)


# The texts that a line breaks in an element, which is made narrower step by step. With `loose`, they may break.
BROKEN = """(element, {texts, loose}) => {
  if (loose) element.querySelectorAll('.kept-together').forEach(kept => kept.style.whiteSpace = 'normal');
  element.style.flex = 'none';
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT), places = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    for (let offset = 0; offset < node.length; offset++) places.push([node, offset]);
  }
  const whole = places.map(([node, offset]) => node.data[offset]).join('');
  const broken = new Set();
  for (let width = 420; width >= 120; width -= 5) {
    element.style.inlineSize = `${width}px`;
    for (const text of texts) {
      const start = whole.indexOf(text);
      if (start < 0) throw new Error(`${text} is not there`);
      const tops = places.slice(start, start + text.length).map(([node, offset]) => {
        const range = document.createRange();
        range.setStart(node, offset);
        range.setEnd(node, offset + 1);
        return range.getBoundingClientRect();
      }).filter(box => box.width).map(box => box.top);
      if (Math.max(...tops) - Math.min(...tops) > 8) broken.add(text);
    }
  }
  return [...broken].sort();
}"""


@pytest.mark.parametrize(
    ("path", "selector", "texts"),
    [
        ("zh-hans/contact/", "main address", ["4号", "19层", "Gu 先生", "Dai 女士"]),
        ("zh-hans/about/", "footer address", ["4号", "19层", "Gu 先生", "Dai 女士"]),
        ("zh-hans/about/", ".prose", ["2010—2020年"]),
        ("en/contact/", "main address", ["No. 4", "Mr. Gu", "Ms. Dai"]),
        ("en/about/", "footer address", ["No. 4", "Mr. Gu", "Ms. Dai"]),
        ("en/about/", ".prose", ["2010–2020"]),
        ("zh-hans/programs/student-exchange/", ".who-answers dl", ["Dai 女士"]),
    ],
)
def test_no_line_breaks_what_belongs_together(site, tab, path, selector, texts):
    tab.goto(f"{site.url}/{path}")
    element = tab.locator(selector).first
    assert element.evaluate(BROKEN, {"texts": texts, "loose": False}) == []
    # Without the rule, a line would break each of them at some width.
    assert element.evaluate(BROKEN, {"texts": texts, "loose": True}) == sorted(texts)


# How far a page has shifted once all is loaded and drawn.
SHIFTED = """async () => {
  await document.fonts.ready;
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
  return [...window.shifts, ...window.watch.takeRecords()].reduce((sum, shift) => sum + shift.value, 0);
}"""


WATCH_SHIFTS = """
window.shifts = [];
window.watch = new PerformanceObserver(list => window.shifts.push(...list.getEntries()));
window.watch.observe({type: 'layout-shift', buffered: true});
"""


def shift_of(chrome, address, width) -> float:
    """Returns how far the page at `address` shifts while a browser loads it that has nothing of it yet."""
    context = chrome.new_context(viewport={"width": width, "height": 800})
    context.add_init_script(WATCH_SHIFTS)
    page = context.new_page()
    page.goto(address)
    shift = page.evaluate(SHIFTED)
    context.close()
    return shift


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_shifts_as_a_page_loads(site, chrome, record_property, width):
    """A busy machine may draw a page before all of its lines have arrived. What is wrong shifts it every time."""
    addresses = [f"{site.url}/{language}{path}" for language in LANGUAGES for path in PAGES]
    shifting = [each for each in addresses if all(shift_of(chrome, each, width) for _ in range(3))]
    record_property(f"pages watched for shifts at {width} px", len(addresses))
    assert shifting == []


CONTRASTS = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const luminance = token => {
    const probe = document.createElement('i');
    document.body.append(probe);
    probe.style.color = `var(${token})`;
    canvas.fillStyle = getComputedStyle(probe).color;
    probe.remove();
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...canvas.getImageData(0, 0, 1, 1).data].map(value => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  return (pairs) => pairs.map(([one, other]) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_of_the_colours(site, tab, scheme):
    """The colours of tokens.css: at least 4.5 to 1 for text, 3 to 1 for other marks (WCAG 2.2, 1.4.3 and 1.4.11)."""
    tab.emulate_media(color_scheme=scheme)
    tab.goto(f"{site.url}/en/")
    wanted = {
        ("--ink", "--paper"): 4.5,
        ("--ink-quiet", "--paper"): 4.5,
        ("--cinnabar", "--paper"): 4.5,
        ("--on-cinnabar", "--cinnabar"): 4.5,
        ("--on-cinnabar", "--cinnabar-deep"): 4.5,
        ("--on-band", "--band"): 4.5,
        ("--on-band-quiet", "--band"): 4.5,
        ("--edge", "--paper"): 3,
        ("--rule-strong", "--paper"): 3,
    }
    found = tab.evaluate(f"pairs => ({CONTRASTS})()(pairs)", [list(pair) for pair in wanted])
    low = {pair: ratio for (pair, least), ratio in zip(wanted.items(), found, strict=True) if ratio < least}
    assert low == {}


def contrast(one, other):
    """The contrast of two colours as getComputedStyle() writes them, such as rgb(27, 36, 48)."""

    def luminance(colour):
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_rings_leaders_and_spokes_of_the_compass_are_seen(site, tab, scheme):
    tab.emulate_media(color_scheme=scheme)
    tab.goto(f"{site.url}/en/partners/")
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    accent = tab.locator(".sections .action").evaluate("element => getComputedStyle(element).color")
    drawings = tab.locator(".compass svg").all()
    assert len(drawings) == 2
    for drawing in drawings:
        strokes = {
            name: drawing.locator(f".compass-{name}").evaluate("element => getComputedStyle(element).stroke")
            for name in ("rings", "leaders", "spokes")
        }
        assert {name for name, stroke in strokes.items() if contrast(stroke, paper) < 3} == set()
        assert strokes["spokes"] == accent != strokes["rings"]


# Each text of the shown drawing that a ring or a tick runs through, and how many points of the rings were compared.
TEXTS_ON_RINGS = """() => {
  const drawing = [...document.querySelectorAll('.compass svg')].find(svg => svg.getClientRects().length);
  const rings = drawing.querySelector('.compass-rings');
  // They are closer to each other than a text is high, and take long, so they are kept for other widths.
  const points = rings.points ??= Array.from(
    {length: Math.ceil(rings.getTotalLength() / 3)}, (_, number) => rings.getPointAtLength(3 * number));
  const struck = [...drawing.querySelectorAll('text')].filter(text => {
    const box = text.getBBox();
    return points.some(({x, y}) => x > box.x && x < box.x + box.width && y > box.y + 3 && y < box.y + box.height - 3);
  });
  return {struck: struck.map(text => text.textContent), points: points.length};
}"""


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_the_compass_is_on_a_ring(site, tab, language):
    """With the fonts of the browser: the boxes that the server reckons with are upper bounds."""
    for path in ("/partners/", "/partners/germany/"):
        tab.goto(f"{site.url}/{language}{path}")
        for width in (320, 390, 480, 600, 1280, 1920):
            tab.set_viewport_size({"width": width, "height": 800})
            found = tab.evaluate(TEXTS_ON_RINGS)
            assert found["struck"] == [], (path, width)
            assert found["points"] > 500


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_country_page_sets_words_before_a_small_chart(site, tab, language):
    tab.goto(f"{site.url}/{language}/partners/germany/")
    for width in (1280, 390):
        tab.set_viewport_size({"width": width, "height": 800})
        words = tab.locator(".country-words").bounding_box()
        chart = tab.locator(".country-place svg:visible").bounding_box()
        if width == 390:
            assert words["y"] + words["height"] <= chart["y"]
        else:
            assert words["x"] + words["width"] <= chart["x"]
            assert chart["width"] < words["width"] / 2
            answers = tab.locator("#answers").bounding_box()
            assert answers["y"] < 800, "who answers is on the first screen"
        for target in tab.locator(".country-place svg:visible a rect").all():
            assert min(target.bounding_box()[side] for side in ("width", "height")) >= 23.9


# The look of a button: everything by which one could differ from another.
LOOK_OF_BUTTON = """element => {
  const style = getComputedStyle(element);
  const names = ['color', 'backgroundColor', 'borderTopColor', 'borderTopWidth', 'borderRadius', 'fontFamily',
    'fontSize', 'fontWeight', 'lineHeight', 'paddingTop', 'paddingLeft', 'textDecorationLine', 'cursor'];
  return Object.fromEntries(names.map(name => [name, style[name]]));
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", [".button:not(.button-quiet)", ".button-quiet"])
def test_buttons_look_alike_wherever_they_stand(site, tab, record_property, scheme, kind):
    """On the page, in forms and on the dark band of the footer; at rest, under the mouse and with the focus."""
    tab.emulate_media(color_scheme=scheme)
    looks = {state: [] for state in ("rest", "hover", "focus")}
    seen = 0
    for path in ("/", "/programs/", "/programs/?q=nothing+fits", "/partners/germany/", "/contact/", "/contact/status/"):
        tab.goto(f"{site.url}/en{path}")
        for button in tab.locator(f"{kind}:visible").all():
            seen += 1
            tab.mouse.move(0, 0)
            for state, enter in {"rest": lambda: None, "hover": button.hover, "focus": button.focus}.items():
                enter()
                look = button.evaluate(LOOK_OF_BUTTON)
                if look not in looks[state]:
                    looks[state].append(look)
                behind = look["backgroundColor"]
                if behind == "rgba(0, 0, 0, 0)":
                    behind = tab.evaluate("getComputedStyle(document.body).backgroundColor")
                assert contrast(look["color"], behind) >= 4.5, (path, state)
                tab.mouse.move(0, 0)
            button.evaluate("element => element.blur()")
    record_property(f"buttons {kind} in {scheme}", seen)
    assert seen >= (8 if ":not" in kind else 1)
    assert {state: len(found) for state, found in looks.items()} == {"rest": 1, "hover": 1, "focus": 1}
    assert looks["rest"] != looks["hover"]


# How wide each mark is in em, between two Chinese characters, so that none is squeezed beside another mark.
WIDTHS_OF_MARKS = """element => {
  const width = text => {
    const probe = document.createElement('span');
    probe.style.whiteSpace = 'nowrap';
    probe.style.position = 'absolute';
    probe.textContent = text;
    element.append(probe);
    const found = probe.getBoundingClientRect().width / parseFloat(getComputedStyle(probe).fontSize);
    probe.remove();
    return found;
  };
  return [...'“”‘’'].map(mark => width(`国${mark}国`) - width('国国'));
}"""


@pytest.mark.parametrize("language", LANGUAGES)
def test_quotation_marks_have_the_shape_of_their_own_language(site, tab, language):
    """As wide as a character in Chinese, narrow in English; also where one stands on a page of the other."""
    places = {
        "zh": [".pair-title :lang(zh)", ".pair-row p:lang(zh)", ".pair-row li:lang(zh)", ".pair-row h2:lang(zh)"],
        "en": [".pair-title :lang(en)", ".pair-row p:lang(en)", ".pair-row li:lang(en)", ".pair-row h2:lang(en)"],
    }
    for script in places:
        places[script].append(".brand-name" if language.startswith(script) else ".brand .pair")
    tab.goto(f"{site.url}/{language}/programs/approval-support/?view=pair")
    for script, selectors in places.items():
        for selector in selectors:
            for width in tab.locator(selector).first.evaluate(WIDTHS_OF_MARKS):
                assert (width > 0.9) if script == "zh" else (0.1 < width < 0.7), (selector, width)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_masthead_leaves_the_first_screen_of_a_phone_to_the_page(site, tab, language):
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.goto(f"{site.url}/{language}/")
    assert tab.locator(".masthead").bounding_box()["height"] <= 844 / 4
    links = tab.locator(".masthead a").all()
    assert len(links) >= 8
    for link in links:
        box = link.bounding_box()
        assert min(box["width"], box["height"]) >= 24, link.inner_text()


def test_the_wechat_code_has_a_caption_and_a_sensible_size(start, page):
    """In the footer, on the contact page and while the database is away, however large the picture is."""
    site = start()
    picture = site.data / "media/department/code.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (1200, 1200)).save(picture)
    size = "wechat_code_width = 1200, wechat_code_height = 1200"
    rows(site, f"UPDATE portal_department SET wechat_code = 'department/code.png', {size}")
    copy, log, database = site.data / "department.json", site.data / "serve.log", site.data / "portal.sqlite3"
    assert until(page, lambda: copy.exists() and "code.png" in copy.read_text(), 60)
    assert until(page, lambda: "wechat-code" in page.goto(f"{site.url}/zh-hans/").text())
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        for path, number in {"/en/contact/": 2, "/zh-hans/": 1}.items():
            page.goto(f"{site.url}{path}")
            assert page.locator(".wechat-code").count() == number
            assert_small_with_caption(page)
    database.rename(site.data / "hidden")
    assert until(page, lambda: "Worker: cannot work" in log.read_text())
    assert page.goto(f"{site.url}/en/programs/?q=exchange").status == 503
    assert_small_with_caption(page)
    (site.data / "hidden").rename(database)


def assert_small_with_caption(page):
    caption = {"en": "Scan with WeChat", "zh-Hans": "微信扫一扫"}[page.locator("html").get_attribute("lang")]
    for code in page.locator(".wechat-code").all():
        box = code.locator("img").bounding_box()
        assert box["width"] == pytest.approx(box["height"])
        assert 7 * 16 <= box["width"] <= 10 * 16
        assert code.locator("figcaption").inner_text() == caption


def test_forced_colours_leave_every_mark(site, tab):
    tab.emulate_media(forced_colors="active")
    tab.goto(f"{site.url}/en/partners/")
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    marks = {
        ".button": "borderTopColor",
        ".sections [aria-current]": "borderBottomColor",
        ".languages [aria-current]": "borderBottomColor",
        ".compass-rings": "stroke",
        ".compass-point": "fill",
    }
    for selector, colour in marks.items():
        found = tab.locator(selector).first.evaluate(f"element => getComputedStyle(element).{colour}")
        assert found not in (paper, "none", "rgba(0, 0, 0, 0)"), selector
        if colour.startswith("border"):
            side = colour.removesuffix("Color")
            assert tab.locator(selector).first.evaluate(f"element => getComputedStyle(element).{side}Width") == "2px"


def test_reduced_motion_is_kept(site, tab):
    moves = (
        "() => [...document.querySelectorAll('*')].filter(element => {"
        " const style = getComputedStyle(element);"
        " return style.scrollBehavior === 'smooth' || parseFloat(style.transitionDuration) > 0"
        " || style.animationName !== 'none'; }).length"
    )
    tab.goto(f"{site.url}/en/")
    assert tab.evaluate(moves) == 1
    tab.emulate_media(reduced_motion="reduce")
    assert tab.evaluate(moves) == 0


def without_hyphens(text):
    return "".join(text.replace("\ufffe", "").replace("-", "").split())


def printed(page):
    document = pypdfium2.PdfDocument(page.pdf(prefer_css_page_size=True, print_background=True))
    texts = [leaf.get_textpage().get_text_range() for leaf in document]
    codes = zxingcpp.read_barcodes(document[len(document) - 1].render(scale=3).to_pil())
    return document, " ".join(texts), [code.text for code in codes]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_prints_as_a_clean_leaf(site, tab, record_property, language):
    telephone = {"zh-hans": "010-53656705", "en": "+86 10 5365 6705"}[language]
    leaves = 0
    for path in PAGES[:-1]:
        tab.goto(f"{site.url}/{language}{path}")
        tab.emulate_media(media="print")
        for hidden in NOT_PRINTED:
            assert not any(element.is_visible() for element in tab.locator(hidden).all()), (path, hidden)
        tab.emulate_media(media="null")
        document, text, codes = printed(tab)
        leaves += len(document)
        # Of all queries, only the ticks of a checklist are printed.
        address = f"{SITE_URL}/{language}{path.replace('?have=&', '?') if 'have' in path else path.partition('?')[0]}"
        assert codes == [address], path
        # Where a line of the address ends with a hyphen, the text of the PDF has U+FFFE or nothing instead.
        assert without_hyphens(address) in without_hyphens(text), path
        assert telephone in text, path
        width, height = document[0].get_size()
        assert (round(width), round(height)) == (595, 842), "A4 in points"
    record_property(f"leaves printed, {language}", leaves)
    assert leaves >= len(PAGES) - 1


def test_the_types_of_program_are_numbered_as_chinese_counts(site, tab):
    tab.goto(f"{site.url}/zh-hans/")
    numbers = "all => all.map(title => getComputedStyle(title, '::before').content)"
    contents = tab.locator(".area h3").evaluate_all(numbers)
    assert len(contents) == 3
    assert all("simp-chinese-informal" in content for content in contents)


def test_the_three_steps_are_ruled_alike(site, tab):
    tab.goto(f"{site.url}/en/")
    widths = "all => all.map(step => getComputedStyle(step).borderBlockStartWidth)"
    assert tab.locator(".steps-across li").evaluate_all(widths) == ["2px"] * 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_screen_of_a_phone_shows_what_a_college_can_do(site, chrome, language):
    context = chrome.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{site.url}/{language}/")
    needs = page.locator(".door").first.locator("a")
    bottoms = needs.evaluate_all("all => all.map(link => link.getBoundingClientRect().bottom)")
    assert len(bottoms) == 5
    assert max(bottoms) <= 844
    context.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_overview_of_programs_prints_on_two_filled_leaves(site, tab, record_property, language):
    tab.goto(f"{site.url}/{language}/programs/")
    titles = tab.locator(".row h3 a").all_inner_texts()
    tab.goto(f"{site.url}/{language}/programs/overview/")
    document, text, _codes = printed(tab)
    assert len(document) == 2
    assert len(titles) >= 11
    # A printed line may end within a title, with a hyphen in it or not.
    squeezed = without_hyphens("".join(text.split()))
    assert not [title for title in titles if without_hyphens("".join(title.split())) not in squeezed]
    for telephone in {"zh-hans": ["010-53656705", "010-53656785"], "en": ["+86 10 5365 6705"]}[language]:
        assert text.count(telephone) == 1
    for number, leaf in enumerate(document, 1):
        picture = ImageOps.invert(leaf.render(scale=1).to_pil().convert("L"))
        above_the_page_number = picture.crop((0, 0, picture.width, picture.height - 60))
        filled = above_the_page_number.getbbox()[3] / picture.height
        record_property(f"leaf {number}, {language}, filled to", f"{filled:.0%}")
        assert filled > 0.65


@pytest.mark.parametrize("language", LANGUAGES)
def test_ledes_share_one_left_edge_with_the_text(site, tab, language):
    """On every page with a lede: it begins where the text below it begins, close under the title."""
    edges, swept = set(), 0
    for path in PAGES:
        tab.goto(f"{site.url}/{language}{path}")
        lede = tab.locator(".page-summary")
        if not lede.count():
            continue
        box, title = lede.bounding_box(), tab.locator("h1").bounding_box()
        edges.add(box["x"])
        assert box["y"] - title["y"] - title["height"] <= 40, path
        swept += 1
    assert swept >= 8
    assert len(edges) == 1, edges


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_focus_goes_down_the_page_of_a_phone(site, chrome, language, record_property):
    """No link, button or field stands above the one before it, so that the focus never jumps back."""
    context = chrome.new_context(viewport={"width": 390, "height": 844})
    page, swept = context.new_page(), 0
    for path in PAGES:
        page.goto(f"{site.url}/{language}{path}")
        tops = page.locator(FOCUSABLE).evaluate_all(
            "all => all.map(element => [element.getBoundingClientRect(), element.textContent.trim()])"
            ".filter(([box]) => box.height).map(([box, text]) => [box.bottom, text])"
        )
        jumps = [(text, before[1]) for before, (bottom, text) in pairwise(tops) if bottom < before[0] - 60]
        assert jumps == [], path
        swept += len(tops)
    context.close()
    record_property(f"elements in order, {language}", swept)
    assert swept > 200

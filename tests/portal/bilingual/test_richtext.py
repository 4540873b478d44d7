"""Rich text on a page: each table scrolls in a group of its own, and `blocks` splits a text into its blocks."""

from contextlib import nullcontext

import html5lib
import pytest
from django.core.exceptions import ValidationError
from django.utils.translation import override

from portal.bilingual.history.versions import versions_of
from portal.bilingual.richtext import RichTextField, blocks, plain_text, with_scrolling_tables
from portal.models import Page
from tests.admin_forms import AdminForm

TABLE = "<table><tbody><tr><th>Document</th><th>Copies</th></tr><tr><td>Agreement</td><td>2</td></tr></tbody></table>"


def groups(html):
    found = html5lib.parseFragment(html, namespaceHTMLElements=False).iter("div")
    return [div for div in found if div.get("class") == "table-scroll"]


@pytest.mark.parametrize(
    ("language", "name"), [("en", "Table 1 Document, Copies"), ("zh-hans", "表1 Document, Copies")]
)
def test_a_table_stands_in_a_group_with_a_name(language, name):
    with override(language):
        html = with_scrolling_tables(f"<p>Before</p>{TABLE}<p>After</p>")
    [group] = groups(html)
    assert (group.get("role"), group.get("tabindex"), group.get("aria-label")) == ("group", "0", name)
    assert [child.tag for child in group] == ["table"]
    assert html.startswith("<p>Before</p><div") and html.endswith("</div><p>After</p>")


def test_tables_have_names_of_their_own():
    nested = (
        "<table><tbody><tr><td>Outer<table><tbody><tr><td>Inner</td></tr></tbody></table></td></tr></tbody></table>"
    )
    with override("en"):
        found = groups(with_scrolling_tables(TABLE + TABLE + nested + "<table></table>"))
    labels = [group.get("aria-label") for group in found]
    assert labels[:2] == ["Table 1 Document, Copies", "Table 2 Document, Copies"]
    assert labels[2].startswith("Table 3 Outer")
    assert labels[3:] == ["Table 4"]


def test_text_without_a_table_is_left_alone():
    html = "<p>One<br>two &amp; <em>three</em></p>"
    assert with_scrolling_tables(html) == html


@pytest.mark.django_db
def test_an_address_cannot_break_out_of_its_attribute():
    page = Page(body_en=f'<p><a href="https://x.example/<table><img src=x onerror=alert(1)>">this</a></p>{TABLE}')
    page.body_en = Page._meta.get_field("body_en").cleaned(page.body_en)
    document = html5lib.parseFragment(with_scrolling_tables(page.body_en), namespaceHTMLElements=False)
    assert not list(document.iter("img"))
    assert [a.get("href") for a in document.iter("a")] == ["https://x.example/<table><img src=x onerror=alert(1)>"]


@pytest.mark.django_db
def test_the_page_wraps_its_tables(client):
    Page.objects.filter(slug="about").update(body_en=f"<p>Text</p>{TABLE}")
    [group] = groups(client.get("/en/about/").content.decode())
    assert group.get("aria-label") == "Table 1 Document, Copies"


def test_blocks_lose_nothing():
    found = blocks(f"loose <em>words</em> <p>One</p>\n<ul><li>Two</li></ul>{TABLE} and the end")
    assert [block.name for block in found] == ["p", "p", "ul", "div", "p"]
    assert str(found[0]) == "<p>loose <em>words</em> </p>"
    assert found[-1].get_text().strip() == "and the end"
    assert blocks("") == blocks(" \n ") == []


def test_plain_text_has_a_line_for_each_block_and_no_markup():
    table = "<table><tbody><tr><th>1</th><td>2 &lt; 3</td></tr></tbody></table>"
    html = f"<h2>a &amp; <strong>b</strong>c</h2><ul><li>x<br>y</li></ul>{table}"
    assert plain_text(html) == "a & bc\nx\ny\n1\n2 < 3"
    assert plain_text(None) == ""


def test_white_space_that_the_editor_removes_makes_no_difference_to_plain_text():
    spaced = TABLE.replace("><", ">\n  <").replace("<td>", "<td>\t")
    assert plain_text(f"<p>One\r\ntwo</p>\n\n{spaced}\n<p> three</p>") == plain_text(
        f"<p>One two</p>{TABLE}<p>three</p>"
    )
    assert plain_text(f"<p>One\ntwo</p>{spaced}") == "One two\nDocument\nCopies\nAgreement\n2"


@pytest.mark.parametrize("html", ["<a" * 3000, f'<p><a href="https://x.example/{"<" * 2000}"></a></p>'])
def test_odd_html_has_no_text_and_stops_nothing(html):
    assert plain_text(html) == ""
    assert RichTextField().cleaned(html) is None


@pytest.mark.django_db
def test_a_draft_with_odd_html_is_compared_with_versions(admin_client):
    page = Page.objects.get(slug="about")
    form = AdminForm(admin_client, f"/admin/portal/page/{page.pk}/change/")
    form.data["title_en"] = ["Another title"]
    form.submit("_publish")
    form = AdminForm(admin_client, form.address)
    form.data["body_en"] = ["<a" * 3000]
    form.submit()
    [version, *_earlier] = versions_of(page)
    assert admin_client.get(f"/admin/portal/page/{page.pk}/history/{version.pk}/").status_code == 200


@pytest.mark.parametrize(
    ("address", "is_right"),
    [
        ("https://www.moe.gov.cn/", True),
        ("/en/programs/", True),
        ("#steps", True),
        ("mailto:office@example.org", True),
        ("tel:+861000000", True),
        ("www.moe.gov.cn", False),
        ("office@example.org", False),
        ("//example.org/", False),
        ("javascript:alert(1)", False),
        ("", False),
    ],
)
def test_a_link_has_an_address_that_leads_somewhere(address, is_right):
    html = f'<p><a href="{address}">Ministry</a></p>'
    with nullcontext() if is_right else pytest.raises(ValidationError, match="Ministry"):
        assert "Ministry" in RichTextField().clean(html, None)

import re

import pytest

from portal.models import Centre, Department
from portal.templatetags.portal_tags import keep_together
from programs.models import Program

KEPT = re.compile('<span class="kept-together">(.*?)</span>')


def block(client, path):
    """The HTML of the block "Who answers" of the page at `path`."""
    return re.search(r'<aside class="section who-answers".*?</aside>', client.get(path).content.decode(), re.S)[0]


def numbers(html):
    return re.findall('href="tel:([^"]+)"', html)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("惠新东街4号富盛大厦19层", ["4号", "19层"]),
        ("Gu 先生、Dai 女士", ["Gu 先生", "Dai 女士"]),
        ("Mr. Gu and Ms. Dai", ["Mr. Gu", "Ms. Dai"]),
        ("No. 4 Huixin East Street", ["No. 4"]),
        ("（2010—2020年）", ["2010—2020年"]),
        ("Development (2010–2020)", ["2010–2020"]),
        ("电话010-53656705或来函", []),
        ("Telephone +86 10 5365 6705", []),
        ("", []),
        (None, []),
    ],
)
def test_what_no_line_may_break_is_kept_together_without_another_character(text, kept):
    html = keep_together(text)
    assert KEPT.findall(html) == kept
    assert KEPT.sub(r"\1", html) == (text or "")


def test_attributes_stay_as_they_are_and_text_is_escaped():
    assert keep_together("<b>4号") == '&lt;b&gt;<span class="kept-together">4号</span>'
    link = "<a href=\"/4号/?a>4号\" title='19层'>"
    assert KEPT.sub(r"\1", keep_together(type(keep_together(""))(f"{link}4号</a>"))) == f"{link}4号</a>"
    assert keep_together(type(keep_together(""))(f"{link}4号</a>")).startswith(link)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "names"), [("en", ["Mr. Gu", " and ", "Ms. Dai"]), ("zh-hans", ["Gu 先生", "、", "Dai 女士"])]
)
def test_who_answers_names_the_contact_persons_and_nobody_if_there_are_none(client, language, names):
    paths = ["programs/student-exchange/", "centres/international-exchange/", "programs/areas/evaluation/"]
    label = {"en": "Contact persons", "zh-hans": "联系人"}[language]
    for path in paths:
        html = block(client, f"/{language}/{path}")
        assert f"<dd>{''.join(names)}</dd>" in KEPT.sub(r"\1", html), path
        assert label in html, path
    Department.objects.update(contacts_en="", contacts_zh_hans="")
    for path in paths:
        assert label not in block(client, f"/{language}/{path}"), path


@pytest.mark.django_db
def test_who_answers_is_headed_by_how_to_enquire_in_chinese(client):
    assert '<h2 id="answers">咨询方式' in block(client, "/zh-hans/programs/student-exchange/")
    assert '<h2 id="answers">Who answers' in block(client, "/en/programs/student-exchange/")


@pytest.mark.django_db
def test_the_enquiry_of_a_program_knows_its_program(client):
    assert 'href="/en/contact/?program=student-exchange"' in block(client, "/en/programs/student-exchange/")
    assert 'href="/en/contact/"' in block(client, "/en/centres/international-exchange/")


@pytest.mark.django_db
def test_no_number_is_listed_twice_if_two_centres_share_it(client):
    Centre.objects.update(telephones="010-53656705\n010-53656307")
    html = block(client, "/en/programs/investment-services/")
    assert html.count("/en/centres/") == 2
    assert numbers(html) == ["+86-10-5365-6705", "+86-10-5365-6307"]


@pytest.mark.django_db
def test_the_departments_numbers_stand_in_for_a_centre_without_any(client):
    department = ["+86-10-5365-6705", "+86-10-5365-6307", "+86-10-5365-6785"]
    own = ["+86-10-6200-0000"]
    Centre.objects.filter(slug="international-exchange").update(telephones="010-62000000")
    assert numbers(block(client, "/en/programs/student-exchange/")) == own
    assert numbers(block(client, "/en/centres/international-exchange/")) == own
    assert numbers(block(client, "/en/programs/investment-services/")) == own + department
    assert numbers(block(client, "/en/centres/evaluation-and-financing/")) == department
    assert numbers(block(client, "/en/programs/areas/evaluation/")) == department
    Program.objects.get(slug="student-exchange").centres.clear()
    assert numbers(block(client, "/en/programs/student-exchange/")) == department


@pytest.mark.django_db
def test_a_site_without_telephones_labels_none(client):
    Department.objects.update(telephones="")
    for path in ("programs/student-exchange/", "centres/international-exchange/"):
        html = block(client, f"/en/{path}")
        assert "Telephone" not in html, path
        assert "Beijing time" not in html, path

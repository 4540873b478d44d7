"""The words of the first content."""

import re

import pytest
from django.test import Client
from django.utils.translation import override

from portal.models import Centre, Page
from programs.models import Area, Program

pytestmark = pytest.mark.django_db

# The words with which summaries begin: what the reader can do.
ENGLISH = "Ask|Bring|Exchange|Find|Have|Introduce|Learn|Prepare|Promote|Read|Reform|See|Seek|Turn|Work"
BEGINNINGS = {"en": rf"(?:{ENGLISH})\b", "zh_hans": "与|为|依据|在|咨询|了解|依托|引进|推动|改革|评估|通过|采用"}


def text(path):
    response = Client().get(path)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("language", BEGINNINGS)
def test_summaries_follow_one_pattern(language):
    """Each is one sentence without a subject that begins with what the reader can do."""
    rows = [row for model in (Program, Area, Centre, Page) for row in model.objects.all()]
    assert len(rows) == 21
    for row in rows:
        summary = getattr(row, f"summary_{language}")
        assert re.match(BEGINNINGS[language], summary), summary
        assert summary.endswith("." if language == "en" else "。"), summary
        assert summary.count("." if language == "en" else "。") == 1, summary


def test_credit_recognition_says_first_which_way_it_runs():
    program = Program.objects.get(slug="credit-recognition")
    assert program.summary_zh_hans.startswith("推动境外合作院校认可我国职业院校优势专业的学分")
    assert program.summary_en.startswith(
        "Seek recognition by overseas partner institutions for the credits of the strong majors of Chinese"
    )


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh-hans", ["学生：请来电，或", "写明所在院校和所学专业"]),
        ("en", ["Students: please telephone, or", "that names your college and your major"]),
    ],
)
def test_credit_recognition_says_what_a_student_can_do(language, words):
    page = text(f"/{language}/programs/credit-recognition/")
    assert all(part in page for part in words)
    assert f'href="/{language}/contact/?program=credit-recognition"' in page


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_student_exchange_and_credit_recognition_name_each_other(language):
    names = ("student-exchange", "credit-recognition")
    for one, other in (names, reversed(names)):
        with override(language):
            body = Program.objects.get(slug=one).body
        assert f'href="/{language}/programs/{other}/"' in body


@pytest.mark.parametrize(
    ("slug", "chinese", "english"),
    [
        ("qualification-certificates", "了解有哪些资格证书", "Ask which"),
        ("program-evaluation", "咨询国际合作项目的", "Turn to us for the evaluation"),
        ("investment-services", "为职业教育合作项目寻求", "Find investment services"),
    ],
)
def test_a_program_leads_with_what_one_can_do(slug, chinese, english):
    program = Program.objects.get(slug=slug)
    assert program.summary_zh_hans.startswith(chinese)
    assert program.summary_en.startswith(english)


def test_approval_support_ends_with_whose_decision_it_is():
    program = Program.objects.get(slug="approval-support")
    assert program.body_zh_hans.endswith("是否批准以政府审批结果为准。</p>")
    assert program.body_en.endswith("The decision to approve rests with the government.</p>")


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_page_about_the_department_links_what_it_names(language):
    with override(language):
        body = Page.objects.get(slug="about").body
        for row in [*Area.objects.all(), *Centre.objects.all()]:
            assert f'<a href="{row.get_absolute_url()}">{row.title}</a>' in body


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("zh_hans", "<p>围绕中心、服务大局、面向基层、服务一线。</p>"),
        (
            "en",
            "<p>Focus on the central task, serve the overall interest, reach out to the grass roots, "
            "serve the front line.</p>",
        ),
    ],
)
def test_the_principle_stands_in_one_line(language, line):
    assert line in getattr(Page.objects.get(slug="about"), f"body_{language}")

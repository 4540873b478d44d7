import re

import pytest
from django.utils.translation import override

from programs.models import Program

pytestmark = pytest.mark.django_db

HEADINGS = {
    "zh-hans": ["咨询方式", "项目介绍", "适用对象", "协助准备的材料", "项目类型", "相关项目"],
    "en": [
        "Who answers",
        "About the program",
        "For whom",
        "Documents we help prepare",
        "Type of program",
        "Related programs",
    ],
}


def headings(client, path):
    main = client.get(path).content.decode().partition("<main")[2].partition("</main>")[0]
    return re.findall(r"<h2[^>]*>(?:<a[^>]*>)?([^<]+)", main)


@pytest.mark.parametrize("language", HEADINGS)
def test_headings_of_a_program(client, language):
    assert headings(client, f"/{language}/programs/approval-support/") == HEADINGS[language]


@pytest.mark.parametrize("language", HEADINGS)
def test_every_program_with_materials_has_the_same_heading_for_them(client, language):
    Program.objects.update(
        materials_introduction_zh_hans="<p>课程材料</p>", materials_introduction_en="<p>Curriculum materials</p>"
    )
    slugs = Program.objects.values_list("slug", flat=True)
    assert len(slugs) == 11
    for slug in slugs:
        assert HEADINGS[language][3] in headings(client, f"/{language}/programs/{slug}/"), slug


def test_staff_read_the_same_name_for_the_materials():
    label = Program._meta.get_field("materials_introduction").verbose_name
    for language, name in (("zh-hans", "协助准备的材料"), ("en", "documents we help prepare")):
        with override(language):
            assert str(label) == name


@pytest.mark.parametrize("language", HEADINGS)
def test_types_and_centres_ask_for_an_enquiry_with_the_words_of_a_program(client, language):
    button = {"zh-hans": "提交咨询", "en": "Submit an enquiry"}[language]
    for path in ("programs/areas/evaluation/", "centres/curriculum-reform/", "programs/approval-support/"):
        assert headings(client, f"/{language}/{path}")[0] == HEADINGS[language][0], path
        aside = client.get(f"/{language}/{path}").content.decode().partition("<aside")[2].partition("</aside>")[0]
        assert re.findall('<a class="button" [^>]*>([^<]+)</a>', aside) == [button], path

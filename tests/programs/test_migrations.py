"""Migrations that change rows."""

from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps

import programs.migrations
from programs.models import Material, Program

pytestmark = pytest.mark.django_db

# As a site stores the first content of the released version.
CHINESE = "<ul>\n<li>课程材料</li>\n<li>合作协议</li>\n<li>政府审批所需的其他文件</li>\n</ul>"
ENGLISH = (
    "<ul>\n<li>Curriculum materials</li>\n<li>Co-operation agreements</li>\n"
    "<li>Other documents needed for government approval</li>\n</ul>"
)


@pytest.fixture
def list_first_documents():
    """A function that runs the migration that makes a checklist of the first list of documents."""
    [path] = Path(programs.migrations.__path__[0]).glob("*_list_first_documents.py")
    return lambda: import_module(f"programs.migrations.{path.stem}").list_first_documents(apps, None)


@pytest.fixture
def introduce():
    """A function that gives approval support an introduction in each language. On a new site it has rows instead."""
    found = Program.objects.filter(slug="approval-support")

    def introduce(chinese, english):
        Material.objects.all().delete()
        found.update(materials_introduction_zh_hans=chinese, materials_introduction_en=english)
        return found.get()

    return introduce


def documents_of(program):
    columns = ("name", "name_zh_hans", "name_en", "sort_order", "prepared_by", "note", "note_en", "template")
    return list(program.materials.values(*columns))


def test_an_updated_site_gets_the_checklist_of_a_new_one(list_first_documents, introduce):
    program = Program.objects.get(slug="approval-support")
    new = documents_of(program)
    assert len(new) == 3
    introduce(CHINESE, ENGLISH)
    for _twice in range(2):
        list_first_documents()
        program.refresh_from_db()
        assert documents_of(program) == new
        assert (program.materials_introduction_zh_hans, program.materials_introduction_en) == (None, None)
    assert Material.objects.count() == 3


@pytest.mark.parametrize(
    ("chinese", "english"),
    [
        (CHINESE.replace("合作协议", "合作协议书"), ENGLISH),
        (CHINESE, ENGLISH.replace("Co-operation", "Cooperation")),
        (f"<p>请先咨询。</p>{CHINESE}", ENGLISH),
        (CHINESE, None),
        (None, None),
    ],
)
def test_a_list_that_staff_have_changed_stays_as_it_is(list_first_documents, introduce, chinese, english):
    program = introduce(chinese, english)
    list_first_documents()
    program.refresh_from_db()
    assert (program.materials_introduction_zh_hans, program.materials_introduction_en) == (chinese, english)
    assert not Material.objects.exists()


def test_a_program_that_has_documents_gets_no_second_list(list_first_documents, introduce):
    program = introduce(CHINESE, ENGLISH)
    program.materials.create(name_en="Letter")
    list_first_documents()
    program.refresh_from_db()
    assert [document.name_en for document in program.materials.all()] == ["Letter"]
    assert program.materials_introduction_en == ENGLISH

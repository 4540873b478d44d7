"""The first content is loaded once and never overwrites staff's changes. An error names its place."""

import shutil

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from portal.models import Centre, Page
from programs.models import Program

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(settings.BASE_DIR / "portal/content", tmp_path / "content")


def test_everything_is_published_in_both_languages():
    assert Program.objects.count() == 11
    assert all(program.published_languages() == ["zh-hans", "en"] for program in Program.objects.all())


def test_loading_again_leaves_changes_and_deletions_alone(capsys):
    Centre.objects.filter(slug="curriculum-reform").update(title_zh_hans="改过的名称")
    Program.objects.get(slug="teacher-exchange").delete()
    call_command("load_content")
    assert "programs: 0 created" in capsys.readouterr().out
    assert Centre.objects.get(slug="curriculum-reform").title_zh_hans == "改过的名称"
    assert not Program.objects.filter(slug="teacher-exchange").exists()


def test_a_new_entry_is_created_with_its_steps(folder, capsys):
    with (folder / "programs.toml").open("a") as file:
        file.write(
            '\n[[program]]\nslug = "new"\ntitle_zh_hans = "新"\ntitle_en = "New"\n'
            'summary_zh_hans = "新的"\nsummary_en = "New one"\ncentres = ["curriculum-reform"]\n'
            '[[program.steps]]\ntext_zh_hans = "一"\ntext_en = "One"\n'
            '[[program.steps]]\ntext_zh_hans = "二"\ntext_en = "Two"\n'
        )
    call_command("load_content", folder=folder)
    assert "programs: 1 created, 11 already there" in capsys.readouterr().out
    new = Program.objects.get(slug="new")
    assert [step.text_en for step in new.steps.all()] == ["One", "Two"]
    assert new.centres.get().slug == "curriculum-reform"


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ('slug = "bad"\ntitle_de = "x"', "pages.toml, page:bad, title_de"),
        ('slug = "bad page"\ntitle_en = "x"', "pages.toml, page:bad page, slug"),
        ('slug = "bad"\ntitle_en = "x"\ntitle_zh_hans = "一"\nsummary_zh_hans = "二"', "summary_en"),
        ('slug = "bad"\ntitle_en = ', "pages.toml: "),
        ('slug = "bad"\ntitle = "x"', "page:bad, title: say in which language"),
        ('slug = "bad"\nsummary_en = [1]', "page:bad, summary_en: must be a text or a number"),
    ],
)
def test_a_bad_entry_is_named(folder, entry, place):
    with (folder / "pages.toml").open("a") as file:
        file.write(f"\n[[page]]\n{entry}\n")
    with pytest.raises(CommandError, match=place):
        call_command("load_content", folder=folder)
    assert not Page.objects.filter(slug__startswith="bad").exists()


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("steps = 5", "program:bad, steps: must be a list"),
        ('steps = ["a"]', "program:bad, steps: must be a list"),
        ('steps = [{ text_de = "x" }]', "program:bad, steps 1, text_de: there is no such field"),
        ("centres = 5", "program:bad, centres: must be a list"),
        ("area = 5", "program:bad, area: there is no area"),
    ],
)
def test_a_bad_value_is_named(folder, line, place):
    with (folder / "programs.toml").open("a") as file:
        file.write(f'\n[[program]]\nslug = "bad"\ntitle_en = "x"\ntitle_zh_hans = "一"\n{line}\n')
        file.write('summary_en = "x"\nsummary_zh_hans = "一"\n')
    with pytest.raises(CommandError, match=place):
        call_command("load_content", f"--folder={folder}")


def test_an_entry_is_found_under_the_name_it_came_with(folder):
    Centre.objects.filter(slug="curriculum-reform").update(slug="renamed")
    with (folder / "programs.toml").open("a") as file:
        file.write('\n[[program]]\nslug = "new"\ntitle_en = "x"\ntitle_zh_hans = "一"\nsummary_en = "x"\n')
        file.write('summary_zh_hans = "一"\ncentres = ["curriculum-reform"]\n')
    call_command("load_content", folder=folder)
    assert Program.objects.get(slug="new").centres.get().slug == "renamed"


def test_an_unknown_reference_is_named(folder):
    with (folder / "programs.toml").open("a") as file:
        file.write('\n[[program]]\nslug = "bad"\narea = "nowhere"\n')
    with pytest.raises(CommandError, match=r"programs.toml, program:bad, area.*nowhere"):
        call_command("load_content", folder=folder)

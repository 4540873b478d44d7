"""The guide for staff speaks the words of the interface, says the same in both languages, and is shown in the admin."""

import re
from itertools import pairwise

import pytest
from bs4 import BeautifulSoup
from django.conf import settings
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils.translation import override
from django.utils.translation.trans_real import translation
from markdown_it import MarkdownIt
from PIL import Image

from portal.guide import FOLDER, INDEX, PAGES
from portal.models import User
from portal.roles import ROLES

LANGUAGES = ("zh-hans", "en")
NAMES = [INDEX, *dict.fromkeys(PAGES.values())]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%s|\{\w+\}")
# Of a picture, in bytes.
LARGEST = 80_000


def path_of(name, language):
    return FOLDER / language / f"{name}.md"


def tokens_of(name, language):
    return MarkdownIt("commonmark").parse(path_of(name, language).read_text())


def parts_of(name, language, kind):
    """Yields the tokens of a `kind`, such as "image", within the blocks of a page."""
    for block in tokens_of(name, language):
        yield from (part for part in block.children or () if part.type == kind)


def bold_phrases(block) -> list[str]:
    """Returns what stands in bold in a block."""
    parts = block.children or ()
    return [text.content for opening, text in pairwise(parts) if opening.type == "strong_open"]


def translations() -> dict:
    """Returns the strings of the interface, as Django finds them: the Chinese ones by each English one."""
    catalogue, found = translation("zh-hans")._catalog, {}
    for key, _string in catalogue.items():
        # The first of the pair is the singular, and what stands before the character is a context.
        msgid = key[0] if isinstance(key, tuple) else key
        words = [re.sub(r"\s+", " ", each).strip(" :：.。") for each in (msgid.rpartition("\4")[2], catalogue[key])]
        if all(words):
            found.setdefault(words[0], set()).add(words[1])
    return found


class Interface:
    """The strings of the interface in one language."""

    def __init__(self, language):
        found = translations()
        strings = set().union(*found.values()) if language == "zh-hans" else found.keys()
        self.plain = {string for string in strings if not PLACEHOLDER.search(string)}
        split = [PLACEHOLDER.split(string) for string in strings if PLACEHOLDER.search(string)]
        self.patterns = [re.compile("(.+)".join(map(re.escape, parts))) for parts in split if any(parts)]

    def has_plain(self, phrase) -> bool:
        """Whether it is a string, perhaps with a capital letter at the beginning of a place."""
        return phrase in self.plain or phrase[0].lower() + phrase[1:] in self.plain

    def has(self, phrase) -> bool:
        """Whether it is a string. What stands in the places of a string is one too, as in “Publish Chinese”."""
        found = (pattern.fullmatch(phrase) for pattern in self.patterns)
        return self.has_plain(phrase) or any(match and all(map(self.has_plain, match.groups())) for match in found)


@pytest.mark.no_database
@pytest.mark.parametrize("language", LANGUAGES)
def test_words_in_bold_are_those_of_the_interface(language, record_property):
    interface = Interface(language)
    phrases = [
        (name, phrase) for name in NAMES for block in tokens_of(name, language) for phrase in bold_phrases(block)
    ]
    record_property(f"words of the interface in the guide, {language}", len(phrases))
    assert len(phrases) > 250
    assert not [each for each in phrases if not interface.has(each[1])]
    # What only looks bold in the file, because of the punctuation beside it.
    assert not [name for name in NAMES for text in parts_of(name, language, "text") if "**" in text.content]


@pytest.mark.no_database
def test_the_words_are_not_just_any():
    assert Interface("en").has("Publish Chinese") and Interface("zh-hans").has("发布中文")
    assert not Interface("en").has("Publish everything") and not Interface("zh-hans").has("发布一切")


@pytest.mark.no_database
@pytest.mark.parametrize("name", NAMES)
def test_both_languages_have_the_same_parts(name, record_property):
    """The same headings, lists and paragraphs in the same order, each with as many bold words and links."""

    def shape(language):
        found = []
        for block in tokens_of(name, language):
            parts = [part.type for part in block.children or () if part.type in ("link_open", "image")]
            found.append((block.type, block.tag, len(bold_phrases(block)), parts))
        return found

    chinese, other = shape("zh-hans"), shape("en")
    record_property(f"blocks of {name}", len(chinese))
    assert len(chinese) > 50
    assert [each for each in zip(chinese, other, strict=False) if each[0] != each[1]] == []
    assert len(chinese) == len(other)


@pytest.mark.no_database
def test_both_languages_name_the_same_things(record_property):
    known, compared, found = translations(), 0, []
    for name in NAMES:
        for chinese, other in zip(tokens_of(name, "zh-hans"), tokens_of(name, "en"), strict=True):
            for phrase in bold_phrases(other):
                names = known.get(phrase, set()) | known.get(phrase[0].lower() + phrase[1:], set())
                compared += bool(names)
                if names and not names & set(bold_phrases(chinese)):
                    found.append((name, phrase, bold_phrases(chinese)))
    record_property("names compared", compared)
    assert compared > 250
    assert not found


@pytest.mark.no_database
@pytest.mark.parametrize("language", LANGUAGES)
def test_links_lead_to_pages_of_the_guide(language, record_property):
    links = [part.attrs["href"] for name in NAMES for part in parts_of(name, language, "link_open")]
    record_property(f"links of the guide, {language}", len(links))
    assert len(links) > 30
    assert set(links) == {f"{name}.md" for name in NAMES}


@pytest.mark.no_database
@pytest.mark.parametrize("language", LANGUAGES)
def test_pictures_are_there_and_described(language, record_property):
    pictures = [part for name in NAMES for part in parts_of(name, language, "image")]
    record_property(f"pictures of the guide, {language}", len(pictures))
    files = sorted((FOLDER / "pictures").glob(f"*-{language}.*"))
    assert len(files) >= 8
    assert sorted(picture.attrs["src"] for picture in pictures) == [f"../pictures/{file.name}" for file in files]
    assert all(len(picture.content) > 10 for picture in pictures)
    assert not [file.name for file in files if file.stat().st_size > LARGEST]
    for file in files:
        with Image.open(file) as image:
            assert 320 <= image.width <= 1280, file.name


@pytest.mark.no_database
def test_each_role_has_its_page():
    assert PAGES.keys() == ROLES.keys()
    for language in LANGUAGES:
        files = {path.stem for path in (FOLDER / language).iterdir()}
        assert files == set(NAMES)
        with override(language):
            index = path_of(INDEX, language).read_text()
            for role, page in PAGES.items():
                assert f"]({page}.md)" in index
                assert str(ROLES[role].name).split()[0] in path_of(page, language).read_text().partition("\n")[0]


def addresses():
    return [reverse("guide"), *(reverse("guide_page", args=[name]) for name in NAMES[1:])]


@pytest.fixture
def writer():
    user = User.objects.create(username="zhou", is_staff=True)
    user.groups.add(Group.objects.get(name="writer"))
    return user


@pytest.mark.django_db
@pytest.mark.parametrize("language", LANGUAGES)
def test_all_staff_read_every_page_in_their_language(client, writer, language, record_property):
    writer.language = language
    writer.save()
    client.force_login(writer)
    pictures = set()
    for name, address in zip(NAMES, addresses(), strict=True):
        response = client.get(address)
        page = BeautifulSoup(response.content, "html.parser")
        title = path_of(name, language).read_text().partition("\n")[0].removeprefix("# ")
        assert [heading.text for heading in page.select("h1")] == [title]
        assert page.select_one(".guide-pages [aria-current]").text == title
        assert len(page.select(".guide-pages > ul > li")) == len(NAMES)
        inner = [link["href"] for link in page.select(".guide-pages ul ul a")]
        assert inner == [f"#{heading['id']}" for heading in page.select(".guide-text h2")] and len(inner) > 3
        assert {link["href"] for link in page.select(".guide-text a")} <= set(addresses())
        pictures |= {image["src"].removeprefix(settings.STATIC_URL) for image in page.select(".guide-text img")}
        assert all(image["alt"] for image in page.select(".guide-text img"))
    record_property(f"pictures shown, {language}", len(pictures))
    assert pictures == {f"guide/{file.name}" for file in (FOLDER / "pictures").glob(f"*-{language}.*")}


@pytest.mark.django_db
def test_the_header_leads_to_the_page_of_ones_role(client, writer):
    client.force_login(writer)
    front = BeautifulSoup(client.get("/admin/").content, "html.parser")
    [link] = [link["href"] for link in front.select("#user-tools a") if link.text == "使用指南"]
    assert client.get(link)["Location"] == "/admin/guide/writer/"
    writer.groups.set(Group.objects.filter(name__startswith="translator"))
    assert client.get(link)["Location"] == "/admin/guide/translator/"
    writer.groups.add(Group.objects.get(name="enquiry_desk"))
    assert client.get(link)["Location"] == "/admin/guide/"
    writer.groups.clear()
    assert client.get(link)["Location"] == "/admin/guide/"


@pytest.mark.django_db
def test_only_staff_read_it(client, writer):
    for address in [*addresses(), reverse("own_guide")]:
        assert client.get(address)["Location"].startswith("/admin/login/")
    client.force_login(writer)
    assert client.get("/admin/guide/nobody/").status_code == 404
    assert client.get("/admin/guide/index.md/").status_code == 404

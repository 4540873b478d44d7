"""Every error of the visitors' forms is the portal's own sentence, and names its field."""

import re
from pathlib import Path

import django
import polib
import pytest
from bs4 import BeautifulSoup
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.translation import override

from contact import attachments
from contact.models import Enquiry
from contact.visitor import forms
from portal.models import Page
from tests.contact import rows
from tests.contact.files import PDF
from tests.contact.steps import send

pytestmark = pytest.mark.django_db

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]")
# What no field takes, by the code of the error.
FAULTS = {
    "required": "",
    "null_characters_not_allowed": "a\x00b@example.com",
    "max_length": "国" * 6000,
    "invalid": "abc",
    "invalid_choice": "nothing",
}
TEXTS = ["organisation", "person", "position", "email", "telephone", "message"]
EXPECTED = {
    *((name, "required") for name in ("organisation", "territory", "person", "email", "message", "consent")),
    *((name, code) for name in TEXTS for code in ("null_characters_not_allowed", "max_length")),
    *((name, "invalid") for name in ("email", "telephone")),
    *((name, "invalid_choice") for name in ("territory", "program", "country")),
    *(("attachments", code) for code in ("empty", "type", "too_large", "too_many", "again")),
}
# Words by which an error names its field, in both languages.
NAMES = {
    "organisation": ("college, school or organisation", "院校或单位"),
    "territory": ("your country or region", "国家或地区"),
    "person": ("contact person", "联系人"),
    "position": ("position", "职务"),
    "email": ("e-mail address", "电子邮箱"),
    "telephone": ("telephone", "电话"),
    "program": ("program", "项目"),
    "country": ("partner country or region", "合作国家或地区"),
    "message": ("your enquiry", "咨询"),
    "attachments": ("file|attach", "附件"),
    "consent": ("privacy notice", "隐私说明"),
    "reference": ("reference", "编号"),
    "code": ("code", "查询码"),
    "text": ("your message", "补充|内容|留言"),
}


def djangos_sentences():
    """Returns patterns of all sentences in Django's catalogues, in English and in Chinese."""
    texts = set()
    for catalogue in Path(django.__file__).parent.glob("**/locale/zh_Hans/LC_MESSAGES/django.po"):
        for entry in polib.pofile(catalogue):
            texts |= {entry.msgid, entry.msgid_plural, entry.msgstr, *entry.msgstr_plural.values()}
    # Without those that are little but placeholders.
    texts = {text for text in texts if len(PLACEHOLDER.sub("", text)) > 5}
    return [re.compile(".+".join(map(re.escape, PLACEHOLDER.split(text)))) for text in texts]


def faulty_files():
    """Yields lists of files that are refused, each with the code of its error, and one that is not kept."""
    yield "empty", [SimpleUploadedFile("plan.pdf", b"")]
    yield "type", [SimpleUploadedFile("plan.pdf", b"MZ")]
    yield "too_large", [SimpleUploadedFile("plan.pdf", PDF + bytes(attachments.MAX_FILE_SIZE))]
    yield "too_many", [SimpleUploadedFile(f"{number}.pdf", PDF + bytes([number])) for number in range(4)]
    yield "again", [SimpleUploadedFile("plan.pdf", PDF)]


def faults_of(response, language):
    """Returns (field, code, sentence) of each error of the form that came back."""
    with override(language):
        errors = response.context["form"].errors.as_data()
        return [(name, error.code, error.messages[0]) for name, found in errors.items() for error in found]


def assert_ours(faults, language, djangos):
    """Asserts that each sentence names its field and does not come from Django. Returns the fields and codes."""
    for name, code, sentence in faults:
        assert re.search(NAMES[name][language != "en"], sentence, re.IGNORECASE), (name, code, sentence)
        assert not [pattern for pattern in djangos if pattern.fullmatch(sentence)], (name, code, sentence)
    return {(name, code) for name, code, _sentence in faults}


def returned_forms(client, answers, language):
    """Yields the form as it comes back after each fault in each field."""
    for name in [*TEXTS, "territory", "program", "country"]:
        for text in FAULTS.values():
            response = send(client, answers, language, **{name: text})
            if response.status_code == 200:
                yield response
    for _code, files in faulty_files():
        yield send(client, answers, language, attachments=files, consent=None)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_error_of_the_enquiry_form_is_ours_and_names_its_field(client, answers, language, record_property):
    swept, djangos = set(), djangos_sentences()
    for response in returned_forms(client, answers, language):
        faults = faults_of(response, language)
        assert faults
        swept |= assert_ours(faults, language, djangos)
        [summary] = BeautifulSoup(response.content, "html.parser").select(".error-summary")
        assert sorted(link.text for link in summary.select("a")) == sorted(fault[2] for fault in faults)
    assert swept == EXPECTED
    record_property(f"errors in {language}", len(swept))


def test_the_sweep_knows_the_sentences_of_django():
    djangos = djangos_sentences()
    assert len(djangos) > 500
    for sentence in [
        "This field is required.",
        "Null characters are not allowed.",
        "Ensure this value has at most 9 characters (it has 10).",
        "Select a valid choice. x is not one of the available choices.",
        "这个字段是必填项。",
    ]:
        assert any(pattern.fullmatch(sentence) for pattern in djangos), sentence


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_error_of_the_status_pages_is_ours_and_names_its_field(client, language):
    enquiry, djangos, swept = rows.stored(), djangos_sentences(), set()
    page = f"/{language}/contact/status/"
    for path, typed in [
        (page, {}),
        (page, {"reference": "a\x00b", "code": "a\x00b"}),
        *((f"{page}{enquiry.token}/", {"text": text}) for text in FAULTS.values()),
    ]:
        response = client.post(path, typed)
        if response.status_code == 200:
            swept |= assert_ours(faults_of(response, language), language, djangos)
    assert swept == {
        ("reference", "required"),
        ("reference", "wrong_pair"),
        ("code", "required"),
        ("text", "required"),
        ("text", "null_characters_not_allowed"),
        ("text", "max_length"),
    }


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ["5,000 characters", "3 files", "10 MB"]), ("zh-hans", ["5000字", "3个文件", "10 MB"])],
)
def test_numbers_are_written_alike_in_hints_and_errors(client, answers, language, words):
    number = words[0].partition(" ")[0].partition("字")[0]
    form = client.get(f"/{language}/contact/").content.decode()
    assert all(said in form for said in words)
    assert number in send(client, answers, language, message="x" * 5001).content.decode()
    for other in ("three files", "三个文件", "5000 characters", "5,000字"):
        assert other not in form
    with override(language):
        assert ("at most 3" if language == "en" else words[1]) in Page.objects.get(slug="privacy").body
    assert attachments.MAX_FILES == 3
    assert attachments.MAX_FILE_SIZE == 10 * 1024 * 1024
    assert forms.MAX_MESSAGE == Enquiry._meta.get_field("message").max_length == 5000


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["College, school or organisation", "Students: the name of your college or school."]),
        ("zh-hans", ["院校或单位", "在校学生请填写所在院校。"]),
    ],
)
def test_the_first_field_fits_a_student_too(client, language, words):
    text = client.get(f"/{language}/contact/").content.decode()
    first = text.partition('<div class="field">')[2].partition("</div>")[0]
    assert [said for said in words if said in first] == words
    privacy = client.get(f"/{language}/privacy/").content.decode()
    assert ("students: your college or school" if language == "en" else "学生填写所在院校") in privacy


@pytest.mark.parametrize(("language", "name"), [("en", "Keywords: "), ("zh-hans", "关键词：")])
@pytest.mark.parametrize("text", ["a\x00b", "x" * 101])
def test_the_errors_of_the_finder_are_ours_and_name_their_field(client, language, name, text):
    finder = client.get(f"/{language}/programs/", {"q": text}).context["finder"]
    with override(language):
        [error] = finder.errors["q"]
    assert error.startswith(name)

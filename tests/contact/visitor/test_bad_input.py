"""Bad input of any kind gets the form again with clear errors, or a page that says what is wrong."""

import pytest

from contact.models import Enquiry
from tests.contact.steps import form_token, send

pytestmark = pytest.mark.django_db

TEXTS = {
    "ten megabytes": "国" * 3_400_000,
    "NUL": "a\x00b",
    "line breaks": "a\r\nBcc: x@example.com",
    "four bytes": "𠮷😀",
    "right to left": "\u202eabc\u202c مرحبا",
    "markup": "<script>alert(1)</script>\"'&",
    "spaces": "   ",
    "not characters": "\ufffe\uffff",
    "other line ends": "a\u2028b\u2029c\x85d\x0be",
    "many scripts": "Ærøskøbing Ελλάδα Київ ไทย हिन्दी עברית ᠮᠣᠩᠭᠣᠯ བོད་ e\u0301",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize(
    "name", ["organisation", "territory", "person", "email", "telephone", "program", "country", "message"]
)
def test_any_text_in_any_field(client, answers, name, text):
    client.raise_request_exception = False
    response = send(client, answers, "en", **{name: text})
    assert response.status_code in (200, 303)
    if response.status_code == 200:
        assert name in response.context["form"].errors
        assert not Enquiry.objects.exists()
    else:
        enquiry = Enquiry.objects.get()
        assert client.get(response.headers["Location"]).status_code == 200
        for mail in enquiry.mails.all():
            assert mail.email_message().message().as_bytes()
            assert "\n" not in mail.subject


@pytest.mark.parametrize(
    "email",
    ['"a,b"@example.com', "a@b", "a b@example.com", "a@example.com\nBcc: b@example.com", "x" * 250 + "@example.com"],
)
def test_an_address_that_cannot_be_written_to(client, answers, email):
    response = send(client, answers, "en", email=email)
    assert response.status_code == 200
    assert "email" in response.context["form"].errors


def test_an_address_of_254_characters(client, answers):
    email = f"{'a' * 64}@{'b' * 61}.{'c' * 61}.{'d' * 61}.com"
    assert len(email) == 254
    assert send(client, answers, email=email).status_code == 303
    assert Enquiry.objects.get().mails.order_by("pk").first().to == [email]


def test_two_faults_of_one_field_are_one_description(client, answers):
    text = send(client, answers, "en", message="x" * 6000 + "\x00").content.decode()
    assert text.count('id="id_message_error"') == 1


NAMES = ["玛丽·居里", "Søren Ægir", "محمد", "O’Brien", "𠮷野家", "Nguyễn Thị", "ཚེ་རིང", "\u202eabc\u202c", "Zoe\u0308"]


@pytest.mark.parametrize("person", NAMES)
def test_a_name_in_any_script_is_kept_as_it_was_typed(client, answers, person):
    response = send(client, answers, person=person)
    assert response.status_code == 303
    assert Enquiry.objects.get().person == person
    assert client.get(response.headers["Location"]).status_code == 200


def test_a_text_of_one_line_stays_one(client, answers):
    send(client, answers, organisation="a\r\nb\u2028c\x85d\te")
    assert Enquiry.objects.get().organisation == "a b c d e"


def test_two_tabs_of_one_form(client, answers):
    """Different answers are different enquiries. The same answers are one enquiry, even from two tabs."""
    other_tab = form_token(40)
    first = send(client, answers)
    second = send(client, answers, form_token=other_tab, message="另一个标签页")
    assert send(client, answers, form_token=other_tab).headers["Location"] == first.headers["Location"]
    assert second.headers["Location"] != first.headers["Location"]
    assert Enquiry.objects.count() == 2


@pytest.mark.parametrize(
    "name", ["form_token", "remarks", "kept", "leave_out", "token_failed", "csrfmiddlewaretoken", "consent"]
)
@pytest.mark.parametrize("text", ["\x00", "国" * 10_000, "𠮷\u202e", "a:b:c"])
def test_any_text_in_a_hidden_field(client, answers, name, text):
    assert send(client, answers, **{name: text}).status_code in (200, 303)


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_not_allowed(client, method):
    assert getattr(client, method)("/en/contact/").status_code == 405


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"organisation=%ff%fe&message=%c3%28", "application/x-www-form-urlencoded"),
        (b"organisation=\xff\xfe", "application/x-www-form-urlencoded"),
        (b"a=1", "application/x-www-form-urlencoded; charset=utf-16"),
        (b"a=1", "application/x-www-form-urlencoded; charset=nonsense"),
        (b"not multipart", "multipart/form-data; boundary=x"),
        (b"not multipart", "multipart/form-data"),
        (b'{"a": 1}', "application/json"),
        (b"&".join(b"a%d=1" % n for n in range(2000)), "application/x-www-form-urlencoded"),
        (b"organisation=" + b"x" * (13 * 1024 * 1024), "application/x-www-form-urlencoded"),
        (b"consent=1&consent=2&organisation=a&organisation=b", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_that_is_no_form(client, body, content_type):
    client.raise_request_exception = False
    response = client.generic("POST", "/en/contact/", body, content_type=content_type)
    assert response.status_code in (200, 400)
    assert b"<h1>" in response.content
    assert not Enquiry.objects.exists()


ADDRESSES = [
    "/en/programs/?area=nothing",
    "/en/programs/?centre=%00&country=%ff",
    "/en/programs/?q=%00",
    "/en/programs/?q=" + "x" * 500,
    "/en/programs/?q=%25_%27%22",
    "/en/programs/?page=0",
    "/en/programs/?page=x",
    "/en/programs/?page=99999999999999999999",
    "/en/contact/?program=" + "x" * 500,
    "/en/contact/?program=a&program=b&country=c",
    "/en/contact/?message=%00%ff&message=%ed%a0%80",
    "/sitemap.xml?page=9",
    "/robots.txt?x=%00",
]
NOWHERE = [
    "/en/programs/%00/",
    "/en/programs/nothing/",
    "/en/pages/%E4%B8%AD/",
    "/en/contact/received/x/",
    "/en/contact/received/%00/",
    "/en/partners/..%2f..%2fetc/",
    "/media/../portal/settings.py",
    "/media/%2e%2e/secret-key",
    "/media/a%00.png",
    "/media/nothing.png",
    "/media/nothing.html",
    "/fr/",
    "/en",
    "/nothing",
    "/sitemap-0.xml",
    "/sitemap-99999999999999999999999.xml",
    "/%ff",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_odd_query_is_a_page(client, address):
    assert client.get(address).status_code == 200


@pytest.mark.parametrize("address", NOWHERE)
def test_an_address_of_nothing_is_a_page_that_says_so(client, address):
    client.raise_request_exception = False
    response = client.get(address, follow=True)
    assert response.status_code in (400, 404) or response.redirect_chain
    assert b"<h1>" in response.content


def test_an_unknown_filter_is_said(client):
    text = client.get("/en/programs/?area=nothing").content.decode()
    assert "this choice is not offered here." in text
    assert "Show all programs" in text

"""No list of the admin can be filtered by a secret, which would reveal it character by character."""

import pytest
from django.contrib import admin
from django.urls import reverse

from contact.models import Enquiry
from portal.models import User
from tests.contact.rows import stored

pytestmark = pytest.mark.django_db

SECRETS = {Enquiry: ["code", "token", "fingerprint"], User: ["password"]}
# How many relations lead from the model of a list to that with a secret, as in programs__enquiries__token.
DEPTH = 2


def secret_lookups(model, depth=DEPTH):
    """Yields the lookups of `model` that reach a secret over at most `depth` relations, forwards and backwards."""
    yield from SECRETS.get(model, [])
    if depth:
        for field in model._meta.get_fields():
            if field.is_relation and field.related_model:
                for lookup in secret_lookups(field.related_model, depth - 1):
                    yield f"{field.name}__{lookup}"


def list_page(model):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


@pytest.fixture
def enquiry():
    return stored()


@pytest.fixture
def staff(admin_client):
    admin_client.cookies["django_language"] = "en"
    return admin_client


def test_no_list_is_filtered_by_a_secret(staff, enquiry, record_property):
    asked, lists = 0, 0
    for model in admin.site._registry:
        lists += 1
        for lookup in secret_lookups(model):
            for query in ({lookup: "A"}, {f"{lookup}__startswith": "A"}):
                response = staff.get(list_page(model), query)
                assert response.status_code == 400, f"{model.__name__}: {query}"
                assert "This request cannot be answered" in response.content.decode()
                asked += 1
    record_property("lists of the admin", lists)
    record_property("lookups refused", asked)
    assert lists >= 10
    assert asked >= 150
    # Other lookups are answered, so the refusals above are not about the lists.
    assert staff.get(list_page(Enquiry), {"organisation__startswith": "Example"}).status_code == 200


def test_a_page_of_refusal_is_in_the_readers_language(staff, enquiry):
    staff.cookies["django_language"] = "zh-hans"
    response = staff.get(list_page(Enquiry), {"token__startswith": "A"})
    assert response.status_code == 400
    assert "无法" in response.content.decode()


@pytest.mark.parametrize("field", SECRETS[Enquiry])
def test_no_popup_takes_a_secret_for_the_key(staff, enquiry, field):
    query = {"_to_field": field, "_popup": "1"}
    response = staff.get(list_page(Enquiry), query)
    assert response.status_code == 400
    assert "This request cannot be answered" in response.content.decode()
    page = reverse("admin:contact_enquiry_change", args=[getattr(enquiry, field)])
    assert staff.get(page, query).status_code == 302


def test_no_search_finds_a_secret(staff, enquiry):
    source = {"app_label": "contact", "model_name": "event", "field_name": "enquiry"}
    for term, number in [(enquiry.reference, 1), (enquiry.code, 0), (enquiry.token, 0)]:
        found = staff.get(reverse("admin:autocomplete"), source | {"term": term}).json()["results"]
        assert len(found) == number, term
        response = staff.get(list_page(Enquiry), {"q": term})
        assert len(response.context["cl"].result_list) == number, term

"""How many queries a list of the admin needs: at most MAX, and as many for few rows as for many."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from post_office.models import STATUS

from contact.models import AnswerTemplate
from partners.models import Country, Institution
from portal.bilingual.editing import BilingualAdmin
from portal.bilingual.history.models import Action
from portal.bilingual.history.versions import record
from portal.bilingual.parity.models import Parity
from portal.models import Centre, Page, Term, User
from programs.models import Area, Certificate, Industry, Program
from tests.contact.rows import stored
from tests.programs.resources import published, with_file

pytestmark = pytest.mark.django_db

MAX = 12


def add_rows(first, last):
    """Stores rows of every model that staff list, with what the lists show of them. Some have drafts."""
    program, country, area = Program.objects.first(), Country.objects.first(), Area.objects.first()
    for number in range(first, last):
        texts = {"title_zh_hans": f"示例{number}", "summary_zh_hans": "摘要。", "body_zh_hans": "<p>正文</p>"}
        texts["published_at_zh_hans"] = timezone.now()
        own = Program.objects.create(slug=f"many-{number}", area=area, **texts)
        own.steps.create(text_zh_hans="一")
        for model in (Area, Centre, Page):
            model.objects.create(slug=f"many-{number}", **texts)
        names = {"name_zh_hans": f"示例{number}", "name_en": f"Example {number}"}
        industry = Industry.objects.create(slug=f"many-{number}", **names)
        code = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number % 26] + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number // 26]
        places = {"iso_code": code, "capital_zh_hans": "首都", "latitude": 0, "longitude": 0}
        Country.objects.create(slug=f"many-{number}", **names, **places)
        Institution.objects.create(country=country, **names)
        Certificate.objects.create(program=program, **names)
        Term.objects.create(**names)
        AnswerTemplate.objects.create(title=f"示例{number}", text_zh_hans="您好")
        with_file(published(f"many-{number}", industry=industry))
        user = User.objects.create_user(f"user-{number}")
        user.groups.add(Group.objects.create(name=f"组{number}"))
        enquiry = stored(STATUS.failed, program=program, country=country, owner=user)
        enquiry.log("received")
        record(own, Action.PUBLISHED, by=user)


def queries(client, model):
    """Returns how many queries the list of `model` needs, and how many rows it shows."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    client.get(address)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = client.get(address)
    assert response.status_code == 200, address
    return len(captured), len(response.context["cl"].result_list)


def test_lists_need_few_queries(admin_client, record_property):
    add_rows(0, 2)
    models = list(admin.site._registry)
    few = {model: queries(admin_client, model) for model in models}
    add_rows(2, 10)
    many = {model: queries(admin_client, model) for model in models}
    record_property("queries of the lists", {model.__name__: number for model, (number, _rows) in many.items()})
    assert len(models) >= 15
    for model in models:
        if model._meta.model_name != "department":
            more = min(few[model][1] + 8, BilingualAdmin.list_per_page)
            assert many[model][1] >= more, f"{model.__name__} has too few rows"
        assert many[model][0] == few[model][0], f"{model.__name__} needs more queries for more rows"
        assert many[model][0] <= MAX, f"{model.__name__} needs {many[model][0]} queries"


def test_the_pages_about_both_languages_need_few_queries(admin_client):
    numbers = {"parity": [], "translations": []}
    for first, last in ((0, 2), (2, 10)):
        add_rows(first, last)
        for name, found in numbers.items():
            admin_client.get(reverse(name))
            with CaptureQueriesContext(connection) as captured:
                assert admin_client.get(reverse(name)).status_code == 200
            found.append(len(captured))
    for few, many in numbers.values():
        assert few == many <= 20
    english = [Parity.objects.filter(content_type__model=name, language="en") for name in ("program", "term")]
    # The first content is confirmed, and the rows above are Chinese alone, or have a name in both languages.
    assert [sorted({each.state for each in found}) for found in english] == [
        ["confirmed", "missing"],
        ["confirmed", "draft"],
    ]

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from contact.models import Attachment, KeptFile, RateCount, RateSalt, private_storage
from tests.contact.databases import on_file


@pytest.fixture(autouse=True)
def attachments_of_this_test(test_settings, monkeypatch):
    """A FileField resolves its storage when models are loaded, so set the storage of the test settings again."""
    for model in (Attachment, KeptFile):
        monkeypatch.setattr(model._meta.get_field("file"), "storage", private_storage())


@pytest.fixture
def answers():
    return {
        "organisation": "北京某职业学院",
        "territory": "CN",
        "person": "张三",
        "position": "处长",
        "email": "zhang@example.com",
        "telephone": "010-12345678 转 9",
        "program": "credit-recognition",
        "message": "我们希望了解 {{ 7|add:7 }} {% now 'Y' %} 学分互认。",
        "consent": "on",
    }


@pytest.fixture
def committed(tmp_path):
    """Lets other threads commit to the database. Their rows are gone after the test."""
    if connection.vendor == "sqlite":
        with on_file(tmp_path / "portal.sqlite3", timeout=20):
            yield
    else:
        yield
        with ThreadPoolExecutor(1) as thread:
            thread.submit(delete_all).result()


def delete_all():
    for model in (KeptFile, RateCount, RateSalt):
        model.objects.all().delete()
    connection.close()

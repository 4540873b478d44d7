import pytest

from contact.models import Attachment, private_storage
from tests.contact.steps import issued


@pytest.fixture(autouse=True)
def attachments_of_this_test(test_settings, monkeypatch):
    """A field finds its storage once, when models are loaded; here it is that of the settings of the test."""
    monkeypatch.setattr(Attachment._meta.get_field("file"), "storage", private_storage())


@pytest.fixture
def answers():
    return {
        "organisation": "北京某职业学院",
        "territory": "CN",
        "person": "张三",
        "position": "处长",
        "email": "zhang@example.com",
        "telephone": "010-12345678 转 9",
        "about": "program:credit-recognition",
        "message": "我们希望了解 {{ 7|add:7 }} {% now 'Y' %} 学分互认。",
        "consent": "on",
        "issued": issued(),
    }

import pytest

from contact.models import Attachment, KeptFile, private_storage


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

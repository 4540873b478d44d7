import pytest
from django.core.cache import cache

from portal.models import User
from tests.portal.sign_in.steps import PASSWORD


@pytest.fixture(autouse=True)
def empty_cache(db):
    cache.clear()


@pytest.fixture
def owner():
    return User.objects.create_user("owner", "owner@example.com", PASSWORD, is_staff=True)


@pytest.fixture
def administrator():
    return User.objects.create_superuser("administrator", "administrator@example.com", PASSWORD)

import pytest

from tests.conftest import start_site, stop_site


@pytest.fixture
def start(tmp_path):
    """Starts portals on one data folder of their own, and stops those that still run at the end."""
    started = []

    def start(**variables):
        started.append(start_site(tmp_path, **variables))
        return started[-1]

    yield start
    for site in started:
        if site.process.poll() is None:
            stop_site(site)

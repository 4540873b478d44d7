import pytest

from tests.conftest import start_site, stop_site


@pytest.fixture
def start(tmp_path):
    """A function that starts a portal on the test's own data folder. Those still running at the end are stopped."""
    started = []

    def start(**variables):
        started.append(start_site(tmp_path, **variables))
        return started[-1]

    yield start
    for site in started:
        if site.process.poll() is None:
            stop_site(site)

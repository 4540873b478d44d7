import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from whitenoise import WhiteNoise

from portal.site.finished_pages.server import PageServer
from portal.site.headers import STATIC_HEADERS
from portal.site.request_size import read_body

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


def add_headers(headers, path, url):
    for name, value in STATIC_HEADERS.items():
        headers[name] = value


def is_immutable(path, url):
    """Returns whether the file name contains a hash of the content, as collectstatic writes it."""
    parts = url.rsplit("/", 1)[-1].split(".")
    return len(parts) >= 3 and len(parts[-2]) == 12


django = get_wsgi_application()


def application(environ, start_response):
    read_body(environ)
    return django(environ, start_response)


# In development, urls.py serves static files without collectstatic.
if not settings.DEBUG:
    application = WhiteNoise(
        application,
        root=settings.STATIC_ROOT,
        prefix=settings.STATIC_URL,
        add_headers_function=add_headers,
        immutable_file_test=is_immutable,
        allow_all_origins=False,
    )
    application = PageServer(application)

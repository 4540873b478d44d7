from pathlib import Path

from django.core.management.base import BaseCommand
from whitenoise import WhiteNoise

from portal.database import RETRY_AFTER
from portal.site.headers import STATIC_HEADERS, headers_of_pages
from portal.views import IMAGE_HEADERS


class Command(BaseCommand):
    help = "Writes the headers of what nginx sends by itself into files in a folder. deploy/nginx.conf includes them."

    def add_arguments(self, parser):
        parser.add_argument("folder", type=Path)

    def handle(self, *, folder, **options):
        for name, headers in headers_of_nginx().items():
            # An error that nginx answers with a page of its own has no header of the page that was asked for.
            always = " always" if name == "outage" else ""
            lines = [f'add_header {header} "{value}"{always};\n' for header, value in sorted(headers.items())]
            (folder / f"{name}.conf").write_text("".join(lines))


def headers_of_nginx() -> dict[str, dict[str, str]]:
    """
    Returns the headers of finished pages, hashed static files, uploaded images, and the page for an outage.

    Those that deploy/nginx.conf sets itself, because they depend on the file, are left out.
    """
    pages = headers_of_pages("en")
    del pages["Content-Type"], pages["Content-Language"]
    in_one_encoding = {name: value for name, value in pages.items() if name != "Vary"}
    return {
        "pages": pages,
        "static": STATIC_HEADERS | {"Cache-Control": f"max-age={WhiteNoise.FOREVER}, public, immutable"},
        "media": in_one_encoding | IMAGE_HEADERS,
        "outage": in_one_encoding | {"Cache-Control": "no-store", "Retry-After": RETRY_AFTER},
    }

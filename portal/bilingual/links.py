"""Links to public pages: absolute URLs, the same page in another language, and QR codes."""

from functools import lru_cache

import segno
from django.conf import settings

from portal.bilingual.languages import LANGUAGES


def absolute_url(path: str) -> str:
    """Returns `path` with the scheme and host of PORTAL_SITE_URL; the host of the request does not matter."""
    return f"{settings.PORTAL_SITE_URL}{path}"


def in_language(path: str, language: str) -> str:
    """Returns the path in `language` of the public page at `path`."""
    rest = path.removeprefix("/").partition("/")[2]
    return f"/{language}/{rest}"


def alternates(path: str, languages=LANGUAGES) -> dict[str, str]:
    """Returns the absolute URLs of the page at `path` by language, with the first of `languages` as "x-default"."""
    found = {language: absolute_url(in_language(path, language)) for language in languages}
    return found | {"x-default": found[languages[0]]} if languages else {}


@lru_cache(maxsize=1000)
def qr_code(url: str) -> str:
    """Returns the QR code (ISO/IEC 18004) of `url` as SVG, dark on white with a quiet zone of four modules."""
    code = segno.make_qr(url, error="m")
    return code.svg_inline(border=4, omitsize=True, light="#fff", svgclass=None, lineclass=None)

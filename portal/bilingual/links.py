"""Links to public pages: absolute ones, and the same page in the other language."""

from functools import lru_cache

import segno
from django.conf import settings

from portal.bilingual.publishing import LANGUAGES


def absolute_url(path):
    """`path` ("/en/programs/") with the scheme and host of PORTAL_SITE_URL, whatever host was asked."""
    return f"{settings.PORTAL_SITE_URL}{path}"


def in_language(path, language):
    """The address in `language` of the public page at `path`."""
    rest = path.removeprefix("/").partition("/")[2]
    return f"/{language}/{rest}"


def alternates(path, languages=LANGUAGES):
    """
    The versions of the public page at `path`, by what hreflang calls each: its `languages` (settings
    codes, Chinese first) and "x-default", which is the first of them. Values are absolute.
    """
    found = {language: absolute_url(in_language(path, language)) for language in languages}
    return found | {"x-default": found[languages[0]]} if languages else {}


@lru_cache(maxsize=1000)
def qr_code(url):
    """The QR code (ISO/IEC 18004) of `url` as an SVG element, dark on white with a quiet zone of four modules."""
    code = segno.make_qr(url, error="m")
    return code.svg_inline(border=4, omitsize=True, light="#fff", svgclass=None, lineclass=None)

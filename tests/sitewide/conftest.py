from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property

import html5lib
import pytest
from django.test import Client

from portal.site.sitemaps import PublicPage, public_pages

XHTML = "{http://www.w3.org/1999/xhtml}"


@dataclass
class ServedPage:
    """A page as it is served: its entry in the list of public pages, the response and the parsed document."""

    page: PublicPage
    response: object
    parser_errors: list
    document: object

    @property
    def path(self):
        return self.page.path

    def all(self, tag):
        return list(self.document.iter(f"{XHTML}{tag}"))

    def one(self, tag):
        [element] = self.all(tag)
        return element

    @cached_property
    def links(self):
        """Every (element, address) of an href, src or action attribute."""
        return [
            (element, element.get(attribute))
            for element in self.document.iter()
            for attribute in ("href", "src", "action")
            if element.get(attribute) is not None
        ]

    @cached_property
    def ids(self):
        return Counter(element.get("id") for element in self.document.iter() if element.get("id"))


def serve(client, page):
    response = client.get(page.path)
    parser = html5lib.HTMLParser(strict=False)
    document = parser.parse(response.content, transport_encoding="utf-8")
    return ServedPage(page, response, [(position, code) for position, code, _data in parser.errors], document)


@cache
def all_served():
    client = Client()
    return [serve(client, page) for page in public_pages()]


@pytest.fixture
def served(db):
    """Every public page in both languages, as a new site has them; served once for all tests of a process."""
    return all_served()

"""What each page tells search engines and messengers: JSON-LD in the vocabulary of schema.org, and Open Graph."""

import json
import re
from datetime import datetime

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from PIL import Image
from schema_org.registry import CLASS_METADATA, PROPERTY_BY_SCHEMA, ancestry

from contact.models import Enquiry
from partners.models import Country
from portal.bilingual.languages import html_code
from portal.models import Department, Term
from portal.site.sitemaps import PublicPage
from programs.models import Area, Program
from tests.programs.resources import published, with_file
from tests.sitewide.conftest import serve

pytestmark = [pytest.mark.django_db, pytest.mark.no_database]

SITE = "https://portal.example"
HAN = re.compile("[㐀-鿿]")
HOSTILE = "</script><b>“Exchange” & \"credit\" 'A' <!-- \u2028 &amp;"
# The node types that every page has, and the type of the page itself by its path. Other pages are a WebPage.
SHARED = ["Organization", "EducationalOrganization", "WebSite"]
KINDS = {
    "about": "AboutPage",
    "contact": "ContactPage",
    "contact/status": "WebPage",
    "centres": "CollectionPage",
    "programs": "CollectionPage",
    "programs/overview": "CollectionPage",
    "resources": "CollectionPage",
    "partners": "CollectionPage",
    "terms": "CollectionPage",
    "pages": "CollectionPage",
}
OPEN_GRAPH = {
    "og:title",
    "og:type",
    "og:url",
    "og:site_name",
    "og:description",
    "og:locale",
    "og:locale:alternate",
    "og:image",
    "og:image:width",
    "og:image:height",
    "og:image:alt",
}


def at(client, path):
    """The page at `path`, whether or not it is in the sitemap."""
    return serve(client, PublicPage(path, path.split("/")[1], (), None))


def metas(page, attribute):
    return {meta.get(attribute): meta.get("content") for meta in page.all("meta") if meta.get(attribute)}


def scripts(page):
    return [script for script in page.all("script") if script.get("type") == "application/ld+json"]


def graph_of(page):
    """The nodes of the only JSON-LD script of a page."""
    [script] = scripts(page)
    data = json.loads(script.text)
    assert data.keys() == {"@context", "@graph"}, page.path
    assert data["@context"] == "https://schema.org", page.path
    return data["@graph"]


def node(page, wanted):
    """The only node of a page with the type `wanted`."""
    [found] = [each for each in graph_of(page) if each["@type"] == wanted]
    return found


def page_node(page):
    """The node that describes the page itself."""
    [found] = [each for each in graph_of(page) if each["@type"] in {"WebPage", *KINDS.values()}]
    return found


def inside(value, key=None):
    """Yields every (key, value) in parsed JSON. The items of a list have the key of the list."""
    if isinstance(value, list):
        for each in value:
            yield from inside(each, key)
        return
    yield key, value
    if isinstance(value, dict):
        for name, each in value.items():
            yield from inside(each, name)


def faults(described, types):
    """
    Lists what schema.org does not define in a node: its type, a property, a property of that type, or a value of that
    kind. `types` maps the @id of each node in the graph to its type.
    """
    kind = described["@type"]
    if kind not in CLASS_METADATA:
        return [kind]
    found = []
    for name, value in described.items():
        if name.startswith("@"):
            continue
        known = PROPERTY_BY_SCHEMA.get(name)
        if known is None or known.superseded_by or not {kind, *ancestry(kind)}.intersection(known.domains):
            found.append(f"{kind}.{name}")
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                inner = each.get("@type") or types.get(each["@id"], "")
                fits = {inner, *(ancestry(inner) if inner in CLASS_METADATA else ())}
                found += faults(each, types) if "@type" in each else []
            elif isinstance(each, int):
                fits = {"Integer"}
            elif name == "item":
                fits = {"Thing"}  # The address of a breadcrumb, as in Google's documentation.
            else:
                fits = {"Text", "URL", "DateTime"}
            if not fits.intersection(known.ranges):
                found.append(f"{kind}.{name}: {each}")
    return found


def test_every_word_is_one_of_schema_org(served, record_property):
    nodes, kinds = 0, set()
    for page in served:
        graph = graph_of(page)
        types = {each["@id"]: each["@type"] for each in graph}
        assert [fault for each in graph for fault in faults(each, types)] == [], page.path
        found = [value for _key, value in inside(graph) if isinstance(value, dict) and "@type" in value]
        nodes += len(found)
        kinds |= {each["@type"] for each in found}
    assert len(served) >= 60
    assert nodes > 9 * len(served)
    assert kinds == {
        *SHARED,
        *KINDS.values(),
        *("PostalAddress", "ContactPoint", "WebPage", "BreadcrumbList", "ListItem", "Service", "Audience"),
        *("DefinedTermSet", "DefinedTerm"),
    }
    record_property("nodes checked", nodes)


@pytest.mark.parametrize(
    ("described", "seen"),
    [
        ({"@type": "Programme"}, "Programme"),
        ({"@type": "Service", "nam": "x"}, "Service.nam"),
        ({"@type": "Service", "postalCode": "100029"}, "Service.postalCode"),
        ({"@type": "WebPage", "isPartOf": {"@id": "#society"}}, "WebPage.isPartOf: {'@id': '#society'}"),
        ({"@type": "WebPage", "isPartOf": {"@id": "#nothing"}}, "WebPage.isPartOf: {'@id': '#nothing'}"),
        ({"@type": "ListItem", "item": {"@type": "Page"}}, "Page"),
        ({"@type": "Service", "serviceAudience": {"@type": "Audience"}}, "Service.serviceAudience"),
    ],
)
def test_sweep_sees_what_schema_org_has_not(described, seen):
    assert seen in faults(described, {"#society": "Organization"})


def test_addresses_are_absolute_and_every_reference_has_its_node(served):
    references = 0
    for page in served:
        graph = graph_of(page)
        defined = [each["@id"] for each in graph]
        assert len(set(defined)) == len(defined), page.path
        for key, value in inside(graph):
            assert value, (page.path, key, "is empty")
            if key in ("@id", "url", "item"):
                assert value.startswith(f"{SITE}/"), (page.path, key, value)
            if isinstance(value, dict) and value.keys() == {"@id"}:
                references += 1
                assert value["@id"] in defined, (page.path, value)
    assert references >= 4 * len(served)


def test_each_page_is_described_as_it_is_seen(served):
    breadcrumbs = dated = 0
    for page in served:
        described, seen = page_node(page), f"{SITE}{page.path}"
        kind = KINDS.get(page.path.split("/", 2)[2].rstrip("/"), "WebPage")
        assert [each["@type"] for each in graph_of(page)][:4] == [*SHARED, kind], page.path
        assert described["@id"] == described["url"] == seen
        assert page.one("title").text.startswith(f"{described['name']} – "), page.path
        assert described["description"] == metas(page, "name")["description"], page.path
        if "dateModified" in described:
            dated += 1
            changed_at = page.page.changed_at.replace(microsecond=0)
            assert datetime.fromisoformat(described["dateModified"]) == changed_at, page.path
        visible = [nav for nav in page.all("nav") if nav.get("class") == "breadcrumbs"]
        assert bool(visible) == ("breadcrumb" in described), page.path
        if visible:
            breadcrumbs += 1
            steps = node(page, "BreadcrumbList")["itemListElement"]
            assert [step["name"] for step in steps] == ["".join(li.itertext()) for li in visible[0][0]], page.path
            links = [f"{SITE}{li[0].get('href')}" for li in visible[0][0] if len(li)]
            assert [step["item"] for step in steps] == [*links, seen], page.path
            assert [step["position"] for step in steps] == list(range(1, len(steps) + 1)), page.path
    homes = languages = 2
    assert breadcrumbs == len(served) - homes
    undated = {*KINDS, "home"} - {"about"}
    assert dated == len(served) - len(undated) * languages


def test_language_agrees_with_the_page(served):
    texts = 0
    for page in served:
        language = html_code(page.page.language)
        found = [(key, value) for key, value in inside(graph_of(page)) if isinstance(value, str)]
        assert {value for key, value in found if key == "inLanguage"} == {language}, page.path
        for key, value in found:
            if key in ("name", "description", "streetAddress", "contactType", "audienceType"):
                texts += 1
                assert bool(HAN.search(value)) == (language == "zh-Hans"), (page.path, key, value)
    assert texts > 8 * len(served)


def test_open_graph_is_complete(served):
    for page in served:
        described, found = page_node(page), metas(page, "property")
        names = [meta.get("property") for meta in page.all("meta") if meta.get("property")]
        assert sorted(names) == sorted(OPEN_GRAPH), page.path
        assert all(found.values()), page.path
        canonical = [link.get("href") for link in page.all("link") if link.get("rel") == "canonical"]
        assert [found["og:url"]] == canonical, page.path
        assert (found["og:title"], found["og:description"]) == (described["name"], described["description"])
        locales = ["zh_CN", "en_GB"] if page.page.language == "zh-hans" else ["en_GB", "zh_CN"]
        assert [found["og:locale"], found["og:locale:alternate"]] == locales, page.path
        assert found["og:image"] == f"{SITE}/static/img/share-{page.page.language}.png", page.path
        assert metas(page, "name")["twitter:card"] == "summary_large_image", page.path


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_shared_picture_is_as_large_as_said(client, language):
    found = metas(at(client, f"/{language}/"), "property")
    with Image.open(finders.find(f"img/share-{language}.png")) as picture:
        assert picture.size == (int(found["og:image:width"]), int(found["og:image:height"]))


def test_a_page_in_one_language_names_no_other(client):
    Program.objects.filter(slug="teacher-exchange").update(published_at_en=None)
    found = at(client, "/zh-hans/programs/teacher-exchange/")
    assert metas(found, "property").keys() == OPEN_GRAPH - {"og:locale:alternate"}
    assert "alternateName" not in node(found, "Service")


@pytest.mark.parametrize("status", [200, 400, 403, 404, 405])
def test_a_page_that_is_not_for_search_engines_says_nothing(client, status):
    Program.objects.filter(slug="teacher-exchange").update(published_at_en=None)
    answers = {
        200: [client.get(Enquiry.objects.create(language="en", organisation="College").get_absolute_url())],
        400: [client.get("/en/", headers={"host": "elsewhere.example"})],
        403: [Client(enforce_csrf_checks=True).post("/admin/language/")],
        404: [client.get("/en/nothing/"), client.get("/en/programs/teacher-exchange/")],
        405: [client.post("/en/programs/")],
    }
    for answer in answers[status]:
        assert answer.status_code == status
        head = answer.content.decode().split("</head>")[0]
        assert '<meta name="robots" content="noindex">' in head
        assert head.count("<title>") == 1
        for said in ("canonical", "hreflang", "description", "og:", "twitter:", "ld+json"):
            assert said not in head
        assert 'class="breadcrumbs"' not in answer.content.decode()


def test_a_refused_form_is_still_the_contact_page(client):
    text = client.post("/en/contact/", {}).content.decode()
    assert "<title>Error: Contact – " in text
    assert '<meta property="og:title" content="Contact">' in text


def test_what_the_department_has_not_filled_in_is_not_there(client):
    department = node(at(client, "/en/"), "EducationalOrganization")
    assert not {"email", "sameAs"} & {*department, *department["contactPoint"]}
    Department.objects.update(postcode="", telephones="")
    department = node(at(client, "/en/"), "EducationalOrganization")
    assert not {"telephone"} & {*department, *department["contactPoint"]}
    assert "postalCode" not in department["address"]


def test_what_the_department_fills_in_is_there(client):
    Department.objects.update(email="office@example.org", website="https://example.org/")
    department = node(at(client, "/en/"), "EducationalOrganization")
    assert department["email"] == department["contactPoint"]["email"] == "office@example.org"
    assert department["sameAs"] == "https://example.org/"
    assert department["telephone"] == ["+86 10 5365 6705", "+86 10 5365 6307", "+86 10 5365 6785"]
    assert department["contactPoint"]["availableLanguage"] == ["zh-Hans", "en"]
    assert department["alternateName"] == ["国际合作与交流部", "International Department", "国际部"]
    assert department["parentOrganization"]["@id"] == node(at(client, "/en/"), "Organization")["@id"]


def test_programs_are_services_and_nothing_else_is(served):
    services = {page.path for page in served for each in graph_of(page) if each["@type"] == "Service"}
    assert services == {
        f"/{language}/programs/{slug}/"
        for language in ("zh-hans", "en")
        for slug in Program.objects.values_list("slug", flat=True)
    }
    for page in served:
        organisations = [each for each in graph_of(page) if each["@type"].endswith("Organization")]
        assert [each["@id"] for each in organisations] == [f"{SITE}/#society", f"{SITE}/#department"], page.path


@pytest.mark.parametrize(
    ("language", "name", "other"), [("en", "Talent pool", "人才库"), ("zh-hans", "人才库", "Talent pool")]
)
def test_the_glossary_is_a_set_of_terms(client, language, name, other):
    terms = node(at(client, f"/{language}/terms/"), "DefinedTermSet")["hasDefinedTerm"]
    assert len(terms) == Term.objects.count() >= 30
    term = Term.objects.get(name_en="Talent pool")
    [found] = [each for each in terms if each["name"] == name]
    assert found["url"] == f"{SITE}/{language}/terms/?term={term.pk}#term-{term.pk}"
    assert found["alternateName"] == other
    assert "description" not in found


def test_a_program_without_an_audience_names_none(client):
    Program.objects.filter(slug="teacher-exchange").update(audience_en="")
    assert "audience" not in node(at(client, "/en/programs/teacher-exchange/"), "Service")


def test_a_resource_is_a_document_with_its_files(client):
    with_file(published(), "zh-hans")
    page = at(client, "/en/resources/sample-standard/")
    graph = graph_of(page)
    types = {each["@id"]: each["@type"] for each in graph}
    assert [fault for each in graph for fault in faults(each, types)] == []
    document = node(page, "DigitalDocument")
    assert page_node(page)["mainEntity"] == {"@id": document["@id"]}
    [media] = document["encoding"]
    assert media["contentUrl"] == f"{SITE}/en/resources/sample-standard/file/zh-hans/"
    assert document["inLanguage"] == ["zh-Hans"]


def test_text_of_staff_stays_text(client):
    Program.objects.filter(slug="credit-recognition").update(title_en=HOSTILE, summary_en=HOSTILE, audience_en=HOSTILE)
    Area.objects.filter(slug="evaluation").update(title_en=HOSTILE)
    Country.objects.filter(slug="japan").update(name_en=HOSTILE)
    page = at(client, "/en/programs/credit-recognition/")
    service = node(page, "Service")
    assert [service["name"], service["description"], service["audience"]["audienceType"]] == [HOSTILE] * 3
    names = [step["name"] for step in node(page, "BreadcrumbList")["itemListElement"]]
    assert names == ["Home", "Programs", HOSTILE]
    assert metas(page, "property")["og:title"] == HOSTILE
    country = at(client, "/en/partners/japan/")
    assert f"{HOSTILE}: " in page_node(country)["description"] == metas(country, "name")["description"]
    for found in (page, country):
        [data] = [script for script in found.all("script") if not script.get("src")]
        assert not found.all("b"), found.path
        assert "\u2028" not in data.text, found.path

"""Structured data: one JSON-LD graph for each page, in the vocabulary of https://schema.org."""

import json

from django import template
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from modeltranslation.utils import build_localized_fieldname

from portal.bilingual.languages import LANGUAGES, html_code, other_language
from portal.bilingual.links import absolute_url
from programs.models import Program, Resource

register = template.Library()

# The schema.org types of pages that have a more specific type than WebPage, by URL name.
PAGE_TYPES = {
    "about": "AboutPage",
    "contact": "ContactPage",
    "centre_list": "CollectionPage",
    "program_list": "CollectionPage",
    "program_overview": "CollectionPage",
    "resource_list": "CollectionPage",
    "country_list": "CollectionPage",
    "term_list": "CollectionPage",
    "page_list": "CollectionPage",
}
# The paths in the node IDs of the Society and the Department; they are the same in both languages.
SOCIETY = "/#society"
DEPARTMENT = "/#department"
# Characters that are not safe in a script element, with their JSON escapes.
ESCAPES = {ord(character): f"\\u{ord(character):04X}" for character in "<>&\u2028\u2029"}


@register.simple_tag
def structured_data(request, department, title, description, breadcrumbs, row=None, terms=(), institutions=()) -> str:
    """
    Returns the JSON-LD of the page at `request`, safe inside a script element.

    `title`, `description` and `breadcrumbs`, a list of (title, path), are the same as a visitor sees. `row` is the
    Published row that the page shows, if any, `terms` are the Terms of a glossary, and `institutions` those that the
    page of a country lists. Every graph contains the Society, the Department and the site, so that all references can
    be resolved within it.
    """
    path = request.path
    page = {
        "@type": PAGE_TYPES.get(request.resolver_match.url_name, "WebPage"),
        **node_id(path),
        "url": absolute_url(path),
        "name": title,
        "description": description,
        "inLanguage": html_code(get_language()),
        "isPartOf": node_id(site_path()),
        "dateModified": row and row.updated_at.isoformat(timespec="seconds"),
    }
    graph = [society_node(department), department_node(department), site_node(department), page]
    if breadcrumbs:
        page["breadcrumb"] = node_id(f"{path}#breadcrumbs")
        graph.append(page["breadcrumb"] | breadcrumbs_node(breadcrumbs))
    if isinstance(row, Program):
        page["mainEntity"] = node_id(f"{path}#program")
        graph.append(page["mainEntity"] | program_node(row))
    if terms:
        page["mainEntity"] = node_id(f"{path}#terms")
        graph.append(page["mainEntity"] | terms_node(title, terms))
    nodes = [institution_node(institution) for institution in institutions]
    page["mentions"] = [{"@id": node["@id"]} for node in nodes]
    graph += nodes
    if isinstance(row, Resource):
        page["mainEntity"] = node_id(f"{path}#document")
        graph.append(page["mainEntity"] | resource_node(row))
    data = filled({"@context": "https://schema.org", "@graph": graph})
    return mark_safe(json.dumps(data, ensure_ascii=False).translate(ESCAPES))  # noqa: S308


def node_id(path):
    """Returns the @id of the node at `path`. By itself it is a reference to the node."""
    return {"@id": absolute_url(path)}


def site_path():
    """Returns the path in the node ID of the portal in the active language."""
    return f"{reverse('home')}#site"


def filled(value):
    """Returns `value`, JSON as Python objects, without the falsy values inside."""
    if isinstance(value, dict):
        return {key: kept for key, inner in value.items() if (kept := filled(inner))}
    if isinstance(value, list):
        return [kept for inner in value if (kept := filled(inner))]
    return value


def in_other_language(department, field):
    return getattr(department, build_localized_fieldname(field, other_language(get_language())))


def society_node(department):
    return {
        "@type": "Organization",
        **node_id(SOCIETY),
        "name": department.society,
        "alternateName": in_other_language(department, "society"),
    }


def department_node(department):
    """Returns the node of the Department. Its service centres are not organisations, so they have no nodes."""
    telephones = [number.international for number in department.telephone_numbers]
    return {
        "@type": "EducationalOrganization",
        **node_id(DEPARTMENT),
        "name": department.name,
        "alternateName": [
            in_other_language(department, "name"),
            department.short_name,
            in_other_language(department, "short_name"),
        ],
        "url": absolute_url(reverse("home")),
        "sameAs": department.website,
        "parentOrganization": node_id(SOCIETY),
        "address": {
            "@type": "PostalAddress",
            "streetAddress": department.address,
            "postalCode": department.postcode,
            "addressCountry": "CN",
        },
        "telephone": telephones,
        "email": department.email,
        "contactPoint": {
            "@type": "ContactPoint",
            "contactType": _("Enquiries"),
            "url": absolute_url(reverse("contact")),
            "telephone": telephones,
            "email": department.email,
            "availableLanguage": [html_code(language) for language in LANGUAGES],
        },
    }


def site_node(department):
    return {
        "@type": "WebSite",
        **node_id(site_path()),
        "url": absolute_url(reverse("home")),
        "name": department.name,
        "alternateName": department.short_name,
        "inLanguage": html_code(get_language()),
        "publisher": node_id(DEPARTMENT),
    }


def breadcrumbs_node(breadcrumbs):
    """Returns the node of `breadcrumbs`, a list of (title, path)."""
    return {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": position, "name": title, "item": absolute_url(path)}
            for position, (title, path) in enumerate(breadcrumbs, start=1)
        ],
    }


def program_node(program):
    """
    Returns the node of a program: a Service of the Department.

    It is not an EducationalOccupationalProgram, because the portal does not know the properties of that type: how long
    a program takes, what it costs, when and how to apply, and what it leads to. It has no areaServed either: its
    countries are where its partners are, not where it is offered.
    """
    return {
        "@type": "Service",
        "url": absolute_url(program.get_absolute_url()),
        "name": program.title,
        "alternateName": program.paired_title,
        "description": program.summary,
        "provider": node_id(DEPARTMENT),
        "audience": program.audience and {"@type": "Audience", "audienceType": program.audience},
    }


def terms_node(title, terms):
    """Returns the node of a glossary, with its Terms inside."""
    return {
        "@type": "DefinedTermSet",
        "name": title,
        "hasDefinedTerm": [
            {
                "@type": "DefinedTerm",
                "url": absolute_url(term.get_absolute_url()),
                "name": term.name,
                "alternateName": term.paired_title,
                "description": term.note,
            }
            for term in terms
        ],
    }


def institution_node(institution):
    """Returns the node of a partner institution. Its other names are words for search, so they are not in it."""
    return {
        "@type": "Organization",
        **node_id(institution.get_absolute_url()),
        "name": institution.name,
        "alternateName": institution.paired_title,
        "url": institution.website,
        "address": institution.city and {"@type": "PostalAddress", "addressLocality": institution.city},
    }


def resource_node(resource):
    """Returns the node of a Resource: a DigitalDocument with its current files, which for_entries() has fetched."""
    file = resource.current_file
    return {
        "@type": "DigitalDocument",
        "url": absolute_url(resource.get_absolute_url()),
        "name": resource.title,
        "alternateName": resource.paired_title,
        "description": resource.summary,
        "genre": resource.get_kind_display(),
        "publisher": node_id(DEPARTMENT),
        "version": file and file.version,
        "dateModified": file and file.dated.isoformat(),
        "inLanguage": [html_code(file.language) for file in resource.current_files],
        "encoding": [media_node(resource, file) for file in resource.current_files],
    }


def media_node(resource, file):
    """Returns the node of a ResourceFile. Its address stays the same when a newer file replaces it."""
    return {
        "@type": "MediaObject",
        "contentUrl": absolute_url(reverse("resource_file_in", args=[resource.slug, file.language])),
        "encodingFormat": file.content_type,
        "contentSize": f"{file.size} B",
        "sha256": file.sha256,
        "inLanguage": html_code(file.language),
    }

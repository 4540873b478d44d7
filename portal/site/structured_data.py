"""What each page says to machines: one JSON-LD graph in the words of https://schema.org."""

import json

from django import template
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from modeltranslation.utils import build_localized_fieldname

from portal.bilingual.languages import html_code, other_language
from portal.bilingual.links import absolute_url
from portal.bilingual.publishing import LANGUAGES
from programs.models import Program

register = template.Library()

# The type of a page, by what urls.py calls it, where schema.org has a closer one than WebPage.
PAGE_TYPES = {
    "about": "AboutPage",
    "contact": "ContactPage",
    "centre_list": "CollectionPage",
    "program_list": "CollectionPage",
    "country_list": "CollectionPage",
}
# Addresses that stand for a thing; the same in both languages.
SOCIETY = "/#society"
DEPARTMENT = "/#department"
# What could end a script element, as JSON may write it.
ESCAPES = {ord(character): f"\\u{ord(character):04X}" for character in "<>&\u2028\u2029"}


@register.simple_tag
def structured_data(request, department, title, description, breadcrumbs, row=None):
    """
    The JSON-LD of the page that answers `request`, safe inside a script element.

    `title`, `description` and `breadcrumbs`, (title, path) pairs, are what a visitor sees too; `row` is the
    Published row that the page shows, if it shows one. The Society, the Department and the site come with
    every page, so that each reference finds its node in the same graph.
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
    data = filled({"@context": "https://schema.org", "@graph": graph})
    return mark_safe(json.dumps(data, ensure_ascii=False).translate(ESCAPES))  # noqa: S308


def node_id(path):
    """What names the node at `path` where it is described, and refers to it everywhere else."""
    return {"@id": absolute_url(path)}


def site_path():
    """What stands for the portal in the language in force."""
    return f"{reverse('home')}#site"


def filled(value):
    """`value`, parsed JSON, without anything that is empty."""
    if isinstance(value, dict):
        return {key: kept for key, inner in value.items() if (kept := filled(inner))}
    if isinstance(value, list):
        return [kept for inner in value if (kept := filled(inner))]
    return value


def in_other_language(department, field):
    """The `field` of `department` in the language that is not in force."""
    return getattr(department, build_localized_fieldname(field, other_language(get_language())))


def society_node(department):
    """The Society, as far as the Department knows it."""
    return {
        "@type": "Organization",
        **node_id(SOCIETY),
        "name": department.society,
        "alternateName": in_other_language(department, "society"),
    }


def department_node(department):
    """The Department. Its service centres are no organisations of their own, so none is described as one."""
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
    """The portal in the language in force."""
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
    """The breadcrumbs of a page, (title, path) pairs."""
    return {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": position, "name": title, "item": absolute_url(path)}
            for position, (title, path) in enumerate(breadcrumbs, start=1)
        ],
    }


def program_node(program):
    """
    A program, as a Service of the Department.

    It is no EducationalOccupationalProgram: none of the facts that one is described by (how long it takes,
    what it costs, when and how one applies, what it leads to) is known of any program. Nor has it an
    areaServed: its countries are where its partners are, not where it is offered.
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

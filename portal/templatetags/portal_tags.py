from django import template
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.translation import get_language, gettext, override
from modeltranslation.utils import build_localized_fieldname

from portal import addresses
from portal.languages import html_code, language_of_path, other_language
from portal.publishing import LANGUAGES

register = template.Library()


@register.simple_tag
def html_lang():
    """The language in force as the lang attribute writes it."""
    return html_code(get_language())


@register.simple_tag
def paired(row, field=None):
    """
    The name of `row` in the other language, small under the large one, marked with its own language.

    Of a Published row it is the heading, and nothing where that side is not published; of another row
    it is `field`.
    """
    language = other_language(get_language())
    name = getattr(row, build_localized_fieldname(field, language)) if field else row.paired_heading
    return format_html('<span class="pair" lang="{}">{}</span>', html_code(language), name) if name else ""


@register.simple_tag
def paired_string(msgid):
    """An interface string in the other language, small under the large one, marked with its own language."""
    language = other_language(get_language())
    with override(language):
        return format_html('<span class="pair" lang="{}">{}</span>', html_code(language), gettext(msgid))


@register.filter
def richtext(value):
    """The HTML of a RichTextField, which is cleaned whenever it is saved."""
    return mark_safe(value or "")  # noqa: S308


@register.simple_tag
def telephone(number):
    """A link to a Telephone."""
    return format_html('<a class="telephone" href="{}">{}</a>', number.uri, number)


@register.inclusion_tag("includes/page_links.html", takes_context=True)
def page_links(context, page=None):
    """Canonical address and hreflang set of the request's page; of `page`, a Published row, where it shows one."""
    path = context["request"].path
    languages = page.published_languages() if page else LANGUAGES
    versions = addresses.alternates(path, languages)
    return {
        "canonical": addresses.absolute_url(path),
        "alternates": {code if code == "x-default" else html_code(code): url for code, url in versions.items()},
    }


@register.inclusion_tag("includes/page_code.html", takes_context=True)
def page_code(context):
    """The address of the request's page, and its QR code."""
    url = addresses.absolute_url(context["request"].path)
    return {"url": url, "code": mark_safe(addresses.qr_code(url))}  # noqa: S308


@register.simple_tag(takes_context=True)
def same_page_in(context, language):
    """The address in `language` of the page that is being read, with its query; home where it has none."""
    request = context["request"]
    if language_of_path(request.path) is None:
        return f"/{language}/"
    query = request.META.get("QUERY_STRING", "") if request.method == "GET" else ""
    return addresses.in_language(request.path, language) + (f"?{query}" if query else "")


@register.simple_tag(takes_context=True)
def current(context, address):
    """The aria-current attribute of a link in the navigation: the page itself, or a page below it."""
    path = context["request"].path
    if path == address:
        return mark_safe(' aria-current="page"')
    return mark_safe(' aria-current="true"') if path.startswith(address) else ""

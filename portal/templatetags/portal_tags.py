from html import unescape

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeData, mark_safe
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from modeltranslation.utils import build_localized_fieldname

from portal import addresses
from portal.languages import html_code, language_of_path, other_language
from portal.publishing import LANGUAGES
from portal.richtext import with_scrolling_tables
from portal.structured_data import structured_data

register = template.Library()

OPEN_GRAPH_LOCALES = {"zh-hans": "zh_CN", "en": "en_GB"}


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
        return format_html('<span class="pair" lang="{}">{}</span>', html_code(language), _(msgid))


@register.filter
def richtext(value):
    """The HTML of a RichTextField, which is cleaned whenever it is saved; its tables scroll by themselves."""
    return mark_safe(with_scrolling_tables(value or ""))  # noqa: S308


@register.simple_tag
def telephone(number):
    """A link to a Telephone."""
    return format_html('<a class="telephone" href="{}">{}</a>', number.uri, number)


@register.inclusion_tag("includes/head.html", takes_context=True)
def head(context, title, description="", row=None, section="", address="", site="", prefix=""):
    """
    The title of a page, its description, and all that follows from them in its head; and, where
    `breadcrumbs` stands, its breadcrumbs.

    `row` is the Published row that the page shows, if it shows one: its languages are the page's. In the
    breadcrumbs `section`, at `address`, stands between home and the page. `site` follows the title in place
    of the Department's name; `prefix` stands before it, but is no part of what the page is called elsewhere.
    A page without a description is none for search engines: it gets neither address nor breadcrumbs.
    """
    title, description, section = plain_text(title), plain_text(description), plain_text(section)
    request, department = context["request"], context["department"]
    shown = {"title": title, "prefix": prefix, "site": site or department.name}
    if not description:
        return shown
    home, path, language = reverse("home"), request.path, get_language()
    trail = []
    if path != home:
        trail = [(_("Home"), home), *([(section, address)] if section else []), (title, path)]
    context.render_context["breadcrumbs"] = trail
    languages = row.published_languages() if row else LANGUAGES
    versions = addresses.alternates(path, languages)
    return shown | {
        "description": description,
        "department": department,
        "canonical": addresses.absolute_url(path),
        "alternates": {code if code == "x-default" else html_code(code): url for code, url in versions.items()},
        "locale": OPEN_GRAPH_LOCALES[language],
        "other_locales": [OPEN_GRAPH_LOCALES[code] for code in languages if code != language],
        "image": addresses.absolute_url(static(f"img/share-{language}.png")),
        "structured_data": structured_data(request, department, title, description, trail, row),
    }


@register.inclusion_tag("includes/page_code.html", takes_context=True)
def page_code(context):
    """The address of the request's page, without its query, and its QR code."""
    url = addresses.absolute_url(context["request"].path)
    return {"url": url, "code": mark_safe(addresses.qr_code(url))}  # noqa: S308


def plain_text(value):
    """`value` as text: blocktranslate has escaped what it gives to a variable, and JSON wants it as it was."""
    return unescape(value) if isinstance(value, SafeData) else value


@register.inclusion_tag("includes/breadcrumbs.html", takes_context=True)
def breadcrumbs(context):
    """The way from home to the page, as its `head` has it."""
    return {"breadcrumbs": context.render_context.get("breadcrumbs")}


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

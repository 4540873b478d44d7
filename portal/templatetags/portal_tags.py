import re
from html import unescape

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeData, mark_safe
from django.utils.translation import get_language, gettext_lazy, override
from django.utils.translation import gettext as _
from modeltranslation.utils import build_localized_fieldname

from portal.bilingual import freshness, links, parity
from portal.bilingual.languages import LANGUAGE_NAMES, LANGUAGES, html_code, language_of_path, other_language
from portal.bilingual.richtext import with_scrolling_tables

register = template.Library()

# The service centres that a page names as those to ask, at most.
CENTRES_THAT_ANSWER = 12

# In characters, of a page of a list or a kind of result that an address asks for in vain.
MAX_SHOWN = 50
# The pages between the home page and another page in the breadcrumbs, by URL name.
SECTIONS = {
    "program_list": gettext_lazy("Programs"),
    "resource_list": gettext_lazy("Resources"),
    "centre_list": gettext_lazy("Service centres"),
    "country_list": gettext_lazy("Partner countries and regions"),
    "contact": gettext_lazy("Contact"),
}
# Years with a dash, a number with its counter, a name with its title.
KEPT_TOGETHER = re.compile(
    r"(?<!\d)\d{1,4}[\u2013\u2014]\d{1,4}[\u4e00-\u9fff]?"
    r"|(?<!\d)\d{1,4}[\u4e00-\u9fff]"
    r"|[A-Z][a-z]+ [\u4e00-\u9fff]{2}"
    r"|(?:Mr|Mrs|Ms|Dr|Prof)\.? [A-Z]\w+"
    r"|No\. \d+"
)
TAG = re.compile(r"""(<(?:[^>"']|"[^"]*"|'[^']*')*>)""")
OPEN_GRAPH_LOCALES = {"zh-hans": "zh_CN", "en": "en_GB"}


@register.simple_tag
def html_lang():
    """Returns the active language as the lang attribute writes it."""
    return html_code(get_language())


@register.simple_tag
def paired(row, field=None):
    """Returns `field`, or else the `paired_title`, of `row` in the other language, in a span with its lang."""
    language = other_language(get_language())
    name = getattr(row, build_localized_fieldname(field, language)) if field else row.paired_title
    return format_html('<span class="pair" lang="{}">{}</span>', html_code(language), name) if name else ""


@register.simple_tag
def paired_string(text):
    """Returns the lazy string `text` in the other language, in a span with the lang attribute."""
    language = other_language(get_language())
    with override(language):
        return format_html('<span class="pair" lang="{}">{}</span>', html_code(language), text)


@register.inclusion_tag("includes/section_head.html")
def section_head(id, title, url_name=""):
    """Renders the lazy string `title` as a section heading in both languages. With `url_name` it is a link."""
    return {"id": id, "title": title, "url": url_name and reverse(url_name)}


@register.filter
def richtext(value):
    """Returns the HTML of a RichTextField, with scrolling tables. It is safe, because it is sanitised when saved."""
    return keep_together(mark_safe(with_scrolling_tables(value or "")))  # noqa: S308


@register.filter
def keep_together(value):
    """Returns a text or safe HTML with each of KEPT_TOGETHER in a span in which no line breaks."""
    parts = TAG.split(conditional_escape(value or ""))
    parts[::2] = (KEPT_TOGETHER.sub(r'<span class="kept-together">\g<0></span>', text) for text in parts[::2])
    return mark_safe("".join(parts))  # noqa: S308


@register.simple_tag
def telephone(number):
    return format_html('<a class="telephone" href="{}">{}</a>', number.uri, number)


@register.inclusion_tag("includes/who_answers.html", takes_context=True)
def who_answers(context, centres=(), telephone_numbers=(), about=""):
    """
    Renders whom to ask about the subject of a page: `centres`, contact persons, telephone numbers, the enquiry form.
    Of many centres it names the first ones.

    The `telephone_numbers` are by default those of the centres. The department's stand in for a centre without any.
    `about` is the query that tells the form its subject, such as "program=teacher-exchange".
    """
    department, listed = context["department"], list(centres)
    centres = listed[:CENTRES_THAT_ANSWER]
    at_centres = [number for centre in centres for number in centre.telephone_numbers or department.telephone_numbers]
    return {
        "department": department,
        "centres": centres,
        "are_more": len(listed) > len(centres),
        "telephone_numbers": dict.fromkeys(telephone_numbers or at_centres or department.telephone_numbers),
        "about": about,
    }


@register.inclusion_tag("includes/head.html", takes_context=True)
def head(context, title="", description="", row=None, section="", terms=(), institutions=(), page=None):
    """
    Renders the title and the metadata of a page. Builds what `{% breadcrumbs %}` and `{% last_changed %}` show.

    `row` is the Published row that the page shows, if any. It provides the title, the languages of the page and, if
    `description` is empty, the description. `section` is the URL name of the page above, a key of SECTIONS. A page
    without a description gets "noindex" and has no breadcrumbs. With `has_errors` the title begins with "Error: ".
    `terms` are those of a glossary, `institutions` those that the page of a country lists. `page` is the page of a
    Paginator that is shown: from the second on, the title has its number, and the canonical address leads to it.
    """
    request, department = context["request"], context["department"]
    title, description = plain_text(title), plain_text(description)
    if row:
        title, description = row.display_title, description or row.summary
    home, path, language = reverse("home"), request.path, get_language()
    shown = {
        "title": title,
        "prefix": _("Error: ") if context.get("has_errors") else "",
        "site": department.society if path == home else department.name,
        "is_demo": context["is_demo"],
    }
    if not description:
        return shown
    trail = []
    if path != home:
        above = [(str(SECTIONS[section]), reverse(section))] if section else []
        trail = [(_("Home"), home), *above, (title, path)]
    context.render_context["breadcrumbs"] = trail
    context.render_context["row"] = row
    languages = row.published_languages() if row else LANGUAGES
    versions, canonical = links.alternates(path, languages), links.absolute_url(path)
    if page is not None and page.number > 1:
        # The other language may list other rows on a page of this number.
        versions, canonical = {}, f"{canonical}?page={page.number}"
        shown["title"] = _("{title}, page {number}").format(title=title, number=page.number)
    return shown | {
        "description": description,
        "department": department,
        "canonical": canonical,
        "alternates": {code if code == "x-default" else html_code(code): url for code, url in versions.items()},
        "locale": OPEN_GRAPH_LOCALES[language],
        "other_locales": [OPEN_GRAPH_LOCALES[code] for code in languages if code != language],
        "image": links.absolute_url(static(f"img/share-{language}.png")),
        "request": request,
        "row": row,
        "terms": terms,
        "institutions": institutions,
        "breadcrumbs": trail,
    }


@register.inclusion_tag("includes/page_code.html", takes_context=True)
def page_code(context, query=""):
    """Renders the absolute URL of the current page and its QR code. Of its query the URL has `query` alone."""
    url = links.absolute_url(context["request"].path) + query
    return {"url_parts": re.findall("[^/]*/+|[^/]+$", url), "code": mark_safe(links.qr_code(url))}  # noqa: S308


@register.inclusion_tag("includes/unknown_page.html", takes_context=True)
def unknown_page(context, page, parameter=""):
    """
    Says, if the address asks for a page of a list that is not there, that `page` of a Paginator is shown instead.

    If `parameter` of the address names a row by its key, `page` is the one with that row. Says so if it has none.
    """
    query = context["request"].GET
    asked, row = query.get("page", ""), query.get(parameter, "") if parameter else ""
    is_there = not asked or asked in map(str, page.paginator.page_range)
    return {
        "asked": "" if is_there else asked[:MAX_SHOWN],
        "number": page.number,
        "lacks_row": bool(row) and row not in {str(entry.pk) for entry in page},
    }


def plain_text(value) -> str:
    """Returns `value` without HTML escapes: blocktranslate escapes the text it assigns, but JSON needs plain text."""
    text = str(value)
    return unescape(text) if isinstance(text, SafeData) else text


@register.inclusion_tag("includes/breadcrumbs.html", takes_context=True)
def breadcrumbs(context):
    """Renders the breadcrumbs that `{% head %}` has built."""
    return {"breadcrumbs": context.render_context.get("breadcrumbs")}


@register.inclusion_tag("includes/last_changed.html", takes_context=True)
def last_changed(context):
    """
    Renders the date of the last change of the row that `{% head %}` was given, if any.

    If the department wishes, it says when the page was checked, and that the other language has changed since both were
    confirmed.
    """
    row, language, department = context.render_context.get("row"), get_language(), context["department"]
    is_out_of_step = row and department.says_out_of_step and parity.is_out_of_step(row, language)
    return {
        "row": row,
        "checked_on": freshness.checked_on(row) if row and department.says_checked else None,
        "other": LANGUAGE_NAMES[other_language(language)] if is_out_of_step else "",
    }


@register.simple_tag(takes_context=True)
def same_page_in(context, language):
    """Returns the path of the current page in `language`, with its query, or of the home page if it has no language."""
    request = context["request"]
    if language_of_path(request.path) is None:
        return f"/{language}/"
    query = request.META.get("QUERY_STRING", "") if request.method == "GET" else ""
    return links.in_language(request.path, language) + (f"?{query}" if query else "")


@register.simple_tag(takes_context=True)
def current(context, address):
    """Returns aria-current for a link to `address`: "page" on that page, "true" on a page below, else nothing."""
    path = context["request"].path
    if path == address:
        return mark_safe(' aria-current="page"')
    return mark_safe(' aria-current="true"') if path.startswith(address) else ""

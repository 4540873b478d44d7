"""The guide for staff: the Markdown files below docs/guide/, in the admin and in the language of the reader."""

from itertools import pairwise

from django.conf import settings
from django.contrib import admin
from django.http import Http404
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt

FOLDER = settings.BASE_DIR / "docs/guide"
# The page of each role. Both translators share one.
PAGES = {
    "writer": "writer",
    "translator_zh_hans": "translator",
    "translator_en": "translator",
    "publisher": "publisher",
    "enquiry_desk": "enquiry-desk",
    "head_of_desk": "head-of-desk",
    "administrator": "administrator",
}
INDEX = "index"
# As GitHub reads the files, but for raw HTML, which is shown as text.
MARKDOWN = MarkdownIt("commonmark", {"html": False})


def read(name: str, language: str) -> list:
    """Returns the tokens of a page, which begin with its title. Its links and pictures lead to places in the admin."""
    tokens = MARKDOWN.parse((FOLDER / language / f"{name}.md").read_text())
    for token in tokens:
        for part in token.children or ():
            if part.type == "link_open":
                part.attrs["href"] = address_of(part.attrs["href"])
            elif part.type == "image":
                part.attrs["src"] = static(part.attrs["src"].replace("../pictures/", "guide/"))
    return tokens


def address_of(link: str) -> str:
    """Returns the address in the admin to which the `link` of a file leads: other.md, or one without a host."""
    name = link.removesuffix(".md")
    if name == link:
        return link
    return reverse("guide") if name == INDEX else reverse("guide_page", args=[name])


def title_of(name: str, language: str) -> str:
    with (FOLDER / language / f"{name}.md").open() as file:
        return file.readline().removeprefix("# ").strip()


def sections_of(tokens) -> list:
    """Gives the headings below the title in `tokens` ids. Returns the id and the text of each."""
    found = []
    for opening, text in pairwise(tokens):
        if opening.type == "heading_open" and opening.tag == "h2":
            opening.attrs["id"] = f"section-{len(found) + 1}"
            found.append((opening.attrs["id"], text.content))
    return found


@require_safe
def guide(request, name=INDEX):
    """Shows a page of the guide. All staff may read all of them."""
    if name not in (INDEX, *PAGES.values()):
        raise Http404
    language = get_language()
    _opening, title, _closing, *tokens = read(name, language)
    context = {
        **admin.site.each_context(request),
        "title": title.content,
        "sections": sections_of(tokens),
        "text": MARKDOWN.renderer.render(tokens, MARKDOWN.options, {}),
        "pages": [
            (address_of(f"{each}.md"), title_of(each, language), each == name)
            for each in dict.fromkeys([INDEX, *PAGES.values()])
        ],
    }
    return render(request, "admin/guide.html", context)


@require_safe
def own_guide(request):
    """Leads to the page of the reader's role, or to the first one if the reader has none or several."""
    found = {PAGES[group.name] for group in request.user.groups.filter(name__in=PAGES)}
    if request.user.is_superuser:
        found.add(PAGES["administrator"])
    return redirect(address_of(f"{found.pop() if len(found) == 1 else INDEX}.md"))

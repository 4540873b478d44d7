from django.core.paginator import Paginator
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_safe

from partners.compass import Compass
from partners.models import INSTITUTIONS_LISTED, RESOURCES_LISTED, Country
from portal.bilingual.publishing import ENTRIES_LISTED
from portal.bilingual.side_by_side import render_detail
from portal.models import Centre

# The programs that are named with each institution, at most.
PROGRAMS_OF_INSTITUTION = 6
# The service centres that the first paragraph names, at most. The section about who answers names all.
CENTRES_NAMED = 3


@require_safe
def country_list(request):
    return render(request, "partners/country_list.html", {"compass": Compass(Country.objects.published())})


@require_safe
def country_detail(request, slug):
    """
    Shows what can be done with partners in a country, who answers, and then its institutions and resources.

    A section with no rows is left out. Only if all three have none, that of the programs says so and leads on.
    """
    country = Country.objects.get_published(slug)
    context = {
        "country": country,
        "programs": country.published_rows("programs").beginning(ENTRIES_LISTED),
        # The pair view shows neither the institutions nor the centres.
        "institutions": SimpleLazyObject(lambda: page_of_institutions(country, request.GET)),
        "resources": country.published_rows("resources").beginning(RESOURCES_LISTED),
        "centres": SimpleLazyObject(lambda: list(Centre.objects.published().of_programs(country.programs))),
        "centres_named": CENTRES_NAMED,
        "compass": Compass([country]),
    }
    return render_detail(request, "partners/country_detail.html", country, context)


def page_of_institutions(country, query):
    """Returns the page of the published institutions of `country` that `query` asks for by number or institution."""
    institutions = country.institutions.published()
    number = query.get("page")
    if asked := query.get("institution"):
        keys = map(str, institutions.values_list("pk", flat=True))
        number = next((place // INSTITUTIONS_LISTED + 1 for place, key in enumerate(keys) if key == asked), number)
    page = Paginator(institutions, INSTITUTIONS_LISTED).get_page(number)
    page.object_list = page.object_list.with_beginnings("programs", PROGRAMS_OF_INSTITUTION)
    return page

from django.shortcuts import render
from django.views.decorators.http import require_safe

from partners.compass import Compass
from partners.models import RESOURCES_LISTED, Country
from portal.bilingual.side_by_side import render_detail
from portal.models import Centre


@require_safe
def country_list(request):
    return render(request, "partners/country_list.html", {"compass": Compass(Country.objects.published())})


@require_safe
def country_detail(request, slug):
    country = Country.objects.for_detail().get_published(slug=slug)
    centres = Centre.objects.published().filter(programs__in=country.published_programs).distinct()
    context = {
        "country": country,
        "centres": centres,
        "compass": Compass([country]),
        "resources_listed": RESOURCES_LISTED,
    }
    return render_detail(request, "partners/country_detail.html", country, context)

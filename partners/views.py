from django.db.models import Prefetch
from django.shortcuts import render
from django.views.decorators.http import require_safe

from partners.compass import Compass
from partners.models import Country, Institution
from portal.pairview import render_detail
from programs.models import Program


@require_safe
def country_list(request):
    return render(request, "partners/country_list.html", {"compass": Compass(Country.objects.published())})


@require_safe
def country_detail(request, slug):
    countries = Country.objects.prefetch_related(
        Program.objects.as_prefetch(),
        Prefetch("institutions", Institution.objects.published(), to_attr="published_institutions"),
    )
    country = countries.get_published(slug=slug)
    context = {"country": country, "compass": Compass([country])}
    return render_detail(request, "partners/country_detail.html", country, context)

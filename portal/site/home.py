from django.shortcuts import render
from django.views.decorators.http import require_safe

from partners.compass import Compass
from partners.models import Country
from portal.models import Centre
from programs.models import Area, Program


@require_safe
def home(request):
    countries = Country.objects.published()
    return render(
        request,
        "portal/home.html",
        {
            "areas": Area.objects.published().with_published("programs"),
            "centres": Centre.objects.published(),
            "leading_programs": Program.objects.published().filter(area=None),
            "countries": countries,
            "compass": Compass(countries),
        },
    )

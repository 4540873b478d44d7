from django.shortcuts import render
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_safe

from partners.compass import Compass
from partners.models import Country
from portal.models import Centre
from programs.models import Area, Program

# How many of each the page shows at most. With one more it leads to all of them.
AREAS, PROGRAMS_OF_AREA, LEADING_PROGRAMS = 12, 8, 4
CENTRES, COUNTRIES = 12, 24


@require_safe
def home(request):
    # The template makes its content once for each content version, and reads no rows otherwise.
    countries = SimpleLazyObject(lambda: Country.objects.published().beginning(COUNTRIES))
    return render(
        request,
        "portal/home.html",
        {
            "areas": SimpleLazyObject(
                lambda: Area.objects.published()[: AREAS + 1].with_beginnings("programs", PROGRAMS_OF_AREA)
            ),
            "areas_shown": AREAS,
            "centres": SimpleLazyObject(lambda: Centre.objects.published().beginning(CENTRES)),
            "leading_programs": SimpleLazyObject(
                lambda: Program.objects.published().of("area", None).beginning(LEADING_PROGRAMS)
            ),
            "countries": countries,
            "compass": Compass(countries),
        },
    )

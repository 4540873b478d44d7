from urllib.parse import urlencode

from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from partners.models import INSTITUTIONS_LISTED, RESOURCES_LISTED
from portal.bilingual.links import absolute_url
from portal.bilingual.publishing import ENTRIES_LISTED, MAX_COUNTED
from portal.bilingual.side_by_side import render_detail
from portal.models import Centre
from programs.checklist import Checklist
from programs.forms import FinderForm, ResourceFilterForm
from programs.models import Area, Partners, Program, Resource

PROGRAMS_A_PAGE = 50
RESOURCES_A_PAGE = 50
RELATED_PROGRAMS = 6
OTHER_AREAS = 12
PROGRAMS_OF_RESOURCE = 50
# So many programs of each type fit on two printed leaves, if there are few types.
AREAS_IN_OVERVIEW, PROGRAMS_IN_OVERVIEW = 12, 8


@require_safe
def program_list(request):
    finder = FinderForm(request.GET, request.content_version)
    programs = Program.objects.published().for_list()
    found = finder.programs_in(programs)
    page = programs.page_of(found.keys, PROGRAMS_A_PAGE, request.GET.get("page"))
    untied = set(found.untied)
    context = {
        "finder": finder,
        "found": found,
        "page": page,
        "tied": [program for program in page if program.pk not in untied],
        "untied": [program for program in page if program.pk in untied],
    }
    return render(request, "programs/program_list.html", context)


@require_safe
def program_overview(request):
    # The template makes its content once for each content version, and reads no rows otherwise.
    return render(request, "programs/program_overview.html", {"overview": SimpleLazyObject(overview)})


def overview() -> dict:
    """Returns what the overview shows: pairs of an area, or None, and its programs; when they changed; if it is cut."""
    programs = Program.objects.published().for_list()
    areas = Area.objects.published()[: AREAS_IN_OVERVIEW + 1]
    areas = areas.with_beginnings("programs", PROGRAMS_IN_OVERVIEW, programs)
    types = [(None, programs.of("area", None).beginning(PROGRAMS_IN_OVERVIEW))]
    types += [(area, area.published_programs) for area in areas[:AREAS_IN_OVERVIEW]]
    types = [(area, listed) for area, listed in types if listed]
    rows = [row for area, listed in types for row in (area, *listed) if row]
    rows += [centre for _area, listed in types for program in listed for centre in program.published_centres]
    return {
        "types": types,
        "changed_at": max((row.updated_at for row in rows), default=None),
        "is_cut": len(areas) > AREAS_IN_OVERVIEW or any(listed.has_more for _area, listed in types),
    }


@require_safe
def area_detail(request, slug):
    area = Area.objects.get_published(slug)
    context = {
        "area": area,
        "programs": area.published_rows("programs").beginning(ENTRIES_LISTED),
        "others": Area.objects.published().exclude(pk=area.pk)[:OTHER_AREAS],
    }
    return render_detail(request, "programs/area_detail.html", area, context)


@require_safe
def program_detail(request, slug):
    program = Program.objects.for_detail().get_published(slug)
    institutions = program.institutions.published().order_by("country__sort_order", "country", "sort_order", "pk")
    related = Program.objects.published().related_to(program)[:RELATED_PROGRAMS]
    checklist = Checklist(program, request.GET.getlist("have"))
    context = {
        "program": program,
        # The pair view does not show them.
        "partners": SimpleLazyObject(
            lambda: Partners(program.published_countries, institutions.beginning(INSTITUTIONS_LISTED))
        ),
        "related": related,
        "checklist": checklist,
        "resources": SimpleLazyObject(lambda: program.resources.published().for_entries().beginning(RESOURCES_LISTED)),
    }
    return render_detail(request, "programs/program_detail.html", program, context)


@require_safe
def resource_list(request):
    filters = ResourceFilterForm(request.GET)
    resources = filters.resources_in(Resource.objects.published().for_entries())
    keys = list(resources.values_list("pk", flat=True)[: MAX_COUNTED + 1])
    page = resources.page_of(keys[:MAX_COUNTED], RESOURCES_A_PAGE, request.GET.get("page"))
    context = {
        "filters": filters,
        "resources": page,
        "is_cut": len(keys) > MAX_COUNTED,
    }
    return render(request, "programs/resource_list.html", context)


@require_safe
def resource_detail(request, slug):
    resource = Resource.objects.for_detail().get_published(slug)
    programs = resource.programs.published().beginning(PROGRAMS_OF_RESOURCE)
    context = {
        "resource": resource,
        "programs": programs,
        "centres": Centre.objects.published().of_programs(resource.programs),
        "address": absolute_url(resource.get_absolute_url()),
        "address_of_file": absolute_url(reverse("resource_file", args=[resource.slug])),
        "about": query_about(resource, programs),
    }
    return render_detail(request, "programs/resource_detail.html", resource, context)


def query_about(resource, programs) -> str:
    """Returns the query with which the enquiry form opens to ask about `resource`, a document of `programs`."""
    query = {"message": _("About the document “%(title)s”: ") % {"title": resource.title}}
    if programs:
        query["program"] = programs[0].slug
    return urlencode(query)

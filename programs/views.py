from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from partners.models import RESOURCES_LISTED
from portal.bilingual.links import absolute_url
from portal.bilingual.side_by_side import render_detail
from portal.models import Centre
from programs.checklist import Checklist
from programs.forms import FinderForm, ResourceFilterForm
from programs.models import Area, Program, Resource

PROGRAMS_A_PAGE = 50
RESOURCES_A_PAGE = 50
RELATED_PROGRAMS = 6


@require_safe
def program_list(request):
    finder = FinderForm(request.GET, request.content_version)
    programs = finder.programs_in(Program.objects.published().for_list())
    paginator = Paginator(programs, PROGRAMS_A_PAGE)
    if finder.chosen_country:
        tied = Count("pk", filter=Q(is_tied=True))
        # The paginator would count all of them with a query of its own.
        tied, paginator.count = programs.aggregate(tied=tied, all=Count("pk")).values()
    else:
        tied = paginator.count
    page = paginator.get_page(request.GET.get("page"))
    counts = {"tied": tied, "untied": paginator.count - tied}
    return render(request, "programs/program_list.html", {"finder": finder, "programs": page, "counts": counts})


@require_safe
def program_overview(request):
    programs = Program.objects.published().for_overview()
    rows = [row for program in programs for row in (program, program.area, *program.published_centres) if row]
    changed_at = max((row.updated_at for row in rows), default=None)
    return render(request, "programs/program_overview.html", {"programs": programs, "changed_at": changed_at})


@require_safe
def area_detail(request, slug):
    area = Area.objects.with_published("programs").get_published(slug=slug)
    others = Area.objects.published().exclude(pk=area.pk)
    return render_detail(request, "programs/area_detail.html", area, {"area": area, "others": others})


@require_safe
def program_detail(request, slug):
    program = Program.objects.for_detail().get_published(slug=slug)
    related = Program.objects.published().related_to(program)[:RELATED_PROGRAMS]
    checklist = Checklist(program, request.GET.getlist("have"))
    context = {
        "program": program,
        "related": related,
        "checklist": checklist,
        "resources_listed": RESOURCES_LISTED,
    }
    return render_detail(request, "programs/program_detail.html", program, context)


@require_safe
def resource_list(request):
    filters = ResourceFilterForm(request.GET)
    resources = filters.resources_in(Resource.objects.published().for_entries())
    asked_page = request.GET.get("page", "1")
    page = Paginator(resources, RESOURCES_A_PAGE).get_page(asked_page)
    unknown_page = "" if asked_page == str(page.number) else asked_page
    context = {"filters": filters, "resources": page, "unknown_page": unknown_page}
    return render(request, "programs/resource_list.html", context)


@require_safe
def resource_detail(request, slug):
    resource = Resource.objects.for_detail().get_published(slug=slug)
    centres = Centre.objects.published().filter(programs__in=resource.published_programs).distinct()
    context = {
        "resource": resource,
        "centres": centres,
        "address": absolute_url(resource.get_absolute_url()),
        "address_of_file": absolute_url(reverse("resource_file", args=[resource.slug])),
        "about": query_about(resource),
    }
    return render_detail(request, "programs/resource_detail.html", resource, context)


def query_about(resource) -> str:
    """Returns the query with which the enquiry form opens for a question about `resource`."""
    query = {"message": _("About the document “%(title)s”: ") % {"title": resource.title}}
    if resource.published_programs:
        query["program"] = resource.published_programs[0].slug
    return urlencode(query)

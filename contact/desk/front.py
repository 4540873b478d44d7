"""
The front of the admin: what waits for a member of staff, by what their rights let them do.

The daily report has the same numbers from the same function, waiting(). Each number is that of the list at its address.
"""

from datetime import datetime, time
from typing import NamedTuple

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db.models import Case, Count, Q, When
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from contact.desk.queues import QUEUES, numbers
from contact.models import can_view_enquiries
from portal.bilingual import freshness, parity
from portal.bilingual.drafts.models import Draft, ScheduledPublication
from portal.bilingual.drafts.models import waiting as draft_waits
from portal.bilingual.drafts.rights import is_translator, may_publish
from portal.bilingual.editing import BilingualAdmin
from portal.bilingual.history.models import Action, Change
from portal.bilingual.languages import LANGUAGE_NAMES
from portal.bilingual.parity.table import address_of
from portal.bilingual.publishing import Published

# How many of what goes live, and of what colleagues have changed today, the front names. Each kind of page among the
# former takes a query.
PLANNED_NAMED, CHANGES_NAMED = 5, 10
# Of more changes than the front names, these come first: a colleague has taken something away, or brought it back.
NAMED_FIRST = [Action.WITHDRAWN, Action.RESTORED, Action.DELETED, Action.BROUGHT_BACK]

DRAFTS = {
    "refused": gettext_lazy("Could not be published"),
    "scheduled": gettext_lazy("Scheduled to be published"),
    "any": gettext_lazy("Drafts that are not public yet"),
}
TEXTS = {
    ("zh-hans", parity.State.OUT_OF_STEP): gettext_lazy("Chinese texts out of step"),
    ("en", parity.State.OUT_OF_STEP): gettext_lazy("English texts out of step"),
    ("zh-hans", parity.State.MISSING): gettext_lazy("Chinese texts missing"),
    ("en", parity.State.MISSING): gettext_lazy("English texts missing"),
}

# What the lists are for, and the models that have them.
PURPOSES = [
    (
        gettext_lazy("Enquiries"),
        gettext_lazy("What colleges ask, and what we answer."),
        ["contact.enquiry", "contact.answertemplate", "contact.event"],
    ),
    (
        gettext_lazy("Programs and documents"),
        gettext_lazy("What we offer, and the documents that go with it."),
        ["programs.area", "programs.program", "programs.certificate", "programs.industry", "programs.resource"],
    ),
    (
        gettext_lazy("Partners"),
        gettext_lazy("The countries, regions and institutions that we work with."),
        ["partners.country", "partners.institution"],
    ),
    (
        gettext_lazy("The department"),
        gettext_lazy("Who we are, how to reach us, and our official terms."),
        ["portal.department", "portal.centre", "portal.page", "portal.term"],
    ),
    (
        gettext_lazy("Accounts and logs"),
        gettext_lazy("Who may do what, and what was done."),
        ["portal.user", "auth.group", "portal.change", "portal.accountevent"],
    ),
]


class Item(NamedTuple):
    """How many of one kind wait, and the address of the list that shows exactly these."""

    name: str
    number: int
    address: str

    @property
    def words(self) -> str:
        return _("{label}: {value}").format(label=self.name, value=self.number)


class Group(NamedTuple):
    """Items with a heading."""

    name: str
    items: list[Item]


def waiting(request) -> list[Group]:
    """
    Returns what waits for the user of `request`, in the active language. The enquiries come first, also if none wait.

    For an unsaved superuser it returns what waits for all staff, without what waits for one person alone.
    """
    groups = [*reviews(request), *drafts(request), *texts(request)]
    return [*enquiries(request.user), *(group for group in groups if group.items)]


def enquiries(user):
    if can_view_enquiries(user):
        address = reverse("admin:contact_enquiry_changelist")
        items = [Item(QUEUES[name], number, f"{address}?queue={name}") for name, number in numbers(user).items()]
        yield Group(_("Enquiries"), items)


def reviews(request):
    """Yields the pages that are to be looked at again: those for which the user is responsible, and all of them."""
    kinds = kinds_of(lambda page: page.is_reviewed and page.has_view_or_change_permission(request))
    due = freshness.Review.objects.due().filter(content_type__in=kinds).order_by().values("content_type")
    found = list(due.annotate(due=Count("pk"), mine=Count("pk", filter=Q(responsible=request.user.pk))))
    if request.user.pk:
        yield Group(_("Due for review, yours"), items_of(kinds, found, "mine", "?review=mine"))
    if may_publish(request.user):
        yield Group(_("Due for review"), items_of(kinds, found, "due", "?review=due"))


def drafts(request):
    """Yields the drafts of pages that the user writes or translates."""
    writes = any(is_writer(request, page) or page.has_add_permission(request) for page in pages().values())
    # To a translator, a schedule says nothing.
    names = DRAFTS if writes else {"any": DRAFTS["any"]}
    kinds = kinds_of(lambda page: page.languages_typed(request) or page.has_add_permission(request))
    counts = {name: Count("pk", filter=draft_waits(name)) for name in names}
    translated = kinds_of(lambda page: is_translator(page.languages_typed(request)))
    drafts = Draft.objects.filter(of_writer(request) | Q(content_type__in=translated))
    found = list(drafts.order_by().values("content_type").annotate(**counts))
    for value, name in names.items():
        yield Group(str(name), items_of(kinds, found, value, f"?draft={value}"))


def texts(request):
    """Yields what is out of step, or missing, in the languages that the user writes, on new pages too."""
    found = parity.counts(request)
    typed = {model: page.languages_typed(request) for model, page in pages().items()}
    for (language, state), name in TEXTS.items():
        items = [
            Item(name_of(model), number.rows, address_of(model, language, state))
            for (model, of_language, of_state), number in found.items()
            if (of_language, of_state) == (language, state) and language in typed[model]
        ]
        yield Group(str(name), sorted(items))


def pages() -> dict:
    """Returns the admins of pages of content by their models."""
    return {model: page for model, page in admin.site._registry.items() if isinstance(page, BilingualAdmin)}


def kinds_of(is_allowed) -> dict:
    """Returns the models whose admins are allowed, by the keys of their content types."""
    allowed = [model for model, page in pages().items() if is_allowed(page)]
    return {kind.pk: model for model, kind in ContentType.objects.get_for_models(*allowed).items()}


def is_writer(request, page) -> bool:
    """Whether the user may change all of a row, not only translate it."""
    return None in page.languages_typed(request)


def writes_pages(request) -> bool:
    """Whether the user changes or translates pages, not only templates and other lists."""
    published = (page for model, page in pages().items() if issubclass(model, Published))
    return any(page.languages_typed(request) for page in published)


def of_writer(request, path="") -> Q:
    """Returns the condition that a draft, at `path`, is of a row that the user writes, or of a new one."""
    changed = kinds_of(lambda page: is_writer(request, page))
    added = kinds_of(lambda page: page.has_add_permission(request))
    stored = Q(**{f"{path}content_type__in": changed, f"{path}object_id__isnull": False})
    return stored | Q(**{f"{path}content_type__in": added, f"{path}object_id__isnull": True})


def name_of(model) -> str:
    return str(capfirst(model._meta.verbose_name_plural))


def items_of(kinds, counts, column, query) -> list[Item]:
    """Returns a `column` of the `counts` by content type as Items that lead to lists, without those that are 0."""
    found = []
    for each in counts:
        if each[column]:
            model = kinds[each["content_type"]]
            address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            found.append(Item(name_of(model), each[column], address + query))
    return sorted(found)


def planned(request) -> list:
    """Returns what is scheduled next of what the user writes, and what could not be published, the earliest first."""
    found = ScheduledPublication.objects.filter(of_writer(request, "draft__")).select_related("draft__content_type")
    found = found.prefetch_related("draft__row")[:PLANNED_NAMED]
    for each in found:
        each.language_name = LANGUAGE_NAMES[each.language]
        page = pages()[each.draft.content_type.model_class()]
        each.reasons = page.reasons_in_words(request, each.draft.row, each.refusals)
    return found


def changes(request) -> tuple[list, bool]:
    """
    Returns what colleagues have done today to pages that the user may see, the latest first, each with whether the user
    may look at it, and whether there is more.
    """
    kinds = kinds_of(lambda page: page.has_view_or_change_permission(request))
    with_bin = kinds_of(lambda page: page.has_bin(request))
    midnight = timezone.make_aware(datetime.combine(timezone.localdate(), time.min))
    found = Change.objects.by_colleagues(request.user, midnight).filter(content_type__in=kinds)
    is_later = Case(When(action__in=NAMED_FIRST, then=0), default=1)
    first = list(found.order_by(is_later, "-at", "-pk")[: CHANGES_NAMED + 1])
    named = sorted(first[:CHANGES_NAMED], key=lambda each: (each.at, each.pk), reverse=True)
    # The bin is for those who may bring something back.
    shown = [(each, each.action != Action.DELETED or each.content_type_id in with_bin) for each in named]
    return shown, len(first) > CHANGES_NAMED


def by_purpose(request) -> list:
    """Returns the lists that the user may open: a name, what they are for, and the lists, by PURPOSES."""
    apps = admin.site.get_app_list(request)
    found = {each["model"]._meta.label_lower: each for app in apps for each in app["models"]}
    groups = [
        (name, purpose, [found[label] for label in labels if label in found]) for name, purpose, labels in PURPOSES
    ]
    return [group for group in groups if group[2]]


@require_safe
def front(request):
    """The first page of the admin: what waits for the user, what colleagues have changed, and all lists."""
    groups = [Group(group.name, [item for item in group.items if item.number]) for group in waiting(request)]
    shown, has_more_changes = changes(request)
    context = {
        "title": _("Hello, %(name)s") % {"name": request.user},
        "groups": [group for group in groups if group.items],
        "planned": planned(request),
        "changes": shown,
        "has_more_changes": has_more_changes,
        "lists": by_purpose(request),
        "writes_pages": writes_pages(request),
    }
    return admin.site.index(request, context)

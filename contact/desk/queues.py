"""The queues of the desk: what of the enquiries waits, and for whom."""

from django.db.models import CharField, Count, Value
from django.utils.translation import gettext_lazy as _

from contact.models import Enquiry

QUEUES = {
    "open": _("Open"),
    "mine": _("Mine, open"),
    "nobody": _("Unassigned, open"),
    "overdue": _("Overdue"),
    "written": _("The visitor wrote again"),
    "mail": _("A mail has failed"),
}


def in_queue(name: str, enquiries, user):
    """Returns those of `enquiries`, a queryset, that are in one of QUEUES. Those of "mine" belong to `user`."""
    match name:
        case "mine":
            return enquiries.open().filter(owner=user)
        case "nobody":
            return enquiries.open().filter(owner=None)
        case "overdue":
            return enquiries.overdue()
        case "written":
            return enquiries.with_new_words()
        case "mail":
            return enquiries.with_failed_mail()
    return enquiries.open()


def numbers(user) -> dict[str, int]:
    """Returns how many enquiries are in each of QUEUES, with one query. Nothing is "mine" of an unsaved `user`."""
    names = [name for name in QUEUES if name != "mine" or user.pk]
    counts = [
        in_queue(name, Enquiry.objects.order_by(), user)
        .annotate(queue=Value(name, CharField()))
        .values("queue")
        .annotate(number=Count("pk"))
        .values_list("queue", "number")
        for name in names
    ]
    return dict.fromkeys(names, 0) | dict(counts[0].union(*counts[1:], all=True))

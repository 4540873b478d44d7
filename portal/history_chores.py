"""What the worker does with the history of content: it empties the bin, and forgets who is gone."""

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Exists, Max, OuterRef
from django.utils import timezone
from reversion.models import Revision

from portal.bilingual.freshness.models import Review
from portal.bilingual.history.models import IN_BIN_FOR, Action, Change, Writer
from portal.bilingual.history.versions import PARTS
from portal.bilingual.parity.models import Confirmation
from portal.sign_in import account_log

# What stands for a name. Without one, a pair counts as loaded.
FORGOTTEN = "—"


def delete_expired():
    """Deletes what has been in the bin for longer than IN_BIN_FOR, and names after their time. The worker calls it."""
    for model in PARTS:
        empty_bin(model)
    forget_names()


@transaction.atomic
def empty_bin(model):
    """
    Deletes all versions of the rows of `model` that were deleted longer than IN_BIN_FOR ago and have not come back.

    So it deletes what would have come back with them, but for their drafts; see portal.draft_chores. The lines of the
    log stay.
    """
    kind = ContentType.objects.get_for_model(model)
    deleted = Change.objects.filter(content_type=kind, action=Action.DELETED)
    gone = deleted.exclude(object_id__in=model._base_manager.values("pk")).order_by().values("object_id")
    gone = gone.annotate(last=Max("at")).filter(last__lte=timezone.now() - IN_BIN_FOR)
    expired = Change.objects.with_state().filter(content_type=kind, object_id__in=gone.values("object_id"))
    for about in (Confirmation, Review):
        about.objects.filter(content_type=kind, object_id__in=gone.values("object_id")).delete()
    # Several changes can have the same state.
    revisions = set(expired.values_list("revision", flat=True))
    expired.update(revision=None)
    needed = Change.objects.filter(revision=OuterRef("pk"))
    Revision.objects.filter(~Exists(needed), pk__in=revisions).delete()


def forget_names():
    """
    Empties the names in changes and confirmations that are older than the log of sign-ins keeps its entries.

    That concerns accounts that were deleted, and everybody who ticked a small change.
    """
    before = timezone.now() - account_log.KEPT
    Change.objects.filter(by=None, at__lt=before).exclude(by_name="").update(by_name="")
    Writer.objects.filter(user=None, change__at__lt=before).exclude(name="").update(name="")
    gone = Confirmation.objects.filter(by=None, at__lt=before).exclude(by_name__in=["", FORGOTTEN])
    gone.update(by_name=FORGOTTEN)
    ticked = Confirmation.objects.filter(ticked_at__lt=before).exclude(ticked_by_name=FORGOTTEN)
    ticked.update(ticked_by_name=FORGOTTEN)

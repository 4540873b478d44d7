"""What the worker does with drafts: it publishes those whose time has come, and removes files that no draft needs."""

import logging

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import storages
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from portal.bilingual.drafts.admin_publishing import Refused
from portal.bilingual.drafts.models import Draft, files_in_drafts
from portal.bilingual.drafts.values import FILES
from portal.bilingual.languages import LANGUAGES
from portal.uploads import remove_orphans

logger = logging.getLogger(__name__)


class Unheard:
    """The storage of messages for a request that nobody has sent."""

    def add(self, level, message, extra_tags=""):
        pass


def request_of(user) -> HttpRequest:
    """Returns a request for the admin by `user` that nobody has sent."""
    request = HttpRequest()
    request.method, request.user, request._messages = "GET", user, Unheard()
    return request


def admin_of(draft):
    """Returns the model admin of what `draft` is for."""
    return admin.site.get_model_admin(draft.content_type.model_class())


def publish_due():
    """Publishes the drafts whose time has come. If one is refused, it keeps the reasons, which the admin shows."""
    delete_orphans()
    due = Draft.objects.filter(publish_at__lte=timezone.now(), is_plan_refused=False)
    for key in list(due.order_by("publish_at").values_list("pk", flat=True)):
        try:
            with transaction.atomic():
                if draft := due.select_for_update().filter(pk=key).first():
                    publish(draft)
        except Exception:
            # The others are published all the same.
            logger.exception("Draft %s could not be published and will be tried again.", key)


def delete_orphans():
    """Deletes the drafts of rows that are gone, also if no code of the portal deleted them."""
    for kind in ContentType.objects.filter(pk__in=Draft.objects.values("content_type")):
        stored = kind.model_class()._base_manager.values("pk")
        Draft.objects.filter(content_type=kind, object_id__isnull=False).exclude(object_id__in=stored).delete()


def publish(draft):
    """Publishes what was scheduled, with the rights that its author has now."""
    user, model_admin = draft.publish_by, admin_of(draft)
    with override((user and user.language) or LANGUAGES[0]):
        try:
            is_staff = user and user.is_active and user.is_staff
            if not is_staff or not model_admin.may_publish(request_of(user), draft.row):
                raise Refused({"": [_("The person who scheduled this may no longer publish it.")]})
            with transaction.atomic():
                model_admin.publish(request_of(user), draft.row, draft, draft.publish_languages, as_planned=True)
        except Refused as refused:
            draft.refusals, draft.is_plan_refused = refused.reasons, True
            draft.save()


def remove_files() -> int:
    """Deletes the files that no draft has any more. Returns how many it deleted."""
    return remove_orphans(storages["private"], FILES, files_in_drafts())

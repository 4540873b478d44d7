"""What the worker does with drafts: it publishes those whose time has come, and removes files that no draft needs."""

import logging

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import storages
from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from portal.bilingual.drafts.admin_publishing import Refused
from portal.bilingual.drafts.models import Draft, ScheduledPublication, files_in_drafts
from portal.bilingual.drafts.values import FILES
from portal.bilingual.history.models import Change
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
    """Publishes what is scheduled and due. If something is refused, it keeps the reasons, which the admin shows."""
    delete_orphans()
    due = ScheduledPublication.objects.filter(at__lte=timezone.now(), refusals={})
    for key, draft in list(due.values_list("pk", "draft")):
        try:
            with transaction.atomic():
                Draft.objects.select_for_update().filter(pk=draft).first()
                if scheduled := due.filter(pk=key).first():
                    publish(scheduled)
        except (InterfaceError, OperationalError):
            # The database is away or busy.
            logger.exception("Draft %s could not be published and will be tried again.", draft)
        except Exception:
            # Any fault of one page must not stop the others. It is logged, and the front of the admin shows it.
            logger.exception("Draft %s could not be published.", draft)
            text = _("An unexpected error kept this from being published. Please schedule it again.")
            due.filter(pk=key).update(refusals={"": [text]})


def delete_orphans():
    """
    Deletes the drafts of rows that are gone, and of models, also if no code of the portal deleted them.

    Those of what is in the bin stay, but are not published by themselves: somebody may have scheduled one meanwhile.
    """
    for kind in ContentType.objects.filter(pk__in=Draft.objects.values("content_type")):
        drafts = Draft.objects.filter(content_type=kind)
        if model := kind.model_class():
            drafts = drafts.filter(object_id__isnull=False).exclude(object_id__in=model._base_manager.values("pk"))
            ScheduledPublication.objects.filter(draft__in=drafts).delete()
            drafts = drafts.exclude(object_id__in=Change.objects.in_bin(model).values("object_id"))
        drafts.delete()


def publish(scheduled):
    """Publishes what was scheduled, with the rights that its author has now."""
    draft, user = scheduled.draft, scheduled.by
    with override((user and user.language) or LANGUAGES[0]):
        try:
            is_staff = user and user.is_active and user.is_staff
            if not is_staff or not admin_of(draft).may_publish(request_of(user), draft.row):
                raise Refused({"": [_("The person who scheduled this may no longer publish it.")]})
            with transaction.atomic():
                admin_of(draft).publish(request_of(user), draft, [scheduled.language], scheduled=scheduled)
        except Refused as refused:
            ScheduledPublication.objects.filter(pk=scheduled.pk).update(refusals=refused.reasons)
            # The form marks the fields until somebody changes something.
            Draft.objects.filter(pk=draft.pk).update(refusals=refused.reasons)


def remove_files() -> int:
    """Deletes the files that no draft has any more. Returns how many it deleted."""
    return remove_orphans(storages["private"], FILES, files_in_drafts())

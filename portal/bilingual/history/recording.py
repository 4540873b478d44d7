"""The base of the content admins that notes in the history what they do."""

from django.contrib import admin, messages
from django.db import transaction
from django.forms.models import _get_foreign_key
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from portal.bilingual.drafts.models import Draft
from portal.bilingual.former_slugs import Addressed, FormerSlug
from portal.bilingual.history.models import Action
from portal.bilingual.history.versions import PARTS, keep_history, note, put_into_bin, record
from portal.bilingual.history.words import ACTIONS

# What is done to a page that changes its state.
CHANGING = {Action.PUBLISHED, Action.WITHDRAWN, Action.ADDED, Action.CHANGED}

# So many rows, with all their parts, are in memory at once.
CHUNK = 100


class RecordingAdmin(admin.ModelAdmin):
    """Stores a Change for whatever is logged, and before rows are deleted."""

    #: The fields of the form that show rows which refer to this one, with the path of their field in incoming().
    incoming_fields = {}

    def __init__(self, model, admin_site):
        super().__init__(model, admin_site)
        parts = {
            _get_foreign_key(model, inline.model, inline.fk_name).remote_field.get_accessor_name(): inline.model
            for inline in self.inlines
        }
        if issubclass(model, Addressed):
            parts["former_slugs"] = FormerSlug
        keep_history(model, parts, self.incoming_fields.values())

    def log_addition(self, request, obj, message, writers=()):
        self.note(request, obj, message, Action.ADDED, writers)
        return super().log_addition(request, obj, message)

    def log_change(self, request, obj, message, writers=()):
        self.note(request, obj, message, Action.CHANGED, writers)
        return super().log_change(request, obj, message)

    def note(self, request, row, message, otherwise, writers):
        """
        Stores the Change that a `message` of a LogEntry says. If it names no Action, that is `otherwise`.

        `writers` are the users who wrote what it makes public.
        """
        parts = message if isinstance(message, list) else []
        action = next((Action(kind) for part in parts for kind in part if kind in ACTIONS), otherwise)
        if action in CHANGING:
            record(row, action, by=request.user, message=parts, writers=writers)
        else:
            note(row, action, by=request.user, message=parts)

    def delete_model(self, request, obj):
        with transaction.atomic():
            Draft.objects.of(self.model, [obj.pk]).set_aside()
            self.put_into_bin(request, [obj])
            super().delete_model(request, obj)

    def delete_queryset(self, request, queryset):
        with transaction.atomic():
            # Drafts are locked before anything changes, as publishing does too.
            Draft.objects.of(self.model, queryset.order_by().values("pk")).set_aside()
            rows = queryset.order_by("pk").prefetch_related(*PARTS[self.model])
            self.put_into_bin(request, rows.iterator(CHUNK))
            super().delete_queryset(request, queryset)

    def put_into_bin(self, request, rows):
        """Stores the state of `rows` before they are deleted, and tells the user so."""
        for row in rows:
            put_into_bin(row, request.user)
        text = _("What was deleted is in the bin. From there it can be brought back.")
        if self.has_bin(request):
            address = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_bin")
            text = format_html('{} <a href="{}">{}</a>', text, address, _("Bin"))
        self.message_user(request, text, messages.INFO)

"""The pages of the history of a row, of one version of it, and of the bin."""

import json
from collections import defaultdict

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count
from django.forms import FileInput
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from reversion.models import Version

from portal.bilingual.drafts.admin import DraftAdmin
from portal.bilingual.drafts.models import new_key
from portal.bilingual.drafts.paths import DELETE, is_new, replacement_key, row_of, rows_of
from portal.bilingual.drafts.values import as_post, fields_of, fingerprint, is_file, own_fields, values_of
from portal.bilingual.history.bin import CannotComeBack, bring_back
from portal.bilingual.history.comparison import compared
from portal.bilingual.history.models import IN_BIN_FOR, Action, Change
from portal.bilingual.history.versions import PARTS, field_at, fields_at, record
from portal.bilingual.publishing import Published

# How many changes, and how many things in the bin, are on a page.
PER_PAGE = 50


class HistoryAdmin(DraftAdmin):
    """Shows the history of a row, puts earlier versions into its draft, and brings back what was deleted."""

    def get_urls(self):
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        version, bin_, back = map(self.admin_site.admin_view, (self.version, self.bin, self.bring_back))
        return [
            path("<int:key>/history/<int:number>/", version, name=f"{name}_version"),
            path("bin/", bin_, name=f"{name}_bin"),
            path("bin/<int:number>/", back, name=f"{name}_bring_back"),
            *super().get_urls(),
        ]

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, (extra_context or {}) | {"has_bin": self.has_bin(request)})

    def has_bin(self, request) -> bool:
        """Whether the user may bring back what was deleted. Of a kind without publication that is public at once."""
        is_published_later = issubclass(self.model, Published)
        return self.has_add_permission(request) and (is_published_later or self.may_publish(request))

    def page(self, request, template, title, **context):
        shown = self.admin_site.each_context(request) | {"opts": self.opts, "title": title, "subtitle": None}
        return TemplateResponse(request, template, shown | context)

    def history_view(self, request, object_id, extra_context=None):
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        changes = Paginator(Change.objects.of(row).with_people(), PER_PAGE).get_page(request.GET.get("p"))
        about = {"object": row, "changes": changes, "may_restore": self.has_change_permission(request, row)}
        return self.page(request, "admin/object_history.html", _("Change history: %s") % row, **about)

    # One version

    def version(self, request, key, number):
        """Shows what a Change changed, and how the page differs now. Puts what was then into the draft."""
        row = self.get_object(request, str(key))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(key))
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        change = get_object_or_404(Change.objects.of(row).with_state(), pk=number)
        if request.method == "POST":
            return self.restore(request, row, change)
        form, formsets = self.unbound(request, row)
        draft = self.find_draft(request, row)
        live = values_of(form, formsets)
        draft.meet(live)
        now, then = draft.values(live), self.values_at(request, row, change)
        before = change.before()
        earlier = self.values_at(request, row, before) if before else {}
        wanted, lost = wanted_values(then, now, draft, formsets)
        others = {path: None for path in now.keys() | wanted.keys() if now.get(path) != wanted.get(path)}
        restorable = set(self.permitted(request, row, others, rows_of(now) & rows_of(wanted)))
        return self.page(
            request,
            "admin/object_version.html",
            _("Version of a page: %s") % row,
            object=row,
            change=change,
            before=before,
            changed=compared(earlier, then, form, formsets) if before else [],
            since=compared(now, wanted, form, formsets),
            restorable=restorable | rows_of(restorable),
            lost=lost,
            shown=json.dumps({path: fingerprint(value) for path, value in now.items()}),
        )

    def values_at(self, request, row, change) -> dict:
        """
        Returns the values by path that the form of `row` would have shown after `change`, as values_of() does.

        Choices that are gone are left out.
        """
        form, formsets = self.unbound(request, row)
        states = fields_at(change)
        leave_out_gone(self.model, states)
        form.initial |= states.get("", {})
        for name, place in self.incoming_fields.items():
            form.initial[name] = keys_there(field_at(place).model, change.incoming.get(place, []))
        found = fields_of(form)
        for formset in formsets:
            for path_of_row, fields in states.items():
                if path_of_row.startswith(f"{formset.prefix}/"):
                    part = formset.empty_form
                    part.initial |= fields
                    values = fields_of(part, own_fields(formset))
                    found |= {f"{path_of_row}/{name}": value for name, value in values.items()}
                    if formset.can_delete:
                        found[f"{path_of_row}/{DELETE}"] = []
        return found

    @transaction.atomic
    def restore(self, request, row, change):
        """Puts the state after `change` into the draft of `row`, or one place of it, as if it were typed."""
        draft = self.find_draft(request, row)
        row = self.stored_row(request, draft)
        form, formsets = self.unbound(request, row)
        live = values_of(form, formsets)
        draft.meet(live)
        now = draft.values(live)
        wanted, _lost = wanted_values(self.values_at(request, row, change), now, draft, formsets)
        if place := request.POST.get("_restore_one"):
            others = {path: value for path, value in now.items() if place not in (path, row_of(path))}
            wanted = others | {path: value for path, value in wanted.items() if place in (path, row_of(path))}
        post, _files = as_post(wanted, form, formsets)
        post["_shown"], post["_form"] = request.POST.get("_shown", ""), new_key()
        request.POST = post
        before = draft.texts()
        draft, rivals, _seen = self.keep_typed(request, row)
        if rivals:
            text = _("Somebody else has changed the same fields. Both versions are kept: choose one below.")
            self.message_user(request, text, messages.WARNING)
        elif draft.texts() == before:
            self.message_user(request, _("The draft says that already."), messages.INFO)
        else:
            self.record(request, row, Action.RESTORED, at=change.at.isoformat())
            text = _("The earlier version is in the draft now. Visitors do not see it yet.")
            self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(draft.address)

    # The bin

    def bin(self, request):
        """Lists what was deleted and can come back."""
        if not self.has_bin(request):
            raise PermissionDenied
        deleted = Change.objects.in_bin(self.model).select_related("by")
        found = Paginator(deleted, PER_PAGE).get_page(request.GET.get("p"))
        parts = parts_of(self.model, found)
        for change in found:
            change.parts = parts.get(change.revision_id, [])
        title = _("Bin: %s") % self.opts.verbose_name_plural
        about = {"changes": found, "days": IN_BIN_FOR.days, "is_public_at_once": not issubclass(self.model, Published)}
        return self.page(request, "admin/bin.html", title, **about)

    @transaction.atomic
    def bring_back(self, request, number):
        """Brings back what a Change deleted, and says what is not as it was, or why it cannot come back."""
        if request.method != "POST" or not self.has_bin(request):
            raise PermissionDenied
        deletion = get_object_or_404(Change.objects.in_bin(self.model), pk=number)
        try:
            row, notes = bring_back(deletion)
        except CannotComeBack as error:
            text = _("“%(title)s” cannot come back: %(reasons)s")
            words = {"title": deletion.title, "reasons": " ".join(map(str, error.reasons))}
            self.message_user(request, text % words, messages.ERROR)
            return HttpResponseRedirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_bin"))
        record(row, Action.BROUGHT_BACK, by=request.user)
        text = _("“%(title)s” is back.") % {"title": row}
        if isinstance(row, Published):
            text = _("“%(title)s” is back. Visitors do not see it until you publish it.") % {"title": row}
        self.message_user(request, text, messages.SUCCESS)
        for each in notes:
            self.message_user(request, each, messages.WARNING)
        return HttpResponseRedirect(
            reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])
        )


def leave_out_gone(model, states):
    """
    Takes the keys of rows that are gone out of `states`, those of a row of `model` and of its parts as fields_at()
    returns them. It asks the database once for each kind of rows.
    """
    references, named = [], defaultdict(set)
    for place, fields in states.items():
        kind = PARTS[model][place.partition("/")[0]] if place else model
        for field in map(kind._meta.get_field, fields):
            if field.is_relation and (value := fields[field.name]):
                references.append((fields, field))
                named[field.related_model].update(value if field.many_to_many else [value])
    there = {related: set(keys_there(related, keys)) for related, keys in named.items()}
    for fields, field in references:
        value, keys = fields[field.name], there[field.related_model]
        if field.many_to_many:
            fields[field.name] = [key for key in value if key in keys]
        elif value not in keys:
            fields[field.name] = None


def keys_there(model, keys) -> list:
    return list(model._base_manager.filter(pk__in=keys).values_list("pk", flat=True))


def wanted_values(then, now, draft, formsets) -> tuple[dict, int]:
    """
    Returns the values by path that a form has when it shows an earlier state, `then`, and how many of its inline rows
    cannot come back because they have files. `now` are the values that the form shows with its `draft`.

    An inline row that is gone is a new one. One that was added since is marked to be removed.
    """
    with_files = {each.prefix for each in formsets if has_file(each.empty_form)}
    found, lost, places = {}, set(), {}
    for path_then, value in then.items():
        place = path_then
        if part := row_of(path_then):
            if part not in places:
                places[part] = place_of(part, now, draft)
            if is_new(places[part]) and part.partition("/")[0] in with_files:
                lost.add(part)
                continue
            place = f"{places[part]}{path_then.removeprefix(part)}"
        found[place] = value
    added = {part for part in rows_of(now) - set(places.values()) if not is_new(part)}
    found |= {path_now: value for path_now, value in now.items() if row_of(path_now) in added}
    found |= {f"{part}/{DELETE}": ["on"] for part in added if f"{part}/{DELETE}" in now}
    # An earlier file is no longer stored. What was chosen in the draft stays.
    found |= {path: value for path, value in now.items() if path in found and is_file(value)}
    return found, len(lost)


def place_of(part, now, draft) -> str:
    """Returns the path that an inline row of an earlier state has in the form with the values `now`."""
    if part in rows_of(now):
        return part
    prefix, _separator, key = part.partition("/")
    # One that comes back twice is the same row, also after it was published again, and removed again.
    new = f"{prefix}/{replacement_key(key)}"
    published = draft.rows_renamed.get(new)
    return place_of(published, now, draft) if published else new


def has_file(form) -> bool:
    """Whether a form has a field for a file."""
    return any(isinstance(field.widget, FileInput) for field in form.fields.values())


def parts_of(model, changes) -> dict[int, list[str]]:
    """Returns in words how many parts of each kind a row of `model` had after `changes`, by the key of the revision."""
    versions = Version.objects.filter(revision__in=[change.revision_id for change in changes])
    versions = versions.exclude(content_type=ContentType.objects.get_for_model(model)).order_by("content_type")
    found = {}
    for revision, kind, number in versions.values_list("revision", "content_type").annotate(Count("pk")):
        if part := ContentType.objects.get_for_id(kind).model_class():
            words = {"name": capfirst(part._meta.verbose_name_plural), "number": number}
            found.setdefault(revision, []).append(_("%(name)s: %(number)d") % words)
    return found

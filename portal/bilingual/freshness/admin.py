"""The admin of pages that are looked at again: what is due in lists and forms, and the button “Still right”."""

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.bilingual.drafts.admin_publishing import Refused
from portal.bilingual.drafts.values import fingerprint, values_of
from portal.bilingual.freshness.models import Review
from portal.bilingual.freshness.upkeep import change_of_checks, check, kinds, review_of, store
from portal.bilingual.parity.admin import ParityAdmin
from portal.bilingual.parity.pairs import pair_of
from portal.bilingual.parity.upkeep import locked

# The button that says that what is stored is still right, and the one that leads to the form of the review. The value
# of the first is the mark_of() the page that the form was opened with.
STILL_RIGHT, REVIEW = "_still_right", "_review"
NOT_PUBLIC = gettext_lazy("Not noted: visitors do not see this page.")
CHANGED = gettext_lazy(
    "Not noted: somebody has published something else since you opened this page. Please look at it again."
)


class ReviewFilter(admin.SimpleListFilter):
    """Filters a list by what is to be looked at again."""

    title = gettext_lazy("review")
    parameter_name = "review"

    def lookups(self, request, model_admin):
        return [("mine", _("Due for review, yours")), ("due", _("Due for review"))]

    def queryset(self, request, rows):
        if self.value() not in ("mine", "due"):
            return rows
        reviews = Review.objects.due().filter(**{"responsible": request.user} if self.value() == "mine" else {})
        return rows.filter(pk__in=reviews.of_kind(rows.model).values("object_id"))


class ReviewForm(forms.ModelForm):
    class Meta:
        model = Review
        fields = ["responsible", "interval_months"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        users, opts = get_user_model().objects, self.instance.content_type.model_class()._meta
        # Who can open the page, and who is responsible already.
        rights = [f"{opts.app_label}.{action}_{opts.model_name}" for action in ("view", "change")]
        offered = users.with_perm(rights[0]) | users.with_perm(rights[1])
        offered = offered.filter(is_staff=True) | users.filter(pk=self.instance.responsible_id)
        self.fields["responsible"].queryset = offered.distinct().order_by("username")


class FreshnessAdmin(ParityAdmin):
    """Shows which of its rows are due, and keeps who has said that they are still right."""

    @property
    def is_reviewed(self) -> bool:
        """Whether its rows are looked at again."""
        return self.model in kinds()

    def may_check(self, request, obj) -> bool:
        """Whether the user may say that `obj` is still right."""
        return self.is_reviewed and self.may_write(request, obj)

    def may_set_review(self, request, obj) -> bool:
        """Whether the user may say who looks at `obj` again, and when."""
        return self.is_reviewed and self.may_publish(request, obj)

    # In lists

    def get_list_filter(self, request):
        return [*super().get_list_filter(request), *([ReviewFilter] if self.is_reviewed else [])]

    # In the form

    def show(self, request, obj) -> dict:
        shown = super().show(request, obj)
        live = shown.pop("live")
        if not (obj and self.is_reviewed):
            return shown
        review = review_of(obj)
        is_public = review.public_since(obj) is not None
        return shown | {
            "review": review,
            "still_right": mark_of(obj, live) if is_public and self.may_check(request, obj) else "",
            "may_set_review": self.may_set_review(request, obj),
        }

    def press(self, request, obj, draft, seen):
        if REVIEW in request.POST and obj and self.may_set_review(request, obj):
            return HttpResponseRedirect(self.review_address(obj))
        if STILL_RIGHT in request.POST and obj and self.may_check(request, obj):
            return self.check_stored(request, obj)
        return super().press(request, obj, draft, seen)

    def check_stored(self, request, obj):
        """Keeps that what visitors see of `obj` is still right, and tells the user so, or why not."""
        try:
            self.check_shown(request, obj)
        except Refused as refused:
            self.message_user(request, " ".join(refused.reasons[""]), messages.WARNING)
        else:
            said = with_due_date(_("Noted: this page is still right."), review_of(obj))
            self.message_user(request, said, messages.SUCCESS)

    @transaction.atomic
    def check_shown(self, request, obj):
        """Raises Refused if what is stored is something else than the form has shown, or if visitors do not see it."""
        change_of_checks()
        row = locked(self.model, [obj.pk]).first()
        if row is None or mark_of(row, values_of(*self.unbound(request, row))) != request.POST[STILL_RIGHT]:
            raise Refused({"": [str(CHANGED)]})
        if review_of(row).public_since(row) is None:
            raise Refused({"": [str(NOT_PUBLIC)]})
        check(row, request.user)
        self.record(request, row, "checked")

    # Who is responsible, and when a page is due

    def get_urls(self):
        name = f"{self.opts.app_label}_{self.opts.model_name}_review"
        page = path("<int:key>/review/", self.admin_site.admin_view(self.review_view), name=name)
        return [*([page] if self.is_reviewed else []), *super().get_urls()]

    def review_address(self, obj) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_review", args=[obj.pk])

    def review_view(self, request, key):
        """The form for who is responsible for a page, and after how many months it is due."""
        row = self.get_object(request, unquote(str(key)))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(key))
        if not self.may_set_review(request, row):
            raise PermissionDenied
        form = self.store_review(request, row) if request.method == "POST" else ReviewForm(instance=review_of(row))
        if form.is_valid():
            said = with_due_date(_("Stored: who reviews this page, and when."), form.instance)
            self.message_user(request, said, messages.SUCCESS)
            address = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
            return HttpResponseRedirect(reverse(address, args=[row.pk]))
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "object": row,
            "title": _("Review: %s") % row,
            "subtitle": None,
            "form": form,
        }
        return TemplateResponse(request, "admin/review.html", context)

    @transaction.atomic
    def store_review(self, request, row) -> ReviewForm:
        """Stores who is responsible for `row`, and when it is due, if that can be. Returns the form."""
        locked(self.model, [row.pk]).first()
        form = ReviewForm(request.POST, instance=review_of(row))
        if form.is_valid() and form.has_changed():
            store(form.instance)
            self.log_change(request, row, self.construct_change_message(request, form, []))
        return form


def with_due_date(said, review) -> str:
    """Returns what was `said` with the date of the next review, if there is one."""
    if not review.due_on:
        return said
    due = _("The next review is due on %(date)s.") % {"date": date_format(review.due_on)}
    return f"{said} {due}"


def mark_of(row, live) -> str:
    """Returns a fingerprint of what is stored of `row`: its texts, and all `live` values of its form."""
    return fingerprint([pair_of(row).fingerprint, live])

"""The Django admin for bilingual content, with both languages side by side."""

import re
from unicodedata import normalize

from csp.decorators import csp_update
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.contrib.admin.widgets import AdminTextareaWidget, RelatedFieldWidgetWrapper
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import models
from django.forms import CheckboxSelectMultiple, SlugField
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext_lazy, override, pgettext
from django.utils.translation import gettext as _
from modeltranslation.translator import translator

from portal.bilingual.drafts.display import state_of
from portal.bilingual.drafts.models import Draft
from portal.bilingual.drafts.paths import language_of
from portal.bilingual.drafts.rights import RightsByLanguage, is_translator, may_publish
from portal.bilingual.former_slugs import Addressed, FormerSlug, free_slug
from portal.bilingual.freshness.admin import FreshnessAdmin
from portal.bilingual.history.admin import HistoryAdmin
from portal.bilingual.history.models import IN_BIN_FOR
from portal.bilingual.languages import html_code
from portal.bilingual.publishing import SLUG_HELP, Published, followed_paths, in_both_languages
from portal.bilingual.richtext import EDITOR_STYLE_HASH

# The heading above the fields for the address and the order of a page.
PLACE = gettext_lazy("Address and order")

# How many rows the page names that asks before rows are deleted.
MAX_NAMED = 100


class AddressField(SlugField):
    """
    The form field for the address of a page of `model`. It takes what its help says, which is less than Django would.

    If it refuses what was typed, it proposes an address that is like it and free.
    """

    default_error_messages = {"required": gettext_lazy("A public page needs an address.")}
    default_validators, model = [], None

    def run_validators(self, value):
        if value and not re.fullmatch("[a-z0-9-]+", value):
            plain = normalize("NFKD", value).encode("ascii", "ignore").decode().lower()
            proposed = re.sub("[^a-z0-9]+", "-", plain).strip("-")
            text, about = _("“%(slug)s” cannot be an address. %(help)s"), {"slug": value, "help": SLUG_HELP}
            if proposed:
                about["free"] = free_slug(self.model, proposed)
                text = _("“%(slug)s” cannot be an address. %(help)s This one is free: %(free)s")
            raise ValidationError(text, params=about)
        super().run_validators(value)


class Bilingual:
    """
    Mixin for an admin or an inline: each translated field becomes a row of its fieldset with both languages.

    A translator sees no other fields.
    """

    def get_fieldsets(self, request, obj=None):
        translated = translator.get_options_for_model(self.model).get_field_names()
        only_translates = is_translator(self.languages_typed(request, obj))
        found = []
        for title, options in super().get_fieldsets(request, obj):
            fields = [
                tuple(in_both_languages(field)) if field in translated else field
                for field in options["fields"]
                if field in translated or not only_translates
            ]
            if fields:
                found.append((title, options | {"fields": fields}))
        return found

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        """Offers to add a row beside a choice, in a window. A row that is there has a form of its own, with a draft."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field:
            # Browsers cut what is pasted and too long, without a word. So it is refused when it is published.
            field.widget.attrs.pop("maxlength", None)
        if isinstance(field, AddressField):
            field.model = self.model
        if field and (language := language_of(db_field.name)):
            field.widget.attrs["lang"] = html_code(language)
        if field and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget.can_change_related = field.widget.can_delete_related = field.widget.can_view_related = False
            # It saves the row at once.
            field.widget.can_add_related = field.widget.can_add_related and may_publish(request.user)
        return field


@method_decorator(csp_update({"style-src": EDITOR_STYLE_HASH}), "changeform_view")
class BilingualAdmin(Bilingual, FreshnessAdmin, HistoryAdmin):
    """
    Base of the content admins. Their fields have no language; the list and the search cover both languages.

    When a language is published is no field: the buttons of the form do that.
    """

    save_on_top = True
    # Pages are full soon, so lists of few rows and of many open in much the same time.
    list_per_page = 30
    #: Actions of every list of content. See portal.apps.
    actions = ["delete_selected"]
    delete_confirmation_template = "admin/delete_content.html"
    delete_selected_confirmation_template = "admin/delete_contents.html"
    #: The fields that say who is notified of enquiries and how they are kept. Only who works on enquiries changes them.
    enquiry_fields = ()
    formfield_overrides = {
        models.TextField: {"widget": AdminTextareaWidget(attrs={"rows": 3})},
        models.URLField: {"assume_scheme": "https"},
        models.SlugField: {"form_class": AddressField},
        models.ManyToManyField: {"widget": CheckboxSelectMultiple},
    }

    class Media:
        js = ["js/editor-label.js", "js/autocomplete-label.js"]

    def get_list_display(self, request):
        shown = super().get_list_display(request)
        if issubclass(self.model, Published):
            return ["__str__", published_zh_hans, published_en, "draft", "parity", *shown[1:]]
        return [*shown, "draft", "parity"]

    def get_list_select_related(self, request):
        return (
            [path for path, _may_be_null in followed_paths(self.model)] if issubclass(self.model, Published) else False
        )

    @property
    def search_fields(self):
        translated = translator.get_options_for_model(self.model).get_field_names()
        texts = (models.CharField, models.TextField)
        return in_both_languages(*(name for name in translated if isinstance(self.opts.get_field(name), texts)))

    def get_search_fields(self, request):
        """Where a row is chosen by typing, only its title is looked at: staff do not see why another text fits."""
        if request.path == reverse("admin:autocomplete"):
            return in_both_languages(self.model.title_field)
        return super().get_search_fields(request)

    def get_prepopulated_fields(self, request, obj=None):
        if "slug" not in flatten_fieldsets(self.get_fieldsets(request, obj)):
            return {}
        may_move = obj is None or (self.may_publish(request, obj) and not obj.published_languages())
        return {"slug": [f"{self.model.title_field}_en"]} if may_move else {}

    def get_form(self, request, obj=None, change=False, **kwargs):
        if obj and isinstance(obj, Addressed):
            help_text = [SLUG_HELP, _("If you change it, the old address leads to the new one.")]
            if former := [row.slug for row in obj.former_slugs.all() if row.slug != obj.slug]:
                names = pgettext("between names", ", ").join(former)
                help_text.append(_("Old addresses that lead here: %(slugs)s.") % {"slugs": names})
            kwargs["help_texts"] = {"slug": " ".join(map(str, help_text))}
        return super().get_form(request, obj, change=change, **kwargs)

    def render_change_form(self, request, context, *args, **kwargs):
        # The editor's import map is an inline script, so the CSP allows it only with the nonce.
        if hasattr(context["media"], "with_nonce"):
            context["media"] = context["media"].with_nonce(str(request.csp_nonce))
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request, obj, form, change):
        is_moved = change and isinstance(obj, Addressed) and "slug" in form.changed_data
        was_public = is_moved and self.model._base_manager.get(pk=obj.pk).published_languages()
        super().save_model(request, obj, form, change)
        if isinstance(obj, Addressed) and (is_moved or not change):
            taken = FormerSlug.objects.filter(content_type=ContentType.objects.get_for_model(obj), slug=obj.slug)
            for former in taken.exclude(object_id=obj.pk):
                text = _("“%(slug)s” was the address of “%(title)s”. Old links to that page lead here now.")
                self.message_user(request, text % {"slug": obj.slug, "title": former.row}, messages.WARNING)
        if was_public:
            text = _("The address is now “%(slug)s”. The old one, “%(former)s”, leads to it.")
            names = {"slug": obj.slug, "former": form.initial["slug"]}
            self.message_user(request, text % names, messages.WARNING)

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        rows = [form.instance, *(inline.instance for formset in formsets for inline in formset.forms)]
        self.warn_of_texts(request, [row for row in rows if row.pk])

    def delete_view(self, request, object_id, extra_context=None):
        row = self.get_object(request, unquote(object_id))
        return super().delete_view(request, object_id, row and self.about_deleting(request, [row]))

    @admin.action(description=delete_selected.short_description, permissions=["delete"])
    def delete_selected(self, request, rows):
        response = delete_selected(self, request, rows)
        if response:
            response.context_data |= self.about_deleting(request, rows)
        return response

    def about_deleting(self, request, rows) -> dict:
        """Returns what the page that asks before `rows` are deleted says of them."""
        may_withdraw = issubclass(self.model, Published)
        public = [row for row in rows if may_withdraw and row.published_languages()]
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        [only] = rows if len(rows) == 1 else [None]
        return {
            "public": public[:MAX_NAMED],
            "may_withdraw": may_withdraw,
            "has_bin": self.has_bin(request),
            "days": IN_BIN_FOR.days,
            "back": reverse(f"{name}_change", args=[only.pk]) if only else reverse(f"{name}_changelist"),
            "back_name": only or capfirst(self.opts.verbose_name_plural),
        }

    def get_deleted_objects(self, objs, request):
        """Counts the rows that keep `objs` from being deleted, or else names the drafts that go with them."""
        rows = {row.pk: row for row in objs}
        if kept_by := list(self.kept_by(request, list(rows))):
            return [], {}, set(), kept_by
        kind = ContentType.objects.get_for_model(self.model)
        drafts = Draft.objects.filter(content_type=kind, object_id__in=rows).exclude(entries={})
        typed = [
            _("A draft that is not public yet: %(title)s") % {"title": rows[key]}
            for key in drafts.values_list("object_id", flat=True)[:MAX_NAMED]
        ]
        deleted, *others = without_links(*super().get_deleted_objects(objs, request))
        return [typed + deleted[:MAX_NAMED], *others]

    def kept_by(self, request, keys):
        """
        Yields for each kind of row that keeps those with `keys` from being deleted how many there are.

        Whoever may see them gets a link to the list of them. Nobody gets their names: they may say who has asked.
        """
        for relation in self.opts.get_fields(include_hidden=True):
            if not relation.auto_created or relation.concrete or relation.on_delete is not models.PROTECT:
                continue
            opts, column = relation.related_model._meta, f"{relation.field.name}__in"
            number = relation.related_model._base_manager.filter(**{column: keys}).count()
            words = _("{label}: {value}").format(label=capfirst(opts.verbose_name_plural), value=number)
            page = self.admin_site._registry.get(relation.related_model)
            if number and page and page.has_view_or_change_permission(request) and len(keys) <= MAX_NAMED:
                address = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
                words = format_html('<a href="{}?{}={}">{}</a>', address, column, ",".join(map(str, keys)), words)
            if number:
                yield words

    def get_readonly_fields(self, request, obj=None):
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.has_perm("contact.change_enquiry") else [*fields, *self.enquiry_fields]

    def formfield_for_manytomany(self, db_field, request, **kwargs):
        if db_field.name not in self.get_autocomplete_fields(request):
            return super().formfield_for_manytomany(db_field, request, **kwargs)
        # Otherwise the checkboxes of formfield_overrides stay.
        kwargs.pop("widget", None)
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        # Else Select2 puts a cross that clears everything into its list, where HTML allows only items.
        field.widget.is_required = True
        return field

    def get_view_on_site_url(self, obj=None):
        languages = obj.published_languages() if isinstance(obj, Published) else []
        if not languages:
            return None
        with override(get_language() if get_language() in languages else languages[0]):
            return obj.get_absolute_url()


class BilingualInline(Bilingual, RightsByLanguage, admin.StackedInline):
    """Base of the inlines of content admins. Their texts are one line high at first, and grow. One row is empty."""

    formfield_overrides = BilingualAdmin.formfield_overrides | {
        models.TextField: {"widget": AdminTextareaWidget(attrs={"rows": 1})}
    }
    extra = 1


def without_links(deleted, counts, *others) -> list:
    """
    Returns what ModelAdmin.get_deleted_objects() found, without the rows that only link two others.

    They are deleted with either, and have no names for people. Entries of histories are counted, but not named.
    """
    links = [model._meta for model in apps.get_models(include_auto_created=True) if model._meta.auto_created]
    beginnings = tuple(f"{capfirst(kind.verbose_name)}: " for kind in [*links, LogEntry._meta])
    plurals = {str(link.verbose_name_plural) for link in links}

    def named(rows):
        found = [named(row) if isinstance(row, list) else row for row in rows]
        return [row for row in found if row and (isinstance(row, list) or not row.startswith(beginnings))]

    return [named(deleted), {kind: number for kind, number in counts.items() if str(kind) not in plurals}, *others]


def publication(row, language):
    """Returns for the list what visitors see of `row` in `language`."""
    if row.is_published_in(language):
        return format_html("<strong>{}</strong>", _("Public"))
    return state_of(row, language)


@admin.display(description=gettext_lazy("In Chinese"), ordering="published_at_zh_hans")
def published_zh_hans(row):
    return publication(row, "zh-hans")


@admin.display(description=gettext_lazy("In English"), ordering="published_at_en")
def published_en(row):
    return publication(row, "en")

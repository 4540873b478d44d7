import re

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Value
from django.db.models.functions import Concat
from django.forms import CheckboxSelectMultiple, ModelMultipleChoiceField
from django.forms.models import ModelChoiceIterator
from django.template.defaultfilters import yesno
from django.utils.text import capfirst
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext_lazy as _
from modeltranslation.utils import build_localized_fieldname

from portal import roles
from portal.bilingual.editing import PLACE, BilingualAdmin, without_links
from portal.bilingual.history.models import Change
from portal.change_log import ChangeAdmin
from portal.long_lists import LongListAdmin, PeriodFilter, SearchedRows
from portal.models import AccountEvent, Centre, Department, Page, Term, User
from portal.sign_in import second_factor
from portal.sign_in.account_log import name_in_log, record
from portal.sign_in.forms import StaffPasswordForm
from portal.sign_in.rights import short_name_of_right

admin.site.site_header = _("International Department: staff")
admin.site.site_title = _("Staff")
admin.site.index_title = _("Content and enquiries")


# Users see their own on the page about the security of their account. Nobody sees those of others.
for model in (EmailAddress, Authenticator, Group):
    admin.site.unregister(model)


admin.site.register(Change, ChangeAdmin)


class AdministratorsOnly(admin.ModelAdmin):
    """Only administrators see and change it: who may change accounts and rights could give themselves every right."""

    def has_module_permission(self, request):
        return request.user.has_perm(roles.ADMINISTER)

    def has_view_permission(self, request, obj=None):
        return request.user.has_perm(roles.ADMINISTER)

    has_add_permission = has_module_permission
    has_change_permission = has_delete_permission = has_view_permission

    def get_deleted_objects(self, objs, request):
        return without_links(*super().get_deleted_objects(objs, request))


class ByModel(ModelChoiceIterator):
    """Permissions as choices, in the order of roles.RIGHTS and below the names of their models."""

    def __iter__(self):
        found = {row.right: row for row in self.queryset}
        models, groups = roles.models_of_rights(), {}
        for right in roles.RIGHTS:
            if right in found:
                name = capfirst(models[right]._meta.verbose_name_plural)
                groups.setdefault(name, []).append(self.choice(found[right]))
        yield from groups.items()


class GroupedCheckboxes(CheckboxSelectMultiple):
    template_name = "admin/grouped_checkboxes.html"


class RightsField(ModelMultipleChoiceField):
    """A choice of permissions, by their names in the reader's language."""

    iterator, widget = ByModel, GroupedCheckboxes

    def label_from_instance(self, permission):
        return short_name_of_right(permission.codename)


class RolesFirst(ModelChoiceIterator):
    """Groups as choices: the roles, in their order, and then the other ones."""

    def __iter__(self):
        found = {group.name: group for group in self.queryset}
        yield from (self.choice(found[name]) for name in roles.in_order(found))


class GroupsField(ModelMultipleChoiceField):
    iterator, widget = RolesFirst, CheckboxSelectMultiple

    def label_from_instance(self, group):
        return roles.with_work(group)


def rights_in_use():
    """Returns the Permissions of the list of rights."""
    right = Concat("content_type__app_label", Value("."), "codename")
    return Permission.objects.annotate(right=right).filter(right__in=roles.RIGHTS)


class RightsRecorder(AdministratorsOnly):
    """
    Shows rights and roles in words, and writes into the log of accounts which of the fields RIGHTS were changed, and
    which rights and roles a new row has.
    """

    RIGHTS = ()
    filter_horizontal = ()

    def formfield_for_manytomany(self, db_field, request, **kwargs):
        if db_field.related_model is Permission:
            kwargs |= {"queryset": rights_in_use(), "form_class": RightsField}
        else:
            kwargs |= {"form_class": GroupsField, "label": capfirst(_("roles"))}
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        changes = [
            change_of(name, form.initial.get(name), form.cleaned_data[name])
            for name in form.changed_data
            # That it was created is in the log already.
            if name in self.RIGHTS and (change or isinstance(form.fields[name], ModelMultipleChoiceField))
        ]
        if changes:
            record(AccountEvent.Kind.RIGHTS_CHANGED, name_in_log(form.instance), "; ".join(changes))


def change_of(name, before, after) -> str:
    """Returns a change of a field, such as "is_staff: False → True", or of rows, such as "groups: +Desk -Editors"."""
    if isinstance(after, bool | str):
        return f"{name}: {before} → {after}"
    rows = {"+": set(after) - set(before or ()), "-": set(before or ()) - set(after)}
    # The names of roles are stored as they are, and shown in the reader's language.
    names = [f"{sign}{getattr(row, 'codename', '') or row.name}" for sign, some in rows.items() for row in some]
    return f"{name}: {' '.join(sorted(names))}"


@admin.register(User)
class UserAdmin(RightsRecorder, DjangoUserAdmin):
    RIGHTS = ("username", "email", "is_active", "is_staff", "is_superuser", "groups", "user_permissions")

    fieldsets = [
        DjangoUserAdmin.fieldsets[0],
        (DjangoUserAdmin.fieldsets[1][0], {"fields": ["last_name", "first_name", "email"]}),
        (_("Roles"), {"fields": ["is_active", "is_staff", "is_superuser", "groups"]}),
        (_("Single rights, beside those of the roles"), {"classes": ["collapse"], "fields": ["user_permissions"]}),
        *DjangoUserAdmin.fieldsets[3:],
        (_("Language"), {"fields": ["language"]}),
    ]
    readonly_fields = ["last_login", "date_joined"]
    list_display = ["username", "full_name", "email", "shown_roles", "second_factor", "last_login"]
    actions = ["reset_second_factor"]
    change_password_form = StaffPasswordForm
    # A colleague gets an account and roles in one form.
    add_form, add_form_template = UserCreationForm, None
    add_fieldsets = [
        (None, {"fields": ["username", "last_name", "first_name", "email", "password1", "password2"]}),
        (_("Roles"), {"fields": ["groups"]}),
        (_("Language"), {"fields": ["language"]}),
    ]

    def get_queryset(self, request):
        factors = Authenticator.objects.filter(user=OuterRef("pk"), type__in=second_factor.FACTORS)
        return super().get_queryset(request).annotate(factor=Exists(factors)).prefetch_related("groups")

    def has_change_permission(self, request, obj=None):
        """Only superusers change superusers."""
        is_allowed = super().has_change_permission(request, obj)
        return is_allowed and (request.user.is_superuser or not (obj and obj.is_superuser))

    def has_delete_permission(self, request, obj=None):
        return self.has_change_permission(request, obj)

    def save_model(self, request, obj, form, change):
        """Lets a new account sign in to the admin. There are no others: visitors have none."""
        obj.is_staff = obj.is_staff or not change
        super().save_model(request, obj, form, change)

    def response_add(self, request, obj, post_url_continue=None):
        text = _("%(user)s can sign in now. Tell them the user name %(name)s and the password yourself.")
        self.message_user(request, text % {"user": obj, "name": obj.get_username()}, messages.INFO)
        return super().response_add(request, obj, post_url_continue)

    def get_fieldsets(self, request, obj=None):
        """Only superusers make superusers. Of these, others see the name."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj and not self.has_change_permission(request, obj):
            return [(None, {"fields": ["username", "last_name", "first_name", "email", "groups"]})]
        if request.user.is_superuser:
            return fieldsets
        return [
            (title, options | {"fields": [name for name in options["fields"] if name != "is_superuser"]})
            for title, options in fieldsets
        ]

    @admin.display(description=_("name"))
    def full_name(self, user):
        return user.get_full_name()

    @admin.display(description=_("roles"))
    def shown_roles(self, user):
        names = [str(group) for group in user.groups.all()]
        if user.is_superuser:
            names.insert(0, pgettext("role", "Superuser"))
        return pgettext("between names", ", ").join(names)

    # A word, because the icons of Django have English names.

    @admin.display(description=_("two-step sign-in"), ordering="factor")
    def second_factor(self, user):
        return yesno(user.factor)

    @admin.action(description=_("Reset two-step sign-in, after a loss of the telephone"))
    def reset_second_factor(self, request, users):
        if not all(self.has_change_permission(request, user) for user in users):
            raise PermissionDenied
        for user in users:
            second_factor.reset(user)
            text = _("Two-step sign-in of %(user)s is reset, and they are signed out. They set it up again next time.")
            self.message_user(request, text % {"user": user}, messages.SUCCESS)


@admin.register(Group)
class GroupAdmin(RightsRecorder, DjangoGroupAdmin):
    RIGHTS = ("name", "permissions")

    list_display = ["__str__", "work"]
    # The names of roles are not those that are shown.
    search_fields = []

    def get_fields(self, request, obj=None):
        """A role keeps its name, by which it is shown in both languages."""
        return ["work", "permissions"] if obj and obj.name in roles.ROLES else ["name", "permissions"]

    def get_readonly_fields(self, request, obj=None):
        return ["work"]

    @admin.display(description=_("work"))
    def work(self, group):
        return roles.ROLES[group.name].work if group.name in roles.ROLES else "–"


@admin.register(AccountEvent)
class AccountEventAdmin(AdministratorsOnly, LongListAdmin):
    """The log of sign-ins and accounts. It is read-only."""

    list_display = ["at", "what", "account", "actor", "address"]
    list_display_links = None
    list_filter = ["kind", ("at", PeriodFilter), SearchedRows]
    sortable_by = ["at", "what"]
    time_field = "at"
    search_fields = ["account", "actor", "address"]

    @admin.display(description=_("what"), ordering="kind")
    def what(self, event):
        return str(event)

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"title": _("Sign-ins and accounts")})

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


ICP_HELP = _("The whole number, from the sign of the province to the last digit.")


class DepartmentForm(forms.ModelForm):
    """The form of the department. It takes an ICP number as its help says."""

    class Meta:
        help_texts = {"icp_number": ICP_HELP}

    def clean_icp_number(self):
        number = self.cleaned_data["icp_number"]
        # The sign of the province, "ICP", the character of a filing or of a licence, digits, "number", and the site.
        if number and not re.fullmatch(r"[\u4e00-\u9fff]ICP[\u5907\u8bc1]\d+\u53f7(-\d+)?", number):
            raise forms.ValidationError(ICP_HELP)
        return number


@admin.register(Department)
class DepartmentAdmin(BilingualAdmin):
    form = DepartmentForm
    fieldsets = [
        (_("Names"), {"fields": ["name", "short_name", "society"]}),
        (_("Home page"), {"fields": ["headline", "introduction", "college_door", "abroad_door"]}),
        (
            _("Contact"),
            {
                "fields": [
                    *["address", "postcode", "telephones", "contacts", "opening_hours", "email", "website"],
                    *["wechat_account", "wechat_code"],
                ]
            },
        ),
        (_("Notes at the foot of pages"), {"fields": ["says_out_of_step", "says_checked"]}),
        (_("Footer"), {"fields": ["icp_number", "public_security_number"]}),
        (
            _("Enquiries"),
            {
                "fields": [
                    *["staff_language", "promised_days", "close_answered_days"],
                    *["keep_closed_months", "keep_spam_days", "keep_withdrawn_days"],
                ]
            },
        ),
    ]
    # Visitors reply to this address.
    enquiry_fields = ["email", *fieldsets[-1][1]["fields"]]

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(Centre)
class CentreAdmin(BilingualAdmin):
    fieldsets = [
        (None, {"fields": ["title", "summary", "body"]}),
        (_("Enquiries"), {"fields": ["telephones", "enquiry_recipients"]}),
        (PLACE, {"fields": ["slug", "sort_order"]}),
    ]
    enquiry_fields = ["enquiry_recipients"]
    list_display = ["__str__", "sort_order"]


@admin.register(Page)
class PageAdmin(BilingualAdmin):
    fieldsets = [
        (None, {"fields": ["title", "summary", "body"]}),
        (PLACE, {"fields": ["slug", "in_footer", "sort_order"]}),
    ]
    list_display = ["__str__", "slug"]

    def has_delete_permission(self, request, obj=None):
        if obj is not None and obj.is_fixed:
            return False
        return super().has_delete_permission(request, obj)

    def get_fieldsets(self, request, obj=None):
        """The footer names the fixed pages in any case."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj and obj.is_fixed:
            for _title, options in fieldsets:
                options["fields"] = [name for name in options["fields"] if name != "in_footer"]
        return fieldsets

    def get_readonly_fields(self, request, obj=None):
        return ["slug"] if obj and obj.is_fixed else []

    def get_prepopulated_fields(self, request, obj=None):
        return {} if obj and obj.is_fixed else super().get_prepopulated_fields(request, obj)

    def get_actions(self, request):
        actions = super().get_actions(request)
        # With a fixed page in the selection, delete_selected refuses all of it and blames the user's permissions.
        actions.pop("delete_selected", None)
        return actions


@admin.register(Term)
class TermAdmin(BilingualAdmin):
    fields = ["name", "note", "search_words", "other_renderings"]
    list_display = ["__str__", "name_zh_hans", "name_en"]

    def get_ordering(self, request):
        return [build_localized_fieldname("name", get_language())]

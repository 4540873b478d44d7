from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.utils.translation import gettext_lazy as _

from portal.bilingual.editing import BilingualAdmin
from portal.models import Centre, Department, Page, User

admin.site.site_header = _("International Department: staff")
admin.site.site_title = _("Staff")
admin.site.index_title = _("Content and enquiries")


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    fieldsets = [*DjangoUserAdmin.fieldsets, (_("Language"), {"fields": ["language"]})]


@admin.register(Department)
class DepartmentAdmin(BilingualAdmin):
    fields = [
        "name",
        "short_name",
        "society",
        "headline",
        "introduction",
        "address",
        "postcode",
        "telephones",
        "contacts",
        "opening_hours",
        "email",
        "website",
        "wechat_account",
        "wechat_code",
        "icp_number",
        "public_security_number",
        "staff_language",
        "promised_days",
        "close_answered_days",
        "keep_closed_months",
        "keep_spam_days",
        "keep_withdrawn_days",
    ]

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(Centre)
class CentreAdmin(BilingualAdmin):
    fields = ["title", "summary", "body", "slug", "telephones", "enquiry_recipients", "sort_order", "published_at"]
    list_display = ["__str__", "sort_order"]


@admin.register(Page)
class PageAdmin(BilingualAdmin):
    fields = ["title", "summary", "body", "slug", "sort_order", "published_at"]
    list_display = ["__str__", "slug"]

    def has_delete_permission(self, request, obj=None):
        if obj is not None and obj.is_fixed:
            return False
        return super().has_delete_permission(request, obj)

    def get_readonly_fields(self, request, obj=None):
        if obj and obj.slug == "privacy":
            return ["slug", "published_at_zh_hans", "published_at_en"]
        return ["slug"] if obj and obj.is_fixed else []

    def get_prepopulated_fields(self, request, obj=None):
        return {} if obj and obj.is_fixed else super().get_prepopulated_fields(request, obj)

    def get_actions(self, request):
        actions = super().get_actions(request)
        # With a fixed page in the selection, delete_selected refuses all of it and blames the user's permissions.
        actions.pop("delete_selected", None)
        return actions

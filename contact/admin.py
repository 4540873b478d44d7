from django.contrib import admin
from django.urls import path
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from post_office.models import STATUS, Attachment, Email, EmailTemplate, Log

from contact.attachments import attachment
from contact.models import Enquiry

MAIL_STATES = {
    STATUS.queued: _("waiting"),
    STATUS.sent: _("sent"),
    STATUS.requeued: _("failed, will be tried again"),
    STATUS.failed: _("failed"),
}

# Mails are read with the enquiry that they belong to, and changed by nobody.
for model in (Attachment, Email, EmailTemplate, Log):
    admin.site.unregister(model)


@admin.register(Enquiry)
class EnquiryAdmin(admin.ModelAdmin):
    """Reads enquiries: their words and their mails are the visitor's, and nobody changes them."""

    fields = [
        "reference",
        "created_at",
        "language",
        "organisation",
        "sender_territory",
        "person",
        "position",
        "email",
        "telephone",
        "program",
        "country",
        "message",
        "privacy_version",
        "mail_log",
    ]
    list_display = ["reference", "created_at", "organisation", "sender_territory", "subject", "language"]
    list_filter = ["created_at", "language", "program__area", "country"]
    list_select_related = ["program", "country"]
    search_fields = ["reference", "organisation", "person", "email", "message"]
    date_hierarchy = "created_at"

    def get_urls(self):
        return [path("attachments/<int:number>/", attachment, name="contact_attachment"), *super().get_urls()]

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    @admin.display(description=_("country or region"))
    def sender_territory(self, enquiry):
        return enquiry.territory_name

    @admin.display(description=_("about"))
    def subject(self, enquiry):
        return enquiry.subject or "–"

    @admin.display(description=_("mails"))
    def mail_log(self, enquiry):
        rows = (
            (mail.subject, ", ".join(mail.to), MAIL_STATES[mail.status], mail.message)
            for mail in enquiry.mails.order_by("pk")
        )
        return format_html_join("", "<details><summary>{} → {} ({})</summary><pre>{}</pre></details>", rows)

from django.conf import settings
from django.db import models, transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from post_office.models import Email

from contact.receipts import new_reference, new_token
from partners.models import Country
from portal.territories import territory_name
from programs.models import Program


class EnquiryQuerySet(models.QuerySet):
    def delete(self):
        """Deletes the enquiries and their mails: both hold personal data."""
        with transaction.atomic():
            Email.objects.filter(enquiries__in=self).delete()
            return super().delete()


class Enquiry(models.Model):
    """What a college asked, in its own words."""

    reference = models.CharField(_("reference"), max_length=8, unique=True, default=new_reference)
    token = models.CharField(max_length=43, unique=True, default=new_token)
    fingerprint = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(_("received"), auto_now_add=True)
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    privacy_version = models.CharField(_("privacy notice accepted"), max_length=12)

    organisation = models.CharField(_("college or organisation"), max_length=200)
    territory = models.CharField(_("country or region"), max_length=2)
    person = models.CharField(_("contact person"), max_length=100)
    position = models.CharField(_("position"), max_length=100, blank=True)
    email = models.EmailField(_("e-mail address"))
    telephone = models.CharField(_("telephone"), max_length=50, blank=True)
    program = models.ForeignKey(
        Program,
        verbose_name=_("program"),
        related_name="enquiries",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
    )
    country = models.ForeignKey(
        Country,
        verbose_name=_("partner country or region"),
        related_name="enquiries",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
    )
    message = models.TextField(pgettext_lazy("of an enquiry", "message"), max_length=5000)
    mails = models.ManyToManyField(Email, verbose_name=_("mails"), related_name="enquiries", blank=True)

    objects = EnquiryQuerySet.as_manager()

    class Meta:
        verbose_name = _("enquiry")
        verbose_name_plural = _("enquiries")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(program__isnull=True) | models.Q(country__isnull=True),
                name="contact_enquiry_one_subject",
                violation_error_message=_("An enquiry is about a program or about a country, not both."),
            )
        ]

    def __str__(self):
        return self.reference

    def get_absolute_url(self):
        """The receipt, which whoever has its secret address may read."""
        return reverse("received", args=[self.token])

    def delete(self, *args, **kwargs):
        with transaction.atomic():
            self.mails.all().delete()
            return super().delete(*args, **kwargs)

    @property
    def subject(self):
        """The Program or Country that it is about, or None."""
        return self.program or self.country

    @property
    def territory_name(self):
        """The sender's country or region in the language in force."""
        return territory_name(self.territory)

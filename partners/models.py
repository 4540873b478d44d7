from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from portal import content_version, search_index
from portal.bilingual.former_slugs import Addressed
from portal.bilingual.publishing import (
    SLUG_HELP,
    Published,
    PublishedQuerySet,
    in_both_languages,
    now,
    required_when_published,
    validate_not_reserved,
)
from portal.bilingual.richtext import RichTextField, plain_text
from portal.bilingual.territories import is_territory

# The resources that a page of a program or country lists at most; with one more it leads to all of them.
RESOURCES_LISTED = 12
# The institutions that a page of a program or country lists at once.
INSTITUTIONS_LISTED = 24


def validate_territory(code):
    """Field validator: `code` must be an ISO 3166-1 alpha-2 code."""
    if not is_territory(code):
        raise ValidationError(_("Two capital letters of ISO 3166-1, such as GB."))


class CountryQuerySet(PublishedQuerySet):
    def published_names(self) -> dict[str, str]:
        """Returns the names, in the active language, of the countries that are published in it, by ISO code."""
        return dict(self.published().values_list("iso_code", "name"))


@content_version.register
@search_index.register(rank=40, words=["search_words"])
class Country(Addressed, Published):
    """A partner country or region, with the capital that the compass shows."""

    title_field = "name"

    iso_code = models.CharField(
        _("ISO code"),
        max_length=2,
        unique=True,
        validators=[validate_territory],
        help_text=_("Two capital letters of ISO 3166-1, such as GB."),
    )
    slug = models.SlugField(_("address in links"), unique=True, help_text=SLUG_HELP, validators=[validate_not_reserved])
    sort_order = models.PositiveSmallIntegerField(_("order"), default=100)
    name = models.CharField(_("name"), max_length=80)
    capital = models.CharField(_("capital"), max_length=80)
    latitude = models.DecimalField(
        _("latitude of the capital"), max_digits=4, decimal_places=2, help_text=_("Degrees, north positive.")
    )
    longitude = models.DecimalField(
        _("longitude of the capital"), max_digits=5, decimal_places=2, help_text=_("Degrees, east positive.")
    )
    body = RichTextField(_("text"))
    search_words = models.TextField(
        _("search words"),
        max_length=300,
        blank=True,
        help_text=_("Synonyms that visitors type, one a line. Visitors do not see them."),
    )

    objects = CountryQuerySet.as_manager()

    class Meta(Published.Meta):
        verbose_name = _("partner country or region")
        verbose_name_plural = _("partner countries and regions")
        constraints = [
            *required_when_published("name", "capital"),
            models.CheckConstraint(
                condition=Q(iso_code__regex=r"^[A-Z]{2}$"),
                name="partners_country_iso_code",
                violation_error_message=_("Two capital letters of ISO 3166-1, such as GB."),
            ),
            models.CheckConstraint(
                condition=Q(latitude__range=(-90, 90)) & Q(longitude__range=(-180, 180)),
                name="partners_country_on_earth",
                violation_error_message=_("Latitude is within 90 degrees, longitude within 180."),
            ),
        ]

    def get_absolute_url(self):
        return reverse("country_detail", args=[self.slug])

    def search_texts(self):
        yield self.capital
        yield plain_text(self.body)

    @cached_property
    def first_institutions(self):
        """The first INSTITUTIONS_LISTED of its institutions that are published in either language, and one more."""
        conditions = [Q(**{f"{column}__lte": now()}) for column in in_both_languages("published_at")]
        return list(self.institutions.filter(Q(*conditions, _connector=Q.OR))[: INSTITUTIONS_LISTED + 1])

    def text_blocks(self):
        yield "p", _("Capital: %(capital)s") % {"capital": self.capital}
        yield "richtext", self.body
        listed, more = self.first_institutions[:INSTITUTIONS_LISTED], self.first_institutions[INSTITUTIONS_LISTED:]
        shown = [row for row in listed if row.is_published_in(get_language())]
        yield "h2", shown and _("Partner institutions")
        for institution in listed:
            for element, text in institution.text_blocks():
                yield element, institution in shown and text
        yield "p", more and _("The page of this country or region lists more of them.")


@content_version.register
@search_index.register(rank=50, words=["aliases"], relations=["country"])
class Institution(Published):
    """A partner institution. The page of its country shows it."""

    publication_follows = "country"
    title_field = "name"

    # An index below begins with it.
    country = models.ForeignKey(
        Country,
        verbose_name=_("country or region"),
        related_name="institutions",
        on_delete=models.PROTECT,
        db_index=False,
    )
    sort_order = models.PositiveSmallIntegerField(_("order"), default=100)
    name = models.CharField(_("name"), max_length=160)
    aliases = models.TextField(
        _("other names"),
        max_length=300,
        blank=True,
        help_text=_("Short and former names, one a line. Search finds them; visitors do not see them."),
    )
    city = models.CharField(_("city"), max_length=80, blank=True)
    summary = models.TextField(_("summary"), max_length=300, blank=True)
    website = models.URLField(_("website"), blank=True)

    class Meta(Published.Meta):
        verbose_name = _("partner institution")
        verbose_name_plural = _("partner institutions")
        indexes = [
            models.Index(
                fields=["country", "sort_order", "id", *in_both_languages("published_at")],
                name="partners_institution_listed",
            )
        ]
        constraints = required_when_published("name")

    def get_absolute_url(self):
        """The page of the country may list many institutions: the query has it show those among which this one is."""
        return f"{self.country.get_absolute_url()}?institution={self.pk}#{self.anchor}"

    def text_blocks(self):
        yield "h3", self.name
        yield "p", self.city
        yield "p", self.summary

    @property
    def website_name(self):
        """The address of the website as people write it, without scheme and final slash."""
        return self.website.partition("://")[2].removesuffix("/")

    @property
    def anchor(self):
        """The id of its entry on the page of its country."""
        return f"institution-{self.pk}"

    def search_texts(self):
        yield self.city
        yield self.country.name
        yield self.summary

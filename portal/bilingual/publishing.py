"""
Publication: each language of a row is published separately, from its own time.

A Published model has `published_at` in both languages (see its translation.py). An empty time is a draft, a future
time is scheduled. If `publication_follows` names a foreign key, the row that it refers to must be published too, and
so must the row that this one follows.
"""

from datetime import UTC, datetime, timedelta

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.paginator import Paginator
from django.db import models
from django.db.models import Case, Exists, F, IntegerField, JSONField, OuterRef, Prefetch, Q, Subquery, Value, When
from django.db.models.constraints import CheckConstraint
from django.db.models.lookups import GreaterThan
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override
from modeltranslation.utils import build_localized_fieldname, get_language

from portal.bilingual.changes import TrackedModel, TrackedQuerySet
from portal.bilingual.former_slugs import Addressed, Moved
from portal.bilingual.languages import LANGUAGES, other_language
from portal.bilingual.richtext import RichTextField, plain_text

# The latest moment as of which this process has read content; see now().
seen_as_of = datetime.min.replace(tzinfo=UTC)
# By so much the clocks of machines may differ.
CLOCKS_DIFFER = timedelta(minutes=5)

# The rows that a page lists at most with their summaries, if they have a list of their own. It leads to the rest.
ENTRIES_LISTED = 12

# The rows of a list that are counted at most, for the link that leads to all of them.
MAX_COUNTED = 1000

SLUG_HELP = _("Lower-case English letters, digits and hyphens, such as teacher-exchange.")

# Segments of addresses that belong, or will belong, to pages of their own below /programs/ and /partners/.
RESERVED_SLUGS = {"areas", "credits", "overview"}


def validate_not_reserved(slug):
    """Field validator: `slug` must not be one of RESERVED_SLUGS."""
    if slug in RESERVED_SLUGS:
        raise ValidationError(
            _("The address “%(slug)s” is kept for another page. Choose another one."), params={"slug": slug}
        )


def validate_moment(moment):
    """Field validator: every database and time zone can hold these years. Any other year is a typing error."""
    if not 2000 <= moment.year <= 2200:
        raise ValidationError(_("The year must lie between 2000 and 2200."))


def now() -> datetime:
    """
    Returns the moment that decides what is published: by the clock, or `seen_as_of` if that is a little later.

    So a machine with a slow clock shows what the others show already. A clock that was once far ahead has no effect.
    """
    by_clock = timezone.now()
    return seen_as_of if by_clock < seen_as_of < by_clock + CLOCKS_DIFFER else by_clock


def see(as_of: datetime):
    """Remembers the time as of which content was read, unless a clock that is far ahead gave it."""
    global seen_as_of
    latest = timezone.now() + CLOCKS_DIFFER
    seen_as_of = max((moment for moment in (seen_as_of, as_of) if moment < latest), default=as_of)


def followed_paths(model):
    """Yields the path from a Published `model` to each row that its rows follow, and whether there may be none."""
    names, may_be_null = [], False
    while model.publication_follows:
        field = model._meta.get_field(model.publication_follows)
        names.append(field.name)
        may_be_null = may_be_null or field.null
        yield "__".join(names), may_be_null
        model = field.related_model


def is_published(model, at: datetime, column="published_at") -> Q:
    """Returns the condition that a row of `model` is published `at` a moment, by default in the active language."""
    condition = Q(**{f"{column}__lte": at})
    for path, may_be_null in followed_paths(model):
        followed = Q(**{f"{path}__{column}__lte": at})
        condition &= followed | Q(**{f"{path}__isnull": True}) if may_be_null else followed
    return condition


class Number(Subquery):
    """How many rows a queryset has, counted up to MAX_COUNTED and one more."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()

    def __init__(self, queryset):
        super().__init__(queryset.order_by().values("pk")[: MAX_COUNTED + 1])


class Keys(Subquery):
    """The keys of the rows of a queryset, in their order, as a list."""

    template = "(SELECT json_group_array(listed.row_key) FROM (%(subquery)s) AS listed)"
    postgresql = "(SELECT COALESCE(jsonb_agg(listed.row_key), '[]') FROM (%(subquery)s) AS listed)"
    output_field = JSONField()

    def __init__(self, queryset):
        super().__init__(queryset.values(row_key=F("pk")))

    def as_postgresql(self, compiler, connection):
        return self.as_sql(compiler, connection, template=self.postgresql)


class Beginning(list):
    """
    The first rows of a list, the `number` of all its rows, and their `name` in the active language.

    If there are more than MAX_COUNTED rows, `number` is that, and `is_counted` is False: a page tells nothing by
    counting on, and would take longer the more there are.
    """

    def __init__(self, rows, number, model):
        super().__init__(rows)
        self.is_counted = number <= MAX_COUNTED
        self.number, self.name = min(number, MAX_COUNTED), model._meta.verbose_name_plural

    @property
    def has_more(self) -> bool:
        """Whether the list has more rows than these."""
        return self.number > len(self)


class PublishedQuerySet(TrackedQuerySet):
    """The QuerySet of a Published model."""

    def published(self, at=None):
        """Returns the rows that are published in the active language `at` a moment, by default now()."""
        found = self.filter(is_published(self.model, at or now()))
        paths = [path for path, _may_be_null in followed_paths(self.model)]
        return found.select_related(*paths) if paths else found

    def with_published(self, *relations):
        """
        Prefetches the published rows of `relations`, in either direction: "centres" as `published_centres`.

        Where they may be many, show what beginning() or with_beginnings() returns.
        """
        found = self
        for relation in relations:
            rows = self.model._meta.get_field(relation).related_model.objects.published().for_entries()
            found = found.prefetch_related(Prefetch(relation, rows, to_attr=f"published_{relation}"))
        return found

    def of(self, relation: str, row):
        """
        Returns the rows whose `relation`, a field of their model, has `row`: a row, a key, or an OuterRef to one.

        A many-to-many relation is asked row by row, in the order of the rows. So the first of many come at once, where
        a join would collect and sort them all.
        """
        field = self.model._meta.get_field(relation)
        if not field.many_to_many:
            return self.filter(**{relation: row})
        key = OuterRef(row) if isinstance(row, OuterRef) else getattr(row, "pk", row)
        pairs = field.remote_field.through._base_manager
        return self.filter(
            Exists(pairs.filter(**{field.m2m_field_name(): OuterRef("pk"), field.m2m_reverse_field_name(): key}))
        )

    def page_of(self, keys: list, per_page: int, number):
        """Returns page `number` of a Paginator of `keys`, with the rows that have them. No other rows are read."""
        page = Paginator(keys, per_page).get_page(number)
        found = self.in_bulk(page.object_list)
        page.object_list = [found[key] for key in page.object_list if key in found]
        return page

    def beginning(self, at_most: int) -> Beginning:
        """Returns the first `at_most` rows and the number of all rows. It makes one query, and those of prefetches."""
        rows = self.annotate(number_of_all=Number(self))[:at_most]
        return Beginning(rows, rows[0].number_of_all if rows else 0, self.model)

    def with_beginnings(self, relation: str, at_most: int, published=None) -> list:
        """
        Returns the rows. Each has the beginning() of its published rows of `relation`: "programs" as
        `published_programs`. `published` is a queryset of all of them, by default that for_entries().

        It makes two queries, and those of prefetches.
        """
        field = self.model._meta.get_field(relation)
        if published is None:
            published = field.related_model.objects.published().for_entries()
        name = field.remote_field.name
        own, joined = published.of(name, OuterRef("pk")), published.filter(**{name: OuterRef("pk")})
        # of() finds the first of many rows at once. It would look at all rows there are to find a few.
        related = self.model._base_manager.filter(pk=OuterRef("pk"), **{f"{relation}__isnull": False})
        are_many = GreaterThan(Number(related), Value(MAX_COUNTED))
        rows = list(
            self.annotate(
                first_keys=Case(When(are_many, then=Keys(own[:at_most])), default=Keys(joined[:at_most])),
                number_of_all=Case(When(are_many, then=Number(own)), default=Number(joined)),
            )
        )
        found = published.in_bulk({key for row in rows for key in row.first_keys})
        for row in rows:
            first = [found[key] for key in row.first_keys if key in found]
            setattr(row, f"published_{relation}", Beginning(first, row.number_of_all, published.model))
        return rows

    def for_entries(self):
        """Prefetches what a list of these rows on another page shows. Most need nothing but their own columns."""
        return self

    def get_published(self, slug: str):
        """
        Returns the published row that has `slug`, for a detail page.

        Raises OnlyInOtherLanguage if the row is published only in the other language, Moved if it has another slug by
        now, otherwise Http404.
        """
        for lookup in ({"slug": slug}, {"former_slugs__slug": slug}):
            if found := self.published().filter(**lookup).first():
                if found.slug != slug:
                    raise Moved(found)
                return found
            with override(other_language(get_language())):
                if elsewhere := self.model._default_manager.published().filter(**lookup).first():
                    raise OnlyInOtherLanguage(elsewhere)
        raise Http404


class OnlyInOtherLanguage(Http404):
    """The requested `page` is not published in the active language, only in the other one."""

    def __init__(self, page):
        super().__init__()
        self.page = page


class Published(TrackedModel):
    """Abstract base of models that are published separately in each language."""

    published_at = models.DateTimeField(
        _("published"),
        null=True,
        blank=True,
        validators=[validate_moment],
        help_text=_("Leave empty for a draft. A future time publishes it then."),
    )
    updated_at = models.DateTimeField(_("last changed"), auto_now=True)

    objects = PublishedQuerySet.as_manager()

    #: The name of the foreign key whose row must be published too, or None.
    publication_follows = None
    #: The name of the field that holds the title.
    title_field = "title"

    class Meta:
        abstract = True
        ordering = ["sort_order", "pk"]

    def __str__(self):
        return self.display_title or self._title_in(other_language(get_language())) or f"({self.pk})"

    @property
    def changed_on(self):
        """The date, in Beijing, that the page shows as that of its last change."""
        return timezone.localdate(self.updated_at)

    @property
    def display_title(self):
        """The title in the active language."""
        return self._title_in(get_language())

    @property
    def paired_title(self):
        """The title in the other language if it is published there, otherwise an empty string."""
        language = other_language(get_language())
        return self._title_in(language) if self.is_published_in(language) else ""

    def _title_in(self, language):
        return getattr(self, build_localized_fieldname(self.title_field, language))

    def search_texts(self):
        """Yields the texts in the active language, beside the title, by which visitors find this row; some are None."""
        return ()

    def is_published_in(self, language: str) -> bool:
        """Returns whether this row, and the row that it follows, are published now in `language`."""
        since = getattr(self, build_localized_fieldname("published_at", language))
        if since is None or since > now():
            return False
        followed = self.publication_follows and getattr(self, self.publication_follows)
        return followed.is_published_in(language) if followed else True

    def published_languages(self) -> list[str]:
        """Returns the languages in which this row is published, Chinese first."""
        return [language for language in LANGUAGES if self.is_published_in(language)]

    def published_rows(self, relation: str):
        """Returns the published rows of its `relation`, of which it may have many, with what a list of them shows."""
        field = self._meta.get_field(relation)
        return field.related_model.objects.published().of(field.remote_field.name, self).for_entries()

    @property
    def has_pair(self):
        """Whether this row is published in both languages, so that it has a pair view."""
        return self.published_languages() == LANGUAGES


class RequiredColumns(CheckConstraint):
    """Requires text in `columns`; with `since`, only where that column has a value. A form marks the empty field."""

    def __init__(self, *, columns, name, since=""):
        self.columns, self.since = tuple(columns), since
        condition = Q()
        for column in self.columns:
            condition &= has_text(column)
        if since:
            message = _("Every published page needs this. Fill it in, or publish only the other language.")
            condition |= Q(**{f"{since}__isnull": True})
        else:
            message = _("This cannot be empty: every page shows it.")
        super().__init__(condition=condition, name=name, violation_error_message=message)

    def deconstruct(self):
        _path, _args, _kwargs = super().deconstruct()
        path = f"{self.__class__.__module__}.{self.__class__.__name__}"
        return path, (), {"columns": self.columns, "since": self.since, "name": self.name}

    def validate(self, model, instance, exclude=None, using=None):
        if self.since and getattr(instance, self.since) is None:
            return
        errors = {}
        for column in self.columns:
            if getattr(instance, column):
                continue
            if column in (exclude or ()):
                label = capfirst(model._meta.get_field(column).verbose_name)
                errors.setdefault(NON_FIELD_ERRORS, []).append(f"{label}: {self.violation_error_message}")
            else:
                errors[column] = [self.violation_error_message]
        if errors:
            raise ValidationError(errors)


def has_text(column: str) -> Q:
    """Returns the condition that a text column is neither null nor empty. A translated column may be either."""
    return Q(**{f"{column}__isnull": False}) & ~Q(**{column: ""})


def in_both_languages(*fields: str) -> list[str]:
    """Returns the columns of the translated `fields`: the Chinese and the English one of each."""
    return [build_localized_fieldname(field, language) for field in fields for language in LANGUAGES]


def required_when_published(title: str, *fields: str) -> list[CheckConstraint]:
    """
    Returns the constraints of a Published model: it has a `title` in at least one language.

    In each language that has a publication time, even a future one, `title` and `fields` must have text.
    """
    chinese, english = in_both_languages(title)
    return [
        CheckConstraint(
            condition=has_text(chinese) | has_text(english),
            name="%(app_label)s_%(class)s_named",
            violation_error_message=_("Give it a name, in one language at least."),
        ),
        *(
            RequiredColumns(
                columns=[build_localized_fieldname(field, language) for field in [title, *fields]],
                since=build_localized_fieldname("published_at", language),
                name=f"%(app_label)s_%(class)s_required_{language.replace('-', '_')}",
            )
            for language in LANGUAGES
        ),
    ]


class ContentPage(Addressed, Published):
    """Abstract base of content models whose rows have their own page and a body of rich text."""

    slug = models.SlugField(_("address in links"), unique=True, help_text=SLUG_HELP)
    sort_order = models.PositiveSmallIntegerField(_("order"), default=100)
    title = models.CharField(_("title"), max_length=120)
    summary = models.TextField(_("summary"), max_length=300)
    body = RichTextField(_("text"))

    class Meta(Published.Meta):
        abstract = True
        constraints = required_when_published("title", "summary")

    def get_absolute_url(self):
        return reverse(f"{self._meta.model_name}_detail", args=[self.slug])

    def text_blocks(self):
        """
        Yields the text for the pair view, in reading order: pairs of an element and its content in the active language.

        The content of "h2", "h3" and "p" is plain text, that of "ol" a list of plain texts, perhaps of several lines,
        and that of "richtext" HTML. Both languages must yield the same elements. If one lacks a text, the content is
        empty.
        """
        yield "p", self.summary
        yield "richtext", self.body

    def search_texts(self):
        yield self.summary
        yield plain_text(self.body)

"""
What it means to be published: each language by itself, from a moment on.

A model that is Published carries `published_at` in both languages (see its translation.py): empty is a
draft, a time to come is scheduled. Publication is inherited: what stands in `publication_follows` must
be published too.
"""

from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.constraints import CheckConstraint
from django.http import Http404
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import get_language, override
from django.utils.translation import gettext_lazy as _
from modeltranslation.utils import build_localized_fieldname

from portal.languages import other_language

SLUG_HELP = _("Lower-case English letters, digits and hyphens, such as teacher-exchange.")

LANGUAGES = [code for code, _name in settings.LANGUAGES]


def validate_moment(moment):
    """Field validator: a year that every database and time zone can hold, and no slip of the keyboard."""
    if not 2000 <= moment.year <= 2200:
        raise ValidationError(_("The year must lie between 2000 and 2200."))


class PublishedQuerySet(models.QuerySet):
    """Rows of a Published model."""

    def published(self):
        """The rows that are published, now, in the language in force."""
        now = timezone.now()
        found = self.filter(published_at__lte=now)
        if follows := self.model.publication_follows:
            field = self.model._meta.get_field(follows)
            followed = Q(**{f"{follows}__published_at__lte": now})
            found = found.filter(followed | Q(**{f"{follows}__isnull": True}) if field.null else followed)
            found = found.select_related(follows)
        return found

    def get_published(self, **lookup):
        """
        The one published row of `lookup`, as a detail page shows it.

        Raises OnlyInOtherLanguage when it is published in the other language alone, else Http404.
        """
        if found := self.published().filter(**lookup).first():
            return found
        with override(other_language(get_language())):
            if elsewhere := self.model._default_manager.published().filter(**lookup).first():
                raise OnlyInOtherLanguage(elsewhere)
        raise Http404


class OnlyInOtherLanguage(Http404):
    """Raised for a page that exists, but not in the reader's language; `page` is what was asked for."""

    def __init__(self, page):
        super().__init__()
        self.page = page


class Published(models.Model):
    """Base of what is published language by language."""

    published_at = models.DateTimeField(
        _("published"),
        null=True,
        blank=True,
        validators=[validate_moment],
        help_text=_("Empty is a draft. A time to come publishes then."),
    )
    updated_at = models.DateTimeField(_("last changed"), auto_now=True)

    #: The foreign key that must be published for this to be, and the field that names a row.
    publication_follows = None
    heading_field = "title"

    class Meta:
        abstract = True

    def __str__(self):
        return self.heading or getattr(self, self._heading_in(other_language(get_language()))) or f"({self.pk})"

    @property
    def heading(self):
        """The name in the language in force."""
        return getattr(self, self.heading_field)

    @property
    def paired_heading(self):
        """The name in the other language, where it is published there; otherwise empty."""
        language = other_language(get_language())
        return getattr(self, self._heading_in(language)) if self.is_published_in(language) else ""

    def _heading_in(self, language):
        return build_localized_fieldname(self.heading_field, language)

    def is_published_in(self, language):
        """Whether this is published, now, in `language`, and what it follows is too."""
        since = getattr(self, build_localized_fieldname("published_at", language))
        if since is None or since > timezone.now():
            return False
        followed = self.publication_follows and getattr(self, self.publication_follows)
        return followed.is_published_in(language) if followed else True

    def published_languages(self):
        """The languages in which this has a page, Chinese first."""
        return [language for language in LANGUAGES if self.is_published_in(language)]

    @property
    def has_pair(self):
        """Whether it is published in both languages, so that its pair view can be read."""
        return self.published_languages() == LANGUAGES


class Complete(CheckConstraint):
    """
    Keeps `columns` from being empty, always or, with `since`, wherever that column is not empty.

    A form gets the error at the empty field itself.
    """

    def __init__(self, *, columns, name, since=""):
        self.columns, self.since = tuple(columns), since
        complete = Q()
        for column in self.columns:
            complete &= filled(column)
        if since:
            message = _("Fill this in, or first empty the time from which this language is published.")
            complete |= Q(**{f"{since}__isnull": True})
        else:
            message = _("This cannot be empty: every page shows it.")
        super().__init__(condition=complete, name=name, violation_error_message=message)

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


def filled(column):
    """The condition that a text `column` is neither null nor empty: translated columns may be either."""
    return Q(**{f"{column}__isnull": False}) & ~Q(**{column: ""})


def in_both_languages(*fields):
    """The columns of translated `fields`, each in Chinese and in English."""
    return [build_localized_fieldname(field, language) for field in fields for language in LANGUAGES]


def complete_when_published(heading, *fields):
    """
    The constraints, one a language, that `heading` and `fields` are filled wherever the row is published,
    and the one that its heading is filled in one language at least.
    """
    chinese, english = in_both_languages(heading)
    return [
        CheckConstraint(
            condition=filled(chinese) | filled(english),
            name="%(app_label)s_%(class)s_named",
            violation_error_message=_("Give it a name, in one language at least."),
        ),
        *(
            Complete(
                columns=[build_localized_fieldname(field, language) for field in [heading, *fields]],
                since=build_localized_fieldname("published_at", language),
                name=f"%(app_label)s_%(class)s_complete_{language.replace('-', '_')}",
            )
            for language in LANGUAGES
        ),
    ]

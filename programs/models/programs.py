"""Types of program, and programs with all that belongs to them: steps, questions, documents, certificates."""

import re
from itertools import chain, groupby, pairwise
from operator import attrgetter, itemgetter
from typing import NamedTuple

from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, Value, When
from django.utils.functional import cached_property
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from modeltranslation.utils import build_localized_fieldname

from partners.models import Country, Institution
from portal import content_version, search_index
from portal.bilingual.changes import TrackedModel
from portal.bilingual.email_addresses import RECIPIENTS_HELP, validate_email_addresses
from portal.bilingual.languages import other_language
from portal.bilingual.publishing import (
    MAX_COUNTED,
    SLUG_HELP,
    ContentPage,
    Published,
    PublishedQuerySet,
    in_both_languages,
    required_when_published,
    validate_not_reserved,
)
from portal.bilingual.richtext import RichTextField, plain_text
from portal.models import Centre
from portal.search_index import is_phrase, named, saying, split_query
from portal.search_index.words import COMMON_WORDS
from programs.read_together import read_together

MAX_PIECES = 12


@content_version.register
@search_index.register(rank=20)
class Area(ContentPage):
    """A type of program."""

    enquiry_recipients = models.TextField(
        _("notify"), blank=True, validators=[validate_email_addresses], help_text=RECIPIENTS_HELP
    )

    class Meta(ContentPage.Meta):
        verbose_name = _("type of program")
        verbose_name_plural = _("types of program")

    def text_blocks(self):
        yield "p", self.summary
        yield "h2", self.body and _("What it is")
        yield "richtext", self.body


class Found(NamedTuple):
    """
    The keys of the programs that were found, in order, at most MAX_COUNTED: the tied ones come before the `untied`.

    `has_all_words` says whether they have all words that were looked for, and `is_cut` whether there are more.
    """

    tied: list
    untied: list
    has_all_words: bool
    is_cut: bool

    @classmethod
    def of(cls, rows, *, has_all_words=True):
        """Returns what was found: `rows` are pairs of a key and whether it is tied, with one more if there are more."""
        listed = rows[:MAX_COUNTED]
        tied = [key for key, is_tied in listed if is_tied]
        untied = [key for key, is_tied in listed if not is_tied]
        return cls(tied, untied, has_all_words, is_cut=len(rows) > MAX_COUNTED)

    @property
    def keys(self):
        return self.tied + self.untied


class ProgramQuerySet(PublishedQuerySet):
    def for_list(self):
        """Prefetches the published centres, for the list of programs."""
        return self.with_published("centres")

    def for_detail(self):
        """Prefetches what the page of a program shows, beside its institutions and resources, which may be many."""
        return self.with_published("centres", "countries")

    def related_to(self, program):
        """Returns the other programs of the same type or, if `program` has no type, of its `published_centres`."""
        if program.area:
            return self.filter(area=program.area).exclude(pk=program.pk)
        keys = [centre.pk for centre in program.published_centres]
        return self.filter(Exists(Centre.objects.filter(programs=OuterRef("pk"), pk__in=keys))).exclude(pk=program.pk)

    def choices_by_area(self, at_most: int) -> list | None:
        """
        Returns the choices of a select, values and titles: those of no type, then a group for each type, in its order.

        Returns None if there are more than `at_most`.
        """
        name = f"area__{build_localized_fieldname('title', get_language())}"
        rows = list(self.values_list("area__sort_order", "area", name, "slug", "title")[: at_most + 1])
        if len(rows) > at_most:
            return None
        without = [(slug, title) for *_sort, area, _name, slug, title in rows if area is None]
        of_type = sorted((row for row in rows if row[1]), key=itemgetter(0, 1))
        groups = groupby(of_type, itemgetter(1, 2))
        return [*without, *((name, [row[3:] for row in group]) for (_area, name), group in groups)]

    def matching(self, area=None, centre=None, country=None, words="") -> Found:
        """
        Finds the programs of an area, a centre and a country, each a row or None, that have all `words`.

        If no program has them all, finds those that have any of the pieces of the words, those with most pieces first.

        With a `country`, the programs without a published country follow those that are tied to it, because staff may
        say yes to them. Without a `country` each program counts as tied.

        A word is found in every text of a program, in its search words and in the names of its type and its countries,
        in both languages, where they are published. search_index.split_query() and split_pieces() say what words and
        pieces are, and how many count.
        """
        programs = self.filter(area=area) if area else self
        programs = programs.of("centres", centre) if centre else programs
        words = split_query(words)
        countries = Country.objects.filter(programs=OuterRef("pk"))
        are_untied = ~Exists(countries.published())
        if not words:
            tied = programs.of("countries", country) if country else programs
            rows = [(key, True) for key in tied.values_list("pk", flat=True)[: MAX_COUNTED + 1]]
            if country:
                untied = programs.filter(are_untied).values_list("pk", flat=True)
                rows += [(key, False) for key in untied[: MAX_COUNTED + 1 - len(rows)]]
            return Found.of(rows)
        is_tied, ordering = Value(True), self.model._meta.ordering
        if country:
            is_tied = Exists(countries.filter(pk=country.pk))
            programs = programs.filter(is_tied | are_untied)
            ordering = ["-is_tied", *ordering]
        programs = programs.annotate(is_tied=is_tied)
        pieces = split_pieces(words)
        says = conditions(list(dict.fromkeys([*words, *pieces])))
        having_all = programs.filter(*map(says.get, words)).order_by(*ordering)
        if rows := having_all.values_list("pk", "is_tied")[: MAX_COUNTED + 1]:
            return Found.of(rows)
        found = [Case(When(says[piece], then=1), default=0) for piece in pieces]
        having_some = programs.annotate(pieces_found=sum(found, Value(0))).order_by("-pieces_found", *ordering)
        rows = having_some.values_list("pk", "is_tied", "pieces_found")[: MAX_COUNTED + 1]
        return Found.of([row[:2] for row in rows if row[2]], has_all_words=False)


def conditions(words) -> dict:
    """
    Returns, for each of `words`, the condition that a program has it in its texts, or in the name of its type or of a
    country. It makes one query.
    """
    found = {}
    for word, names in named(words, Area, Country).items():
        found[word] = saying(word, Program)
        if Area in names:
            found[word] |= Q(area__in=Area.objects.filter(names[Area]).order_by())
        if Country in names:
            found[word] |= Exists(Country.objects.filter(names[Country], programs=OuterRef("pk")))
    return found


def split_pieces(words) -> list[str]:
    """
    Returns the different pieces of `words`, at most MAX_PIECES: more are ignored.

    The pieces of four and more Chinese characters are their overlapping pairs. Fewer are a name, such as that of a
    country, and one piece, as any other word is. COMMON_WORDS and single Latin letters are none.
    """
    pieces = []
    for word in words:
        in_pairs = is_phrase(word) and len(word) >= 4
        pieces += map("".join, pairwise(word)) if in_pairs else [word]
    pieces = [
        piece for piece in dict.fromkeys(pieces) if piece not in COMMON_WORDS and not re.fullmatch("[a-z]", piece)
    ]
    return pieces[:MAX_PIECES]


def labelled_lines(name, *facts) -> str:
    """Returns `name`, and in a line each the filled ones of `facts`, pairs of a label and a value."""
    lines = [_("{label}: {value}").format(label=label, value=value) for label, value in facts if value]
    return "\n".join([name, *lines]) if name else ""


def filled_columns(rows, *names) -> set[str]:
    """Returns those of the attributes `names` that at least one of `rows` fills."""
    return {name for name in names if any(getattr(row, name) for row in rows)}


class Parts(NamedTuple):
    """What belongs to one program and is shown on its page alone."""

    steps: list
    questions: list
    materials: list
    certificates: list


class Partners(NamedTuple):
    """The published countries of a program, and the beginning of its published institutions, sorted by country."""

    countries: list
    institutions: list

    @property
    def by_country(self):
        """The institutions: pairs of a Country and a list."""
        return [(country, list(rows)) for country, rows in groupby(self.institutions, attrgetter("country"))]

    @property
    def countries_without_institutions(self):
        """The countries in which none of the institutions is."""
        found = {institution.country_id for institution in self.institutions}
        return [country for country in self.countries if country.pk not in found]

    @property
    def unlisted(self):
        """How many more institutions there are, if all are counted."""
        return self.institutions.number - len(self.institutions)


@content_version.register
@search_index.register(rank=10, words=["search_words"], relations=["steps", "questions", "materials"])
class Program(ContentPage):
    """A program or service that a college can ask for."""

    publication_follows = "area"

    slug = models.SlugField(_("address in links"), unique=True, help_text=SLUG_HELP, validators=[validate_not_reserved])
    # An index below begins with it.
    area = models.ForeignKey(
        Area,
        verbose_name=_("type of program"),
        related_name="programs",
        on_delete=models.PROTECT,
        db_index=False,
        null=True,
        blank=True,
    )
    centres = models.ManyToManyField(Centre, verbose_name=_("service centres"), related_name="programs", blank=True)
    countries = models.ManyToManyField(
        Country, verbose_name=_("countries and regions"), related_name="programs", blank=True
    )
    audience = models.TextField(_("for whom"), max_length=300, blank=True)
    institutions = models.ManyToManyField(
        Institution, verbose_name=_("partner institutions"), related_name="programs", blank=True
    )
    materials_introduction = RichTextField(_("documents we help prepare"))
    search_words = models.TextField(
        _("search words"),
        max_length=300,
        blank=True,
        help_text=_("What visitors type to find this program, if its texts do not say it. Visitors do not see them."),
    )

    objects = ProgramQuerySet.as_manager()

    class Meta(ContentPage.Meta):
        verbose_name = _("program")
        verbose_name_plural = _("programs")
        # What is published, in order, is read from these alone: the rows themselves are large.
        indexes = [
            models.Index(
                fields=["sort_order", "id", "area", *in_both_languages("published_at"), "updated_at"],
                name="programs_program_listed",
            ),
            models.Index(
                fields=["area", "sort_order", "id", *in_both_languages("published_at")],
                name="programs_program_of_area",
            ),
        ]

    @cached_property
    def parts(self):
        """All its steps, questions, materials and certificates, in order, read with one query."""
        parts = Parts(
            *read_together(
                self.steps.all(),
                self.questions.all(),
                self.materials.select_related("template"),
                self.certificates.select_related("country"),
            )
        )
        for row in chain(*parts):
            row.program = self
        return parts

    @property
    def filled_steps(self):
        """The steps that have a text in the active language."""
        return [step for step in self.parts.steps if step.text]

    @property
    def filled_questions(self):
        """The questions that have a question and an answer in the active language."""
        return [question for question in self.parts.questions if question.is_filled]

    @property
    def published_certificates(self):
        """The certificates that are published in the active language."""
        return [row for row in self.parts.certificates if row.is_published_in(get_language())]

    @property
    def certificate_columns(self):
        """The facts that at least one of the published certificates has. Their table has a column for each."""
        names = ["awarding_body", "published_country", "level", "validity"]
        return filled_columns(self.published_certificates, *names)

    def search_texts(self):
        yield from super().search_texts()
        yield self.audience
        # Not those of `parts`: the index has prefetched these of many programs.
        yield from (step.text for step in self.steps.all())
        yield plain_text(self.materials_introduction)
        for material in self.materials.all():
            if material.name:
                yield material.name
                yield material.note
        for question in self.questions.all():
            if question.is_filled:
                yield question.question
                yield plain_text(question.answer)

    def text_blocks(self):
        yield "p", self.summary
        yield "richtext", self.body
        yield "h2", self.audience and _("For whom")
        yield "p", self.audience
        yield "h2", self.filled_steps and _("What happens")
        yield "ol", [step.text for step in self.parts.steps]
        named = any(material.name for material in self.parts.materials)
        yield "h2", (self.materials_introduction or named) and _("Documents we help prepare")
        yield "richtext", self.materials_introduction
        yield "ol", [material.full_text() for material in self.parts.materials]
        yield "h2", self.published_certificates and _("Certificates")
        yield "ol", [row.full_text() if row in self.published_certificates else "" for row in self.parts.certificates]
        yield "h2", self.filled_questions and _("Questions and answers")
        for question in self.parts.questions:
            yield "h3", question.is_filled and question.question
            yield "richtext", question.is_filled and question.answer


class ProgramPart(TrackedModel):
    """Abstract base of the parts of a program, which staff put in order."""

    #: The foreign key to the row that it is a part of; see portal.bilingual.parity.
    part_of = "program"

    program = models.ForeignKey(Program, related_name="%(class)ss", on_delete=models.CASCADE)
    sort_order = models.PositiveSmallIntegerField(_("order"), default=100)

    class Meta:
        abstract = True
        ordering = ["sort_order", "pk"]


@content_version.register
class Step(ProgramPart):
    """A step of a program."""

    text = models.TextField(_("what happens"), max_length=300)

    class Meta(ProgramPart.Meta):
        verbose_name = _("step")
        verbose_name_plural = _("steps")

    def __str__(self):
        return self.text or f"({self.pk})"


@content_version.register
class Question(ProgramPart):
    """A question that colleges ask about a program, and its answer."""

    question = models.CharField(_("question"), max_length=200)
    answer = RichTextField(_("answer"))

    class Meta(ProgramPart.Meta):
        verbose_name = _("question")
        verbose_name_plural = _("questions")

    def __str__(self):
        return self.question or f"({self.pk})"

    @property
    def is_filled(self):
        """Whether it has a question and an answer in the active language."""
        return bool(self.question and self.answer)


@content_version.register
class Material(ProgramPart):
    """A document that a program needs, and who prepares it. Staff put the materials of a program in order."""

    class PreparedBy(models.TextChoices):
        COLLEGE = "college", _("The college")
        PARTNER = "partner", _("The partner abroad")
        DEPARTMENT = "department", _("The International Department")

    class Language(models.TextChoices):
        CHINESE = "zh-hans", _("Chinese")
        ENGLISH = "en", _("English")
        BOTH = "both", _("Chinese and English")

    name = models.CharField(_("document"), max_length=120)
    prepared_by = models.CharField(_("prepared by"), max_length=20, choices=PreparedBy, blank=True)
    language = models.CharField(_("language"), max_length=10, choices=Language, blank=True)
    template = models.ForeignKey(
        "Resource",
        verbose_name=_("template"),
        related_name="+",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        limit_choices_to={"kind__in": ["template", "form"]},
        help_text=_("A template or a form of the Resource Platform. The page links to it where it is published."),
    )
    note = models.TextField(pgettext_lazy("of a document", "note"), max_length=300, blank=True)

    class Meta(ProgramPart.Meta):
        verbose_name = _("document to prepare")
        verbose_name_plural = _("documents to prepare")

    def __str__(self):
        return self.name or f"({self.pk})"

    @property
    def paired_title(self):
        """The name in the other language if the program is published there, otherwise an empty string."""
        language = other_language(get_language())
        name = getattr(self, build_localized_fieldname("name", language))
        return name if name and self.program.is_published_in(language) else ""

    @property
    def published_template(self):
        """The template if it is published in the active language, otherwise None."""
        return self.template if self.template and self.template.is_published_in(get_language()) else None

    def full_text(self):
        """Returns the name and all facts in the active language, each in a line; without a name an empty string."""
        return labelled_lines(
            self.name,
            (_("Prepared by"), self.get_prepared_by_display()),
            (_("Language"), self.get_language_display()),
            (_("Note"), self.note),
        )


@content_version.register
@search_index.register(rank=15, relations=["program"])
class Certificate(Published):
    """A qualification certificate that is on offer. The page of its program lists it."""

    publication_follows = "program"
    title_field = "name"

    program = models.ForeignKey(
        Program, verbose_name=_("program"), related_name="certificates", on_delete=models.PROTECT
    )
    sort_order = models.PositiveSmallIntegerField(_("order"), default=100)
    name = models.CharField(_("name"), max_length=160)
    awarding_body = models.CharField(_("awarding body"), max_length=160, blank=True)
    country = models.ForeignKey(
        Country, verbose_name=_("country or region"), related_name="+", on_delete=models.PROTECT, null=True, blank=True
    )
    level = models.CharField(_("level"), max_length=120, blank=True)
    validity = models.CharField(_("validity"), max_length=120, blank=True)

    class Meta(Published.Meta):
        verbose_name = _("certificate")
        verbose_name_plural = _("certificates")
        constraints = required_when_published("name")

    def get_absolute_url(self):
        return f"{self.program.get_absolute_url()}#certificate-{self.pk}"

    def search_texts(self):
        yield from (self.awarding_body, self.level, self.validity)

    @property
    def published_country(self):
        """The country if it is published in the active language, otherwise None."""
        return self.country if self.country and self.country.is_published_in(get_language()) else None

    def full_text(self):
        """Returns the name and all facts in the active language, each in a line."""
        return labelled_lines(
            self.name,
            (_("Awarding body"), self.awarding_body),
            (_("Country or region"), self.published_country and self.published_country.name),
            (_("Level"), self.level),
            (_("Validity"), self.validity),
        )

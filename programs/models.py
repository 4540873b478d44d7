from django.db import models
from django.db.models import Prefetch, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from partners.models import Country
from portal.models import Centre
from portal.publishing import SLUG_HELP, Published, PublishedQuerySet, complete_when_published
from portal.recipients import NOTIFIED_HELP, validate_recipients
from portal.richtext import RichTextField


class Area(Published):
    """One of the types of program."""

    slug = models.SlugField(_("address in links"), unique=True, help_text=SLUG_HELP)
    sort_order = models.PositiveSmallIntegerField(_("order"), default=100)
    title = models.CharField(_("title"), max_length=120)
    summary = models.TextField(_("summary"), max_length=300)
    body = RichTextField(_("text"))
    notified = models.TextField(
        _("told of enquiries"), blank=True, validators=[validate_recipients], help_text=NOTIFIED_HELP
    )

    objects = PublishedQuerySet.as_manager()

    class Meta:
        verbose_name = _("type of program")
        verbose_name_plural = _("types of program")
        ordering = ["sort_order", "pk"]
        constraints = complete_when_published("title", "summary")

    def get_absolute_url(self):
        return reverse("area_detail", args=[self.slug])

    def passages(self):
        """Its text, as portal.pairview reads it."""
        yield "p", self.summary
        yield "h2", self.body and _("What it is")
        yield "richtext", self.body


class ProgramQuerySet(PublishedQuerySet):
    def as_prefetch(self):
        """These rows as `published_programs` of each Area or Centre that prefetches them."""
        return Prefetch("programs", self.published(), to_attr="published_programs")

    def for_list(self):
        """With the published centres of each, for the finder."""
        return self.prefetch_related(Prefetch("centres", Centre.objects.published(), to_attr="published_centres"))

    def for_detail(self):
        """With everything that a program's own page shows."""
        return self.for_list().prefetch_related(
            Prefetch("countries", Country.objects.published(), to_attr="published_countries"),
            "steps",
            "questions",
        )

    def related_to(self, program):
        """The other rows of the type of `program`, or, where it has none, of its `published_centres`."""
        if program.area:
            return self.filter(area=program.area).exclude(pk=program.pk)
        return self.filter(centres__in=program.published_centres).exclude(pk=program.pk).distinct()

    def matching(self, area=None, centre=None, country=None, words=""):
        """
        The rows of the finder: of an area, a centre and a country (rows or None), and with every one
        of `words` in the title, the summary or the audience, in the language in force.
        """
        found = self
        if area:
            found = found.filter(area=area)
        if centre:
            found = found.filter(centres=centre)
        if country:
            found = found.filter(countries=country)
        for word in words.split():
            found = found.filter(Q(title__icontains=word) | Q(summary__icontains=word) | Q(audience__icontains=word))
        return found


class Program(Published):
    """A program or service that a college can ask for."""

    publication_follows = "area"

    slug = models.SlugField(_("address in links"), unique=True, help_text=SLUG_HELP)
    area = models.ForeignKey(
        Area,
        verbose_name=_("type of program"),
        related_name="programs",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
    )
    centres = models.ManyToManyField(Centre, verbose_name=_("service centres"), related_name="programs", blank=True)
    countries = models.ManyToManyField(
        Country, verbose_name=_("countries and regions"), related_name="programs", blank=True
    )
    sort_order = models.PositiveSmallIntegerField(_("order"), default=100)
    title = models.CharField(_("title"), max_length=120)
    summary = models.TextField(_("summary"), max_length=300)
    body = RichTextField(_("text"))
    audience = models.TextField(_("for whom"), max_length=300, blank=True)
    materials = RichTextField(_("what to prepare"))

    objects = ProgramQuerySet.as_manager()

    class Meta:
        verbose_name = _("program")
        verbose_name_plural = _("programs")
        ordering = ["sort_order", "pk"]
        constraints = complete_when_published("title", "summary")

    def get_absolute_url(self):
        return reverse("program_detail", args=[self.slug])

    @property
    def filled_steps(self):
        """Its steps that have a text in the language in force."""
        return [step for step in self.steps.all() if step.text]

    @property
    def filled_questions(self):
        """Its questions that are asked and answered in the language in force."""
        return [question for question in self.questions.all() if question.is_filled]

    def passages(self):
        """Its text, as portal.pairview reads it."""
        yield "p", self.summary
        yield "richtext", self.body
        yield "h2", self.audience and _("For whom")
        yield "p", self.audience
        yield "h2", self.filled_steps and _("What happens")
        yield "ol", [step.text for step in self.steps.all()]
        yield "h2", self.materials and _("What to prepare")
        yield "richtext", self.materials
        yield "h2", self.filled_questions and _("Questions and answers")
        for question in self.questions.all():
            yield "h3", question.is_filled and question.question
            yield "richtext", question.is_filled and question.answer

    @property
    def is_telephoned_at_its_centres(self):
        """Whether each of its `published_centres` has a number of its own, so that the department's is not needed."""
        return bool(self.published_centres) and all(centre.telephones for centre in self.published_centres)


class Step(models.Model):
    """One thing that happens in a program, in order."""

    program = models.ForeignKey(Program, related_name="steps", on_delete=models.CASCADE)
    sort_order = models.PositiveSmallIntegerField(_("order"), default=100)
    text = models.TextField(_("what happens"), max_length=300)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ["sort_order", "pk"]

    def __str__(self):
        return self.text or f"({self.pk})"


class Question(models.Model):
    """A question that colleges ask about a program, and its answer."""

    program = models.ForeignKey(Program, related_name="questions", on_delete=models.CASCADE)
    sort_order = models.PositiveSmallIntegerField(_("order"), default=100)
    question = models.CharField(_("question"), max_length=200)
    answer = RichTextField(_("answer"))

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        ordering = ["sort_order", "pk"]

    def __str__(self):
        return self.question or f"({self.pk})"

    @property
    def is_filled(self):
        """Whether it is asked and answered in the language in force."""
        return bool(self.question and self.answer)

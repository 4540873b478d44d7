from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from partners.models import Country
from portal.bilingual.email_addresses import RECIPIENTS_HELP, validate_email_addresses
from portal.bilingual.publishing import ContentPage, PublishedQuerySet
from portal.bilingual.richtext import RichTextField
from portal.models import Centre


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


class ProgramQuerySet(PublishedQuerySet):
    def for_list(self):
        """Prefetches the published centres, for the list of programs."""
        return self.with_published("centres")

    def for_detail(self):
        """Prefetches everything that the page of a program shows."""
        return self.with_published("centres", "countries").prefetch_related("steps", "questions")

    def related_to(self, program):
        """Returns the other programs of the same type or, if `program` has no type, of its `published_centres`."""
        if program.area:
            return self.filter(area=program.area).exclude(pk=program.pk)
        return self.filter(centres__in=program.published_centres).exclude(pk=program.pk).distinct()

    def matching(self, area=None, centre=None, country=None, words=""):
        """Returns the programs of an area, a centre and a country, each a row or None, that contain all `words`."""
        chosen = {"area": area, "centres": centre, "countries": country}
        found = self.filter(**{name: row for name, row in chosen.items() if row})
        for word in words.split():
            found = found.filter(Q(title__icontains=word) | Q(summary__icontains=word) | Q(audience__icontains=word))
        return found


class Program(ContentPage):
    """A program or service that a college can ask for."""

    publication_follows = "area"

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
    audience = models.TextField(_("for whom"), max_length=300, blank=True)
    materials = RichTextField(_("what to prepare"))

    objects = ProgramQuerySet.as_manager()

    class Meta(ContentPage.Meta):
        verbose_name = _("program")
        verbose_name_plural = _("programs")

    @property
    def filled_steps(self):
        """The steps that have a text in the active language."""
        return [step for step in self.steps.all() if step.text]

    @property
    def filled_questions(self):
        """The questions that have a question and an answer in the active language."""
        return [question for question in self.questions.all() if question.is_filled]

    def text_blocks(self):
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
        """Whether it has `published_centres`, all with telephone numbers, so that the department's are not needed."""
        return bool(self.published_centres) and all(centre.telephones for centre in self.published_centres)


class ProgramPart(models.Model):
    """Abstract base of the parts of a program, which staff put in order."""

    program = models.ForeignKey(Program, related_name="%(class)ss", on_delete=models.CASCADE)
    sort_order = models.PositiveSmallIntegerField(_("order"), default=100)

    class Meta:
        abstract = True
        ordering = ["sort_order", "pk"]


class Step(ProgramPart):
    """A step of a program."""

    text = models.TextField(_("what happens"), max_length=300)

    class Meta(ProgramPart.Meta):
        verbose_name = _("step")
        verbose_name_plural = _("steps")

    def __str__(self):
        return self.text or f"({self.pk})"


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

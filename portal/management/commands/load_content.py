import tomllib
from decimal import Decimal
from pathlib import Path

from django.conf import settings
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from contact.models import AnswerTemplate
from partners.models import Country
from portal.bilingual import parity
from portal.bilingual.publishing import Published
from portal.models import Centre, Department, LoadedEntry, Page, Term
from programs.models import Area, Program

# The files of portal/content/: file name, model, and the field that identifies an entry. A file comes after those that
# it refers to.
FILES = [
    ("department", Department, None),
    ("areas", Area, "slug"),
    ("centres", Centre, "slug"),
    ("countries", Country, "slug"),
    ("programs", Program, "slug"),
    ("pages", Page, "slug"),
    ("terms", Term, "name_en"),
    ("answer_templates", AnswerTemplate, "title_en"),
]


class Command(BaseCommand):
    help = "Loads the first content: creates what was never loaded, and leaves alone what staff have changed."

    def add_arguments(self, parser):
        default = settings.BASE_DIR / "portal/content"
        parser.add_argument("--folder", type=Path, default=default, help="where the files lie")

    @transaction.atomic
    def handle(self, *, folder, verbosity, **options):
        loaded = set(LoadedEntry.objects.values_list("name", flat=True))
        for name, model, key in FILES:
            created = 0
            entries = read(folder / f"{name}.toml")
            for entry in entries:
                label = f"{model._meta.model_name}:{entry.get(key)}" if key else model._meta.model_name
                if label in loaded or (key and model.objects.filter(**{key: entry.get(key)}).exists()):
                    continue
                row = create(model, entry, f"{name}.toml, {label}")
                LoadedEntry.objects.create(name=label, row=row.pk)
                # It was written as a pair.
                parity.confirm(row)
                created += 1
            if verbosity:
                self.stdout.write(f"  {name}: {created} created, {len(entries) - created} already there")


def read(path):
    """Returns the entries of a file: its only table, or its only list of tables. Raises CommandError otherwise."""
    try:
        with path.open("rb") as file:
            content = tomllib.load(file, parse_float=Decimal)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CommandError(f"{path.name}: {error}") from error
    if len(content) != 1:
        raise CommandError(f"{path.name}: holds {len(content)} tables where one is expected")
    [entries] = content.values()
    entries = entries if isinstance(entries, list) else [entries]
    check(all(isinstance(entry, dict) for entry in entries), f"{path.name}: holds something that is no table")
    return entries


def check(right, message):
    if not right:
        raise CommandError(message)


def create(model, entry, where, **given):
    """Creates a row, published in both languages. Raises CommandError, which names `where` and the wrong field."""
    columns, many, children = {}, {}, {}
    # An entry must set the language columns of a translated field, not the field itself.
    originals = {field.translated_field.name for field in model._meta.fields if hasattr(field, "translated_field")}
    for name, value in entry.items():
        place = f"{where}, {name}"
        check(name not in originals, f"{place}: say in which language, as in {name}_en")
        try:
            field = model._meta.get_field(name)
        except FieldDoesNotExist:
            raise CommandError(f"{place}: there is no such field") from None
        if field.one_to_many:
            check(is_list_of(dict, value), f"{place}: must be a list of tables")
            children[field] = value
        elif field.many_to_many:
            check(is_list_of(str, value), f"{place}: must be a list of names")
            many[name] = [referred(field, slug, place) for slug in value]
        elif field.many_to_one:
            columns[name] = referred(field, value, place)
        else:
            plain = isinstance(value, str | int | Decimal) or is_list_of(str, value)
            check(plain, f"{place}: must be a text or a number")
            columns[name] = "\n".join(value) if isinstance(value, list) else value
    if issubclass(model, Published):
        columns |= dict.fromkeys(["published_at_zh_hans", "published_at_en"], timezone.now())
    row = model(**columns, **given)
    try:
        row.full_clean(exclude=originals)
    except ValidationError as error:
        faults = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
        raise CommandError(f"{where}, {faults}") from error
    row.save()
    for name, values in many.items():
        getattr(row, name).set(values)
    for field, entries in children.items():
        for order, child in enumerate(entries, 1):
            parent = {field.field.name: row, "sort_order": order * 10}
            create(field.related_model, child, f"{where}, {field.name} {order}", **parent)
    return row


def is_list_of(kind, value):
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def referred(field, slug, place):
    """Returns the row that was loaded as `slug`, even if staff have renamed it, or raises CommandError."""
    model = field.related_model
    loaded = LoadedEntry.objects.filter(name=f"{model._meta.model_name}:{slug}").values("row")
    row = model.objects.filter(pk__in=loaded).first() or model.objects.filter(slug=str(slug)).first()
    check(row, f"{place}: there is no {model._meta.model_name} “{slug}”")
    return row

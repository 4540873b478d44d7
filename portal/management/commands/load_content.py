import tomllib
from decimal import Decimal

from django.conf import settings
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from partners.models import Country
from portal.models import Centre, Department, LoadedEntry, Page
from portal.publishing import Published
from programs.models import Area, Program

# The files of portal/content/, in the order in which entries refer to one another: name of file, model,
# and the field that names an entry.
FILES = [
    ("department", Department, None),
    ("areas", Area, "slug"),
    ("centres", Centre, "slug"),
    ("countries", Country, "slug"),
    ("programs", Program, "slug"),
    ("pages", Page, "slug"),
]


class Command(BaseCommand):
    help = "Loads the first content: creates what was never loaded, and leaves alone what staff have changed."

    def add_arguments(self, parser):
        parser.add_argument("--folder", default=settings.BASE_DIR / "portal/content", help="where the files lie")

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
                create(model, entry, f"{name}.toml, {label}")
                LoadedEntry.objects.create(name=label)
                created += 1
            if verbosity:
                self.stdout.write(f"  {name}: {created} created, {len(entries) - created} already there")


def read(path):
    """The entries of one file: its only table, or the only list of tables."""
    try:
        with path.open("rb") as file:
            content = tomllib.load(file, parse_float=Decimal)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CommandError(f"{path.name}: {error}") from error
    if len(content) != 1:
        raise CommandError(f"{path.name}: holds {len(content)} tables where one is expected")
    [entries] = content.values()
    return entries if isinstance(entries, list) else [entries]


def create(model, entry, where):
    """A row of `model` from `entry`, published in both languages; CommandError names the field at fault."""
    columns, many, children = {}, {}, {}
    for name, value in entry.items():
        try:
            field = model._meta.get_field(name)
        except FieldDoesNotExist:
            raise CommandError(f"{where}, {name}: there is no such field") from None
        if field.one_to_many:
            children[field] = value
        elif field.many_to_many:
            many[name] = [referred(field, slug, where) for slug in value]
        elif field.many_to_one:
            columns[name] = referred(field, value, where)
        else:
            columns[name] = "\n".join(value) if isinstance(value, list) else value
    if issubclass(model, Published):
        columns |= dict.fromkeys(["published_at_zh_hans", "published_at_en"], timezone.now())
    row = save(model, columns, where)
    for name, values in many.items():
        getattr(row, name).set(values)
    for field, entries in children.items():
        for order, child in enumerate(entries, 1):
            place = {field.field.name: row, "sort_order": order * 10}
            save(field.related_model, child | place, f"{where}, {field.name} {order}")


def save(model, columns, where):
    row = model(**columns)
    # A translated model's original column holds no content of its own: only its language columns count.
    original = [field.translated_field.name for field in model._meta.fields if hasattr(field, "translated_field")]
    try:
        row.full_clean(exclude=original)
    except ValidationError as error:
        faults = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
        raise CommandError(f"{where}, {faults}") from error
    row.save()
    return row


def referred(field, slug, where):
    try:
        return field.related_model.objects.get(slug=slug)
    except field.related_model.DoesNotExist:
        raise CommandError(
            f"{where}, {field.name}: there is no {field.related_model._meta.model_name} “{slug}”"
        ) from None

"""
Invented rows in any number: programs with all that pages show of them, and enquiries with all that the desk keeps.

`PORTAL_DATA=var/large DJANGO_SETTINGS_MODULE=portal.settings python -m bench.rows 10000 100000` makes a database in
that folder, with the first content, 10,000 programs and 100,000 enquiries. Equal numbers give equal texts and states.
"""

import random
import re
import sys
from datetime import timedelta
from itertools import islice
from pathlib import Path
from uuid import uuid4

import django

CONTENT = Path(__file__).resolve().parent.parent / "portal/content"
# The number of different texts, and of the Chinese characters of each.
DOCUMENTS, CHARACTERS = 10_000, 500
# Of so many programs, one has an institution and one a resource of its own.
SHARE = 5
# The days in which the enquiries came, those of the answered ones, and those of the account events. The worker has
# nothing to close, to erase or to delete.
DAYS, RECENT, ACCOUNT_DAYS = 600, 20, 80
# The share of older enquiries that still wait.
WAITING = 0.03
BATCH = 500
# So many enquiries are made one by one. If more are asked for, these are copied, so ask for a multiple.
COPIED = 1000
SENTENCE = "What should two visiting teachers prepare, and by when? "


def texts():
    """
    Yields the title and text of each document in Chinese and in English, the same at every run.

    Their words are those of the first content and invented ones. As in natural texts, few are in every document and
    many are rare: the chance of a word falls with its rank (Zipf's law).
    """
    chance = random.Random(12)  # noqa: S311
    content = "".join(path.read_text() for path in sorted(CONTENT.glob("*.toml")))
    # The frequent characters, those of the first level of GB 2312.
    common = bytes(byte for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFA) for byte in (row, cell)).decode(
        "gb2312", "ignore"
    )
    chinese = sorted({*re.findall(r"[\u4e00-\u9fff]{2,6}", content)})
    chinese += ["ISO", "UK", *("".join(chance.choices(common, k=2)) for _ in range(5000))]
    english = sorted({*re.findall("[A-Za-z]+", content)})
    for words in (chinese, english):
        chance.shuffle(words)
    chinese = ["，", "的", "。", "、", *chinese]
    shares = [1 / rank for rank in range(2, len(chinese) + 2)]
    for number in range(DOCUMENTS):
        text = "".join(chance.choices(chinese, shares, k=CHARACTERS // 2))[:CHARACTERS]
        words = " ".join(chance.choices(english, shares[: len(english)], k=80))
        yield f"{''.join(chance.choices(chinese, k=3))}{number}", text, f"Document {number} {words[:40]}", words


def fill_programs(number):
    """Adds programs until there are `number`, at most DOCUMENTS, with their parts, institutions and resources."""
    from django.db import transaction
    from django.utils import timezone

    from partners.models import Country, Institution
    from portal import search_index
    from portal.bilingual import parity
    from portal.models import Centre
    from programs.models import Area, Certificate, Material, Program, Question, Resource, Step

    now = timezone.now()
    published = {"published_at_zh_hans": now, "published_at_en": now, "updated_at": now}
    areas, centres, countries = [*Area.objects.all(), None], list(Centre.objects.all()), list(Country.objects.all())
    first = Program.objects.count()
    with transaction.atomic():
        programs, parts, institutions, resources, files, relations = [], [], [], [], [], []
        for place, words in enumerate(islice(texts(), first, number)):
            title, text, english_title, english = words
            content = {
                "title_zh_hans": title,
                "summary_zh_hans": text[:60],
                "body_zh_hans": f"<p>{text}</p>",
                "title_en": english_title,
                "summary_en": english[:120],
                "body_en": f"<p>{english}</p>",
                **published,
            }
            program = Program(slug=f"program-{first + place}", area=areas[place % len(areas)], **content)
            country = countries[place % len(countries)]
            programs.append(program)
            parts += [Step(program=program, text_zh_hans=text[n : n + 30], text_en=english[:60]) for n in range(3)]
            parts += [Material(program=program, name_zh_hans=text[n : n + 9], name_en=english[:30]) for n in range(2)]
            answer = {"answer_zh_hans": f"<p>{text[30:90]}</p>", "answer_en": f"<p>{english[60:180]}</p>"}
            parts += [Question(program=program, question_zh_hans=text[:20], question_en=english[:60], **answer)]
            relations += [(program, "centres", centre) for centre in centres[place % 3 : place % 3 + 1 + place % 2]]
            relations += [(program, "countries", row) for row in {country, countries[place * 3 % len(countries)]}]
            if place % SHARE == 0:
                names = {"name_zh_hans": title, "name_en": english_title}
                parts.append(Certificate(program=program, country=country, **names, **published))
                institution = Institution(country=country, summary_zh_hans=text[:60], **names, **published)
                institutions.append(institution)
                relations.append((program, "institutions", institution))
                kind = Resource.Kind.values[place % len(Resource.Kind.values)]
                resource = Resource(slug=f"resource-{first + place}", kind=kind, **content)
                resources.append(resource)
                relations += [(resource, "programs", program), (resource, "countries", country)]
                files.append(resource_file(resource, now))
        for rows in (programs, institutions, resources, files, parts):
            for model in dict.fromkeys(map(type, rows)):
                add(model, [row for row in rows if type(row) is model])
        connect(relations)
    search_index.mend()
    parity.mend()


def add(model, rows):
    """Stores `rows` past the QuerySet of their model, which would bring the search index into step row by row."""
    from django.db.models import QuerySet

    QuerySet(model).bulk_create(rows, BATCH)


def connect(relations):
    """Stores (row, name of a many-to-many relation, related row) for each of `relations`."""
    links = {}
    for row, name, related in relations:
        field = row._meta.get_field(name)
        keys = {field.m2m_column_name(): row.pk, field.m2m_reverse_name(): related.pk}
        links.setdefault(field.remote_field.through, []).append(keys)
    for through, keys in links.items():
        through._base_manager.bulk_create([through(**key) for key in keys], BATCH)


def resource_file(resource, now):
    """Returns an unsaved ResourceFile, whose file is on the disk."""
    from programs.models import ResourceFile, resource_storage

    name, content = uuid4().hex, b"%PDF-1.7 invented"
    path = Path(resource_storage().path(name))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    described = {"name": "invented.pdf", "content_type": "application/pdf", "size": len(content), "sha256": "0" * 64}
    return ResourceFile(resource=resource, language="zh-hans", version="1", dated=now.date(), file=name, **described)


def fill_enquiries(number):
    """Adds `number` enquiries to a database without any, with their events, mails and answers, and account events."""
    made = min(number, COPIED)
    make_enquiries(made)
    if number > made:
        copy_enquiries(made, number // made - 1)


def make_enquiries(number):
    from django.db import transaction
    from django.utils import timezone

    from portal.management.demo_enquiries import clock_at
    from portal.models import AccountEvent, User
    from programs.models import Program

    chance, now = random.Random(number), timezone.now()  # noqa: S311
    staff = [User.objects.get_or_create(username=f"desk-{place}", is_staff=True)[0] for place in range(5)]
    programs = list(Program.objects.all())
    with transaction.atomic():
        for place in range(number):
            age = timedelta(days=DAYS) * (1 - place / number)
            with clock_at(now - age):
                add_enquiry(enquiry(chance, age, staff, programs))
            with clock_at(now - age * ACCOUNT_DAYS / DAYS):
                AccountEvent.objects.create(kind=chance.choice(["signed_in", "failed"]), account="desk-0")


def enquiry(chance, age, staff, programs):
    """Returns an unsaved Enquiry that was received `age` ago, which is now."""
    from django.utils import timezone

    from contact.models import Enquiry, State

    if age < timedelta(days=RECENT):
        state = chance.choice([State.RECEIVED, State.IN_PROGRESS, State.ANSWERED])
    elif chance.random() < WAITING:
        state = chance.choice([State.RECEIVED, State.IN_PROGRESS])
    else:
        state = chance.choices([State.CLOSED, State.SPAM], [19, 1])[0]
    received = timezone.now()
    row = Enquiry(
        language=chance.choice(["zh-hans", "en"]),
        privacy_version="0123456789ab",
        organisation=f"Invented College {chance.randrange(5000)}",
        territory=chance.choices(["CN", "GB", "DE", "JP", "VN"], [80, 5, 5, 5, 5])[0],
        person=f"Person {chance.randrange(9000)}",
        email=f"person{chance.randrange(60_000)}@college.example",
        program=chance.choice([*programs[:200], chance.choice(programs)]),
        message=SENTENCE * chance.randint(1, 9),
        state=state,
        owner=None if state == State.RECEIVED else chance.choice(staff),
        due_on=(received + timedelta(days=14)).date(),
    )
    if state in (State.ANSWERED, State.CLOSED):
        row.answered_at = received
    if row.is_finished:
        row.closed_at, row.erase_on = received, (received + timedelta(days=730)).date()
    return row


def add_enquiry(row):
    """Stores an Enquiry, and what its state implies."""
    from post_office.models import STATUS, Email

    from contact.models import Answer, Event, State

    row.save()
    steps = [("received", None)]
    if row.owner:
        steps += [("viewed", row.owner), ("assigned", row.owner), ("moved", row.owner, State.IN_PROGRESS)]
    if row.answered_at:
        steps += [("answered", row.owner), ("moved", row.owner, State.ANSWERED)]
    if row.is_finished:
        steps.append(("moved", row.owner, row.state))
    Event.objects.bulk_create([Event.of(row, *step) for step in steps])
    text = {"subject": row.reference, "message": SENTENCE * 5, "html_message": f"<p>{SENTENCE * 9}</p>"}
    described = {"from_email": "portal@example.com", "to": [row.email], "status": STATUS.sent, "priority": 1, **text}
    mails = Email.objects.bulk_create([Email(**described) for _mail in range(3 if row.answered_at else 2)])
    row.mails.add(*mails)
    if row.answered_at:
        Answer.objects.create(enquiry=row, author=row.owner, text=SENTENCE * 4, mail=mails[-1])


def copy_enquiries(made, times):
    """Copies the `made` enquiries, and all that belongs to them, so many `times`: with SQL, because they are many."""
    from django.core.management.color import no_style
    from django.db import connection, transaction
    from post_office.models import Email

    from contact.models import Answer, Enquiry, Event
    from portal.models import AccountEvent

    models = [Email, Enquiry, Enquiry.mails.through, Event, Answer, AccountEvent]
    with transaction.atomic(), connection.cursor() as cursor:
        last = {model: model._base_manager.latest("pk").pk for model in models}
        for model in models:
            columns, values = [], []
            for field in model._meta.concrete_fields:
                if field.generated:
                    continue
                column = value = connection.ops.quote_name(field.column)
                if field.primary_key or field.related_model in last:
                    value = f"{column} + n * {last[model if field.primary_key else field.related_model]}"
                elif field.name == "reference":
                    value = "CAST(10000000 + id + n * 1000 AS varchar(8))"
                elif field.unique:
                    value = f"substr({column}, 1, 16) || n"
                columns.append(column)
                values.append(value)
            cursor.execute(
                "WITH RECURSIVE copies(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < %s)"  # noqa: S608
                f" INSERT INTO {model._meta.db_table} ({', '.join(columns)})"
                f" SELECT {', '.join(values)} FROM {model._meta.db_table}, copies ORDER BY n, id",
                [times],
            )
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)


def main(programs, enquiries):
    """Makes the database of the settings, and fills it."""
    from django.core.management import call_command

    for command in ("migrate", "createcachetable", "load_content"):
        call_command(command, verbosity=0)
    fill_programs(programs)
    fill_enquiries(enquiries)


if __name__ == "__main__":
    django.setup()
    main(*map(int, sys.argv[1:]))

"""
Enquiries by the thousand, as two years leave them, for what measures the desk.

Most are closed. One in eleven is open or answered, and some are spam, withdrawn, erased or duplicates. Each has its
events, mails, answers, notes and messages, as far as its state allows. The same number gives the same rows.
"""

import random
from contextlib import contextmanager
from datetime import timedelta

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone
from post_office.models import STATUS, Email, Log

from contact.models import FINISHED, PERSONAL_FIELDS, Answer, Attachment, Enquiry, Event, Message, Note, State
from partners.models import Country
from portal.models import AccountEvent
from programs.models import Program

# How long ago the first one was received.
PERIOD = timedelta(days=730)
BATCH = 2000
DESK = 5
SENTENCE = "我们希望了解合作院校的课程设置、学分互认的条件和需要准备的材料。What should two visiting teachers prepare? "
HTML = "<!doctype html><html><body>" + "<p>A paragraph of a mail, as long as those of a mail usually are.</p>" * 12


@contextmanager
def dates_as_given():
    """A context manager in which no model sets a date by itself when a row is stored."""
    dated = [
        (field, name)
        for model in (Enquiry, Event, Answer, Note, Message, Email, AccountEvent)
        for field in model._meta.fields
        for name in ("auto_now", "auto_now_add")
        if getattr(field, name, False)
    ]
    for field, name in dated:
        setattr(field, name, False)
    try:
        yield
    finally:
        for field, name in dated:
            setattr(field, name, True)


def fill(number: int):
    """Stores `number` enquiries with all that belongs to them, and two account events for each."""
    chance = random.Random(number)  # noqa: S311
    users = get_user_model().objects
    staff = [users.get_or_create(username=f"desk-{n}", is_staff=True)[0] for n in range(DESK)]
    with dates_as_given():
        programs, countries = list(Program.objects.all()), list(Country.objects.all())
        now, mains = timezone.now(), []
        for start in range(0, number, BATCH):
            places = range(start, min(start + BATCH, number))
            with transaction.atomic():
                made = [
                    enquiry(chance, now - PERIOD * (1 - place / number), now, staff, programs, countries)
                    for place in places
                ]
                for row in made:
                    if row.state == State.CLOSED and mains and chance.random() < 0.03:
                        row.merged_into = chance.choice(mains)
                Enquiry.objects.bulk_create(made)
                mains = [row for row in made if row.merged_into_id is None] or mains
                add_parts(chance, made, staff)
        events = [
            AccountEvent(
                at=now - timedelta(days=90) * (1 - n / (2 * number)),
                kind=chance.choice(["signed_in", "signed_in", "failed"]),
                account=f"desk-{n % DESK}",
                address=f"10.0.{n % 200}.{n % 250}",
            )
            for n in range(2 * number)
        ]
        AccountEvent.objects.bulk_create(events, batch_size=BATCH)


def enquiry(chance, received, now, staff, programs, countries):
    age = now - received
    state = chance.choices(list(State), [2, 3, 6, 83, 5, 1])[0]
    if age > timedelta(days=120) and state in (State.RECEIVED, State.IN_PROGRESS, State.ANSWERED):
        state = State.CLOSED if chance.random() < 0.9 else state
    row = Enquiry(
        fingerprint=None if state in FINISHED else f"{chance.getrandbits(256):064x}",
        form_nonce=None if state in FINISHED else f"{chance.getrandbits(88):022x}",
        created_at=received,
        language=chance.choice(["zh-hans", "zh-hans", "en"]),
        privacy_version="0123456789ab",
        organisation=f"{chance.choice(['北京', '广东', '江苏', 'Leeds', 'Bremen'])}职业学院 {chance.randrange(5000)}",
        territory=chance.choices(
            ["CN", "GB", "DE", "JP", "AU", "KR", "US", "NZ", "FR", "VN"], [80, 5, 4, 3, 2, 2, 1, 1, 1, 1]
        )[0],
        person=f"Person {chance.randrange(9000)}",
        email=f"person{chance.randrange(60_000)}@college{chance.randrange(900)}.example",
        telephone="010-12345678",
        program=chance.choice([*programs, None]),
        country=chance.choice([*countries, None, None]),
        message=SENTENCE * chance.randint(1, 6),
        state=state,
        owner=chance.choice(staff) if state != State.RECEIVED else None,
        due_on=(received + timedelta(days=14)).date(),
    )
    if state in (State.ANSWERED, State.CLOSED) and chance.random() < 0.95:
        row.answered_at = received + timedelta(days=chance.uniform(0, 12))
    if state in FINISHED:
        row.closed_at = min(now, received + timedelta(days=chance.uniform(12, 45)))
        kept = {State.CLOSED: 730, State.SPAM: 30, State.WITHDRAWN: 0}[state]
        row.erase_on = (row.closed_at + timedelta(days=kept)).date()
        is_due = row.erase_on <= now.date()
        if is_due or (state == State.CLOSED and chance.random() < 0.02):
            row.erased_at = min(now, max(row.closed_at, received + timedelta(days=kept)))
            for name in PERSONAL_FIELDS:
                setattr(row, name, "")
    return row


def add_parts(chance, rows, staff):
    events, mails, of, answers, others = [], [], [], [], []
    for row in rows:
        actor, begin = row.owner or staff[0], row.created_at
        kinds = [("received", None, ""), ("viewed", actor, "")]
        if row.owner:
            kinds += [("assigned", actor, actor.username), ("moved", actor, "in_progress")]
        if row.answered_at:
            kinds += [("viewed", actor, ""), ("answered", actor, ""), ("moved", actor, "answered")]
        if row.state in FINISHED:
            kinds.append(("moved", None if row.state == State.CLOSED else actor, row.state))
        if row.erased_at:
            kinds.append(("erased", None, ""))
        if chance.random() < 0.02:
            kinds.append(("withheld", None, ""))
        for place, (kind, who, detail) in enumerate(kinds):
            event = Event.of(row, kind, who, detail)
            event.at = begin + timedelta(hours=30 * place)
            events.append(event)
        for number in range(2 + bool(row.answered_at)):
            status = chance.choices([STATUS.sent, STATUS.failed, STATUS.queued], [995, 4, 1])[0]
            if row.is_finished and status == STATUS.queued:
                status = STATUS.sent
            text = "" if row.erased_at else SENTENCE * 5
            mails.append(
                Email(
                    from_email="portal@example.com",
                    to=[] if row.erased_at else ["desk@example.com"],
                    subject="" if row.erased_at else "Subject",
                    message=text,
                    html_message=text and HTML,
                    status=status,
                    priority=1,
                    message_id=None if row.erased_at else f"<{chance.getrandbits(90)}@portal>",
                )
            )
            of.append((row, begin, number))
        if row.answered_at and not row.erased_at:
            answers.append(Answer(enquiry=row, author=actor, text=SENTENCE * 4))
        if not row.erased_at and chance.random() < 0.1:
            later = begin + timedelta(days=1)
            others.append(Note(enquiry=row, author=actor, text=SENTENCE, created_at=later))
            others.append(Message(enquiry=row, text=SENTENCE, created_at=later))
            others.append(
                Attachment(
                    enquiry=row,
                    file=f"attachments/{chance.getrandbits(128):032x}",
                    name="a.pdf",
                    content_type="application/pdf",
                    size=1000,
                )
            )
    Event.objects.bulk_create(events, batch_size=BATCH)
    for mail, (_row, begin, number) in zip(mails, of, strict=True):
        mail.created = mail.last_updated = begin + timedelta(days=2 * (number // 2))
    Email.objects.bulk_create(mails, batch_size=BATCH)
    through = Enquiry.mails.through
    through.objects.bulk_create(
        [through(enquiry=row, email=mail) for mail, (row, *_) in zip(mails, of, strict=True)], batch_size=BATCH
    )
    Log.objects.bulk_create(
        Log(email=mail, status=STATUS.failed, exception_type="PermanentRefusal", message="550 no such mailbox")
        for mail in mails
        if mail.status == STATUS.failed
    )
    third = {row.pk: mail for mail, (row, _begin, number) in zip(mails, of, strict=True) if number == 2}
    for answer in answers:
        answer.mail = third[answer.enquiry_id]
        answer.created_at = answer.enquiry.answered_at
    Answer.objects.bulk_create(answers, batch_size=BATCH)
    for model in (Note, Message, Attachment):
        model.objects.bulk_create([row for row in others if isinstance(row, model)], batch_size=BATCH)

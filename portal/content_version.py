"""
The content version: what a finished page was made from.

It changes with every change of a table that public pages are made of, in the transaction of the change. Triggers of the
database see to that, so it holds for update(), bulk work, imports and SQL too. It also changes when the time comes at
which something scheduled is published, see Schedule, and when somebody confirms or checks a page, if pages show that;
see change_if_shown().
"""

import secrets
from datetime import datetime
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.cache import caches
from django.db import DatabaseError, connection, models, transaction
from django.db.models import F, Min, Q
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import get_language

from portal.bilingual import publishing
from portal.bilingual.changes import notes_change
from portal.bilingual.languages import language_of_path
from portal.bilingual.publishing import Published, in_both_languages

# What pages show if the department has this setting; see change_if_shown().
SHOWN_IF = {"portal.parity": "says_out_of_step", "portal.review": "says_checked"}
# What no public page shows: whole apps, and models of the others. Its changes leave the content version as it is.
NOT_ON_PAGES = {
    "contact",
    "portal.accountevent",
    "portal.change",
    "portal.confirmation",
    "portal.contentversion",
    "portal.draft",
    "portal.formerslug",
    "portal.lease",
    "portal.loadedentry",
    "portal.scheduledpublication",
    "portal.searchentry",
    "portal.searchtext",
    "portal.user",
    "portal.writer",
    "programs.downloadcount",
    *SHOWN_IF,
}
# The models that public pages are made of; see register().
CONTENT = []

TRIGGER = "portal_content_version"
# Both fill the row if it is missing, as after TRUNCATE. `as_of` is the time of the change, by the database's clock.
SQLITE = """
CREATE TRIGGER {trigger}_{table}_{event} AFTER {event} ON "{table}" BEGIN
  UPDATE portal_contentversion SET number = number + 1, token = lower(hex(randomblob(8))),
    as_of = max(as_of, strftime('%Y-%m-%d %H:%M:%f', 'now'));
  INSERT INTO portal_contentversion (id, number, token, as_of)
    SELECT 1, 1, lower(hex(randomblob(8))), strftime('%Y-%m-%d %H:%M:%f', 'now')
    WHERE NOT EXISTS (SELECT 1 FROM portal_contentversion);
END
"""
# Before the statement: of two transactions that change content, the second waits before it locks any row of it, so that
# they do not wait for each other.
POSTGRESQL = """
CREATE OR REPLACE TRIGGER {trigger} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON "{table}"
  FOR EACH STATEMENT EXECUTE FUNCTION {trigger}()
"""
POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION {trigger}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO portal_contentversion AS row (id, number, token, as_of)
    VALUES (1, 1, left(md5(gen_random_uuid()::text), 16), clock_timestamp())
    ON CONFLICT (id) DO UPDATE
      SET number = row.number + 1, token = excluded.token, as_of = greatest(row.as_of, excluded.as_of);
  RETURN NULL;
END $$
"""


class Version(NamedTuple):
    """
    The state of all content that public pages show.

    `number` grows. `token` is random and drawn anew by each change, so that a restored database, which counts from an
    earlier number again, never repeats the version of other content. `as_of` is the time at which the content was at
    the latest what it is.
    """

    number: int
    token: str
    as_of: datetime

    def __str__(self):
        """The name of the version, which no other content has."""
        return f"{self.number}-{self.token}"


class ContentVersion(models.Model):
    """The one row with the current Version."""

    number = models.PositiveBigIntegerField(default=1)
    token = models.CharField(max_length=16)
    as_of = models.DateTimeField()

    class Meta:
        app_label = "portal"
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="portal_contentversion_only_one")]

    def __str__(self):
        return str(Version(self.number, self.token, self.as_of))


def register(model):
    """Class decorator: public pages show rows of this model, so every change of its table changes the version."""
    CONTENT.append(model)
    return model


def read() -> Version:
    """Returns the current version, with one query. What is read afterwards is not older. Raises DatabaseError."""
    row = ContentVersion.objects.values_list("number", "token", "as_of").first()
    # Without a row, before the first migration, no two versions are the same.
    version = Version(*row) if row else Version(0, new_token(), timezone.now())
    publishing.see(version.as_of)
    return version


def is_missing() -> bool:
    """Returns whether the database answers and lacks the table of the version, as an old backup may."""
    try:
        return ContentVersion._meta.db_table not in connection.introspection.table_names()
    except DatabaseError:
        return False


def once(version: str | None, name: str, make):
    """
    Returns what `make` returns. Each process makes it once for each `version`, see ContentVersionMiddleware, and
    language. Without a version it is made anew.

    It can be pickled, and depends on nothing but `name`, the content and the active language.
    """
    if not version:
        return make()
    return caches["template_fragments"].get_or_set(f"{name}.{version}.{get_language()}", make, None)


class ContentVersionMiddleware:
    """
    Sets `request.content_version` to the name of the current Version if a public page is requested.

    It is read before anything else that the page shows. So whatever is kept of the page under this name is never older
    than the version. Other requests, such as a form that is submitted, get no version.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.method in ("GET", "HEAD") and language_of_path(request.path_info):
            request.content_version = str(read())
        return self.get_response(request)


def change(moment, *conditions) -> bool:
    """Changes the version, with `moment` as its `as_of`, if its row meets `conditions`. Returns whether it did."""
    rows = ContentVersion.objects.filter(*conditions)
    return rows.update(number=F("number") + 1, token=new_token(), as_of=moment) == 1


def change_if_shown(sender, **kwargs):
    """
    Changes the version if the department lets pages show the rows of `sender` that are about to change.

    It comes before any row is locked, as all changes of content do. Receiver of notes_change.
    """
    setting = SHOWN_IF[sender._meta.label_lower]
    if apps.get_model("portal", "department").objects.filter(**{setting: True}).exists():
        change(Greatest(F("as_of"), timezone.now()))


notes_change.connect(change_if_shown)


def new_token() -> str:
    return secrets.token_hex(8)


def next_moment(since) -> datetime | None:
    """Returns the first time after `since` at which anything scheduled is published, or None."""
    columns = in_both_languages("published_at")
    moments = []
    for model in CONTENT:
        if issubclass(model, Published):
            later = {f"next_{name}": Min(name, filter=Q(**{f"{name}__gt": since})) for name in columns}
            found = model._base_manager.aggregate(**later)
            moments += filter(None, found.values())
    return min(moments, default=None)


def pass_moments(moment) -> bool:
    """
    Changes the version if `moment`, returned by next_moment(), has come. Returns whether it did.

    Of several workers one changes it. An `as_of` of a clock that was far ahead is corrected.
    """
    now = timezone.now()
    is_earlier = Q(as_of__lt=moment) | Q(as_of__gt=now + publishing.CLOCKS_DIFFER)
    return moment <= now and change(now, is_earlier)


class Schedule:
    """Passes the moments at which something scheduled is published. Each worker has one."""

    def __init__(self):
        self.version, self.moment = None, None

    def step(self):
        """Passes the next moment if it has come. Call it about twice a second. Raises DatabaseError."""
        version = read()
        if version != self.version:
            self.version, self.moment = version, next_moment(min(version.as_of, timezone.now()))
        if self.moment and self.moment <= timezone.now() and not pass_moments(self.moment):
            # Another worker has passed it, or a change of content.
            self.moment = next_moment(timezone.now())


def tables() -> list[str]:
    """Returns the tables whose changes change the version: those of CONTENT and of its many-to-many relations."""
    through = (field.remote_field.through for model in CONTENT for field in model._meta.local_many_to_many)
    return sorted({model._meta.db_table for model in chain(CONTENT, through)})


@cache
def statements(vendor) -> dict[str, list[str]]:
    """Returns the SQL that creates the triggers of each table, for a database of `vendor`."""
    if vendor == "postgresql":
        return {table: [POSTGRESQL.format(trigger=TRIGGER, table=table)] for table in tables()}
    return {
        table: [SQLITE.format(trigger=TRIGGER, table=table, event=event) for event in ("insert", "update", "delete")]
        for table in tables()
    }


def install_triggers(plan=(), **kwargs):
    """
    Creates all triggers anew: SQLite drops them when a migration remakes their table. Receiver of post_migrate.

    A `plan` of migrations changes the version: they may have changed content while there were no triggers.
    """
    existing = set(connection.introspection.table_names())
    if ContentVersion._meta.db_table not in existing:
        return
    wanted = [
        statement
        for table, created in statements(connection.vendor).items()
        if table in existing
        for statement in created
    ]
    if connection.vendor == "postgresql":
        # Each in a transaction of its own: with many tables locked, this and a change of content could lock each other.
        with connection.cursor() as cursor:
            for statement in [POSTGRESQL_FUNCTION.format(trigger=TRIGGER), *wanted]:
                cursor.execute(statement)
    else:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE %s", [f"{TRIGGER}%"])
            for statement in [*(f'DROP TRIGGER "{name}"' for (name,) in cursor.fetchall()), *wanted]:
                cursor.execute(statement)
    ContentVersion.objects.get_or_create(pk=1, defaults={"token": new_token(), "as_of": timezone.now()})
    if plan:
        change(timezone.now())


@checks.register(checks.Tags.models)
def check_models(app_configs, **kwargs) -> list:
    """System check: each model of the portal's apps is registered or named in NOT_ON_PAGES."""
    own_apps = [app for app in apps.get_app_configs() if Path(app.path).parent == settings.BASE_DIR]
    ours = chain.from_iterable(app.get_models() for app in own_apps)
    return [
        checks.Error(
            f"{model._meta.label} is neither registered with content_version nor named in NOT_ON_PAGES.",
            hint="If a public page shows its rows, register it: otherwise visitors see old pages after a change.",
            obj=model,
            id="portal.E001",
        )
        for model in ours
        if model not in CONTENT and not {model._meta.app_label, model._meta.label_lower} & NOT_ON_PAGES
    ]

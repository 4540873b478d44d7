"""Draft, the model: what staff have typed for a row, and the merging of it."""

import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core import signing
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from modeltranslation.utils import build_localized_fieldname

from portal.bilingual.drafts.paths import (
    DELETE,
    is_new,
    is_removal,
    language_of,
    name_of,
    new_row,
    replacement_key,
    row_of,
    rows_of,
)
from portal.bilingual.drafts.values import CLEAR, fingerprint, is_file, is_number
from portal.bilingual.history.models import Change
from portal.bilingual.languages import LANGUAGES

# The right to make public what one may write, and to change the address of a page, and those to translate.
PUBLISH = "portal.publish_content"
TRANSLATE = {language: f"portal.translate_{language.replace('-', '_')}" for language in LANGUAGES}

PREVIEW_SALT = "portal.preview"
PREVIEW_FOR = timedelta(days=1)


class DraftQuerySet(models.QuerySet):
    def of(self, model, keys):
        """Returns the drafts of the rows of `model` with these keys."""
        return self.filter(content_type=ContentType.objects.get_for_model(model), object_id__in=keys)

    def set_aside(self):
        """
        Lets drafts wait in the bin, with the rows that are about to be deleted, and locks them until then.

        They come back with these rows, but without their schedules and previews. Typing in a form that was opened for
        such a row when it was new begins another draft.
        """
        keys = [draft.pk for draft in self.select_for_update().order_by("pk")]
        ScheduledPublication.objects.filter(draft__in=keys).delete()
        Draft.objects.filter(pk__in=keys).update(key="", preview_key="")


class Draft(models.Model):
    """What staff have typed for a row, or for one that does not exist yet, and visitors do not see."""

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.PositiveBigIntegerField(null=True)
    row = GenericForeignKey()
    # Of a row that did not exist yet. Its form has this key from the beginning, and may be open until long after.
    key = models.CharField(max_length=32, blank=True)
    # By path: the "value", the published value that it was "base"d on, "by" whom, "at" what time and in which "form" it
    # was typed. There may be "rivals" too: the same five of each text that others typed for the field at the same time.
    entries = models.JSONField(default=dict)
    # What has become of rows that were new, or are gone: forms that were opened before know them by these paths.
    rows_renamed = models.JSONField(default=dict)
    # By path, in which form the published value was typed, and its fingerprint: who types on there is no rival of it.
    forms_published = models.JSONField(default=dict)
    # By path, the form in which something was typed that somebody else has set back to the published value.
    forms_set_back = models.JSONField(default=dict)
    # That both languages say the same with it: the fingerprint of such a "pair", "by" whom, with what "name", and "at"
    # what time.
    confirmed = models.JSONField(default=dict)
    changed_at = models.DateTimeField(auto_now=True)
    # Why it could not be published: messages by the path of the field, "" for the whole.
    refusals = models.JSONField(default=dict)
    # Part of each link to a preview. Without it there is none.
    preview_key = models.CharField(max_length=32, blank=True)

    objects = DraftQuerySet.as_manager()

    class Meta:
        app_label = "portal"
        verbose_name = _("draft")
        verbose_name_plural = _("drafts")
        # Across all pages: Django's own rights say in which ones. The names for staff are in portal.sign_in.rights.
        permissions = [
            ("publish_content", "Can publish content"),
            ("translate_zh_hans", "Can translate into Chinese"),
            ("translate_en", "Can translate into English"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["content_type", "object_id"], name="portal_draft_once"),
            models.UniqueConstraint(fields=["content_type", "key"], condition=~Q(key=""), name="portal_draft_key_once"),
        ]

    def __str__(self):
        row = self.row if self.object_id else None
        return str(row or self.title_of(self.content_type.model_class()))

    @property
    def mark(self) -> str:
        """A text that differs after each change of the draft. It is empty if the draft is not stored."""
        return self.changed_at.isoformat() if self.pk else ""

    @property
    def address(self) -> str:
        """The address of its form."""
        name = f"admin:{self.content_type.app_label}_{self.content_type.model}"
        if self.object_id:
            return reverse(f"{name}_change", args=[self.object_id])
        return reverse(f"{name}_add") + f"?draft={self.key}"

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be lost without it."""
        is_known_by_key = self.key and self.object_id
        is_remembered = self.rows_renamed or self.forms_published or self.forms_set_back or is_known_by_key
        is_scheduled = self.pk and self.scheduled.exists()
        return not (self.entries or self.preview_key or is_remembered or is_scheduled)

    def ensure(self):
        """Stores it if it is not stored yet. A colleague may have begun one for the same row meanwhile."""
        if self.pk is None:
            own = {"object_id": self.object_id} if self.object_id else {"key": self.key}
            self.pk = Draft.objects.get_or_create(content_type=self.content_type, **own)[0].pk
            self.refresh_from_db()

    def lock(self):
        """
        Locks the draft until the transaction ends, and reads it again, because another user may have changed it.

        Raises Draft.DoesNotExist if it was deleted.
        """
        self.refresh_from_db(from_queryset=Draft.objects.select_for_update())

    def keep(self):
        """Stores it, or deletes it if nothing would be lost."""
        if not self.entries:
            self.confirmed = {}
        if not self.is_empty:
            self.save()
        elif self.pk:
            self.delete()

    def store(self, **values) -> bool:
        """
        Stores these values and, if it is stored already, no others, which somebody else may have changed.

        Returns False if it was stored and is gone.
        """
        for name, value in values.items():
            setattr(self, name, value)
        if self.pk:
            return Draft.objects.filter(pk=self.pk).update(**values) == 1
        self.save()
        return True

    def title_of(self, model) -> str:
        """Returns the title that was typed for a new row of `model`, in the active language if it has one there."""
        for language in sorted(LANGUAGES, key=lambda each: each != get_language()):
            column = build_localized_fieldname(getattr(model, "title_field", "name"), language)
            if title := "".join(self.entries.get(column, {}).get("value", [])):
                return title
        return f"({self.pk})"

    def schedule(self, languages, at, user):
        """Lets `languages` be published by themselves at a time `at`, on behalf of `user`, as the draft is now."""
        for language in languages:
            entries = {
                path: {name: entry[name] for name in ("value", "base", "form", "by")}
                for path, entry in self.ready([language]).items()
            }
            about = {"at": at, "by": user, "entries": entries, "refusals": {}}
            self.scheduled.update_or_create(language=language, defaults=about)

    def unschedule(self, languages=LANGUAGES):
        """Leaves the publishing of `languages` to people."""
        if self.pk:
            self.scheduled.filter(language__in=languages).delete()

    def preview_token(self, language: str, is_pair: bool) -> str:
        """Returns the part of a link that shows a preview to whoever has it, for PREVIEW_FOR; see previewed()."""
        return signing.dumps([self.pk, self.preview_key, language, is_pair], salt=PREVIEW_SALT)

    @classmethod
    def previewed(cls, token: str) -> tuple | None:
        """Returns the draft, the language and whether both are shown for a `token`, or None if it no longer counts."""
        try:
            key, preview_key, language, is_pair = signing.loads(token, salt=PREVIEW_SALT, max_age=PREVIEW_FOR)
        except signing.BadSignature:
            return None
        draft = cls.objects.filter(pk=key, preview_key=preview_key).first()
        if draft is None or (draft.object_id and draft.row is None):
            return None
        return draft, language, is_pair

    def values(self, live: dict) -> dict:
        """Returns the values of the form by path: those of the published row, `live`, with what was typed over them."""
        return live | {path: entry["value"] for path, entry in self.entries.items()}

    def texts(self) -> dict:
        """Returns the fingerprints of all that was typed for each field, by path."""
        return {path: {fingerprint(side["value"]) for side in sides_of(it)} for path, it in self.entries.items()}

    def merge(self, typed: dict, shown: dict, live: dict, user, form="") -> list[str]:
        """
        Takes over what `user` typed in `form`. Returns the paths of fields that somebody else has changed meanwhile.

        `typed` are the values of the form by path, `shown` the fingerprints of those that it was opened with, and
        `live` the values of the published row. Who left a field as it was shown changes nothing. If two people changed
        one field, the value stays, and each later one becomes its rival, until somebody chooses. So it is if one
        removes a row that the other has changed. A row that is gone comes back if this user has changed it: no text is
        lost.
        """
        typed, shown, now = self.renamed(typed), self.renamed(shown), self.values(live)
        stamp = {"by": user.pk, "at": timezone.now().isoformat(), "form": form}
        # What somebody else has changed since the form was opened, and what this user has changed. A row that the form
        # itself has added has no fingerprint.
        others = {
            path
            for path in shown.keys() & now.keys()
            if shown[path] and shown[path] != fingerprint(now[path]) and not self.is_of(path, form, now[path])
        }
        mine = {
            path: value
            for path, value in typed.items()
            if now.get(path) != value
            and (shown.get(path) != fingerprint(value) or self.is_of(path, form, now.get(path)))
        }
        removed = {row_of(path) for path, value in typed.items() if is_new(row_of(path)) and is_removal(path, value)}
        removed |= {row for row in rows_of(shown) - rows_of(typed) if is_new(row)}
        self.forget(path for path in now if row_of(path) in removed - rows_of(others))
        gone = (rows_of(typed) & rows_of(path for path, mark in shown.items() if mark)) - rows_of(now)
        rivals = []
        for path, value in mine.items():
            row = row_of(path)
            if row in removed or row in gone or (is_new(row) and name_of(path) == DELETE):
                continue
            entry = {"value": value, "base": live.get(path), **stamp}
            # Who types over a text that has rivals adds one more, unless it is her own.
            is_contested = "rivals" in self.entries.get(path, {}) and self.entries[path]["by"] != user.pk
            is_set_back = bool(form) and self.forms_set_back.get(path) == form
            if path in others or is_contested or is_set_back or (is_removal(path, value) and row in rows_of(others)):
                self.set_rival(path, now[path], entry)
                rivals.append(path)
            else:
                if value == entry["base"] and (present := self.entries.get(path)) and present["form"] != form:
                    self.forms_set_back[path] = present["form"]
                self.set(path, entry)
            removal = f"{row}/{DELETE}"
            if removal in others and now[removal] and removal != path:
                self.set_rival(removal, now[removal], entry | {"value": [], "base": live.get(removal)})
                rivals.append(removal)
        for row in gone & rows_of(mine) - {row_of(path) for path, value in typed.items() if is_removal(path, value)}:
            key = new_row(row.partition("/")[0])
            for path in typed:
                if row_of(path) == row and name_of(path) != DELETE:
                    self.set(f"{key}/{name_of(path)}", {"value": typed[path], "base": None, **stamp})
                    rivals.append(f"{key}/{name_of(path)}")
        return list(dict.fromkeys(rivals))

    def meet(self, live: dict):
        """
        Makes a rival of each value of the published row, `live`, that came there by another way than this draft after
        somebody had typed over the earlier one. What was typed for an inline row that went by another way becomes a new
        row: no text is lost.
        """
        for row in rows_of(self.entries) - rows_of(live) if self.object_id else ():
            if not is_new(row):
                self.renew(row)
        for path, entry in list(self.entries.items()) if self.object_id else ():
            if path in live and entry["base"] != live[path]:
                self.set(path, entry | {"base": live[path]})
                if live[path] != entry["value"] and entry["base"] is not None:
                    published = {"value": live[path], "base": live[path], "by": None, "form": ""}
                    self.set_rival(path, entry["value"], published | {"at": timezone.now().isoformat()})

    def renew(self, row):
        """Makes a new inline row of what was typed for one that is gone."""
        prefix, _slash, key = row.partition("/")
        texts = {name_of(path): entry for path, entry in self.entries.items() if row_of(path) == row}
        self.forget(f"{row}/{name}" for name in texts)
        if is_number(key):
            self.rows_renamed[row] = f"{prefix}/{replacement_key(key)}"
            for name, entry in texts.items():
                if name != DELETE:
                    self.entries[f"{self.rows_renamed[row]}/{name}"] = entry | {"base": None}

    def set(self, path, entry):
        """Replaces the value at `path`. Rivals stay, until somebody chooses."""
        present = self.entries.pop(path, {})
        if "rivals" in present:
            entry = entry | {"rivals": present["rivals"]}
        if entry["value"] != entry["base"] or "rivals" in entry:
            self.entries[path] = entry

    def set_rival(self, path, value, rival):
        """Keeps `rival` beside the `value` at `path`, and beside what has come from other forms."""
        present = self.entries.get(path, {"value": value, "base": value, "by": None, "at": rival["at"], "form": ""})
        others = [each for each in present.get("rivals", []) if not rival["form"] or each["form"] != rival["form"]]
        if rival["value"] not in [each["value"] for each in others]:
            others.append(rival)
        self.entries[path] = present | {"rivals": others}

    def renamed(self, paths: dict) -> dict:
        """Returns a dictionary with the paths that its rows have by now."""
        return {
            f"{row}/{name_of(path)}" if (row := self.rows_renamed.get(row_of(path))) else path: value
            for path, value in paths.items()
        }

    def is_of(self, path, form, value) -> bool:
        """Whether the `value` that the draft, or the published row, has at `path` was typed in `form` itself."""
        if path in self.entries:
            return bool(form) and self.entries[path]["form"] == form
        return bool(form) and self.forms_published.get(path) == [form, fingerprint(value)]

    def choices(self, path: str) -> dict:
        """
        Returns what there is to choose for a field with rivals: the entry and its rivals, by what the form posts.

        That names all of them, so that nobody drops what was not shown.
        """
        sides = sides_of(self.entries.get(path, {}))
        all_of_them = self.rivals().get(path)
        return {f"{fingerprint(side['value'])}-{all_of_them}": side for side in sides} if all_of_them else {}

    def rivals(self) -> dict:
        """Returns by path the fingerprint of all values of each field that has rivals."""
        return {
            path: fingerprint([side["value"] for side in sides_of(entry)])
            for path, entry in self.entries.items()
            if "rivals" in entry
        }

    def choose(self, path: str, choice: str) -> bool:
        """Ends the rivalry about a field with one of its choices(). Returns False if there is no such one any more."""
        if chosen := self.choices(path).get(choice):
            base = self.entries.pop(path)["base"]
            self.set(path, {name: it for name, it in chosen.items() if name != "rivals"} | {"base": base})
        return bool(chosen)

    def ready(self, languages) -> dict:
        """
        Returns the entries that publishing `languages` makes public: theirs, and those of fields without a language.

        A new row comes with the first language in which it has a text.
        """
        found = {path: entry for path, entry in self.entries.items() if language_of(path) in {None, *languages}}
        filled, written = set(), set()
        for path, entry in self.entries.items():
            if is_new(row := row_of(path)) and language_of(path):
                written.add(row)
                if path in found and any(entry["value"]):
                    filled.add(row)
        return {path: entry for path, entry in found.items() if row_of(path) not in written - filled}

    def unseen(self, languages, seen: dict) -> list[str]:
        """
        Returns the paths of what publishing `languages` makes public although the form of whoever publishes does not
        show it. `seen` are the fingerprints by path of what that shows.
        """
        seen = self.renamed(seen)
        return [path for path, each in self.ready(languages).items() if seen.get(path) != fingerprint(each["value"])]

    def published(self, ready: dict, keys: dict, shown: dict, live: dict, is_scheduled: bool):
        """
        Forgets the entries of `ready`, which are public now, unless somebody has typed something else since.

        New rows got `keys`. `shown` are the values that the draft had, `live` those of the published row by now. What
        else is scheduled does not take back what somebody has published by hand.
        """
        now = timezone.now().isoformat()
        removed = {row_of(path) for path, entry in ready.items() if is_removal(path, entry["value"])}
        for path, entry in ready.items():
            row, since = row_of(path), {"base": None, "by": None, "at": now, "form": ""}
            if path in self.entries:
                if self.entries[path]["value"] == entry["value"] and "rivals" not in self.entries[path]:
                    del self.entries[path]
            elif path in shown and shown[path] != entry["value"]:
                self.entries[path] = {"value": shown[path], **since}
            elif is_new(row) and row not in rows_of(shown):
                self.entries[f"{row}/{DELETE}"] = {"value": ["on"], **since}
        former = {old: keys.get(row, row) for old, row in self.rows_renamed.items()}
        self.rows_renamed = former | keys
        self.forget(path for path in self.entries if row_of(path) in removed)
        self.entries = {
            path: entry | {"base": live.get(path, entry["base"])}
            for path, entry in self.renamed(self.entries).items()
            if entry["value"] != live.get(path) or "rivals" in entry
        }
        self.forms_published |= {
            path: [entry["form"], fingerprint(entry["value"])]
            for path, entry in self.renamed(ready).items()
            if entry["form"] and path in live
        }
        public = {path: entry["value"] for path, entry in self.renamed(ready).items()}
        for other in self.scheduled.all():
            other.entries = {
                path: each | ({"base": live.get(path)} if path in public or row_of(path) in keys.values() else {})
                for path, each in self.renamed(other.entries).items()
                if row_of(path) not in removed
                and (path not in public or (is_scheduled and public[path] != each["value"]))
            }
            other.save()

    def forget(self, paths):
        gone = set(paths)
        self.entries = {path: entry for path, entry in self.entries.items() if path not in gone}


class ScheduledPublication(models.Model):
    """What of a draft is published in one language by itself, as it was when somebody scheduled it."""

    draft = models.ForeignKey(Draft, on_delete=models.CASCADE, related_name="scheduled")
    language = models.CharField(max_length=10)
    at = models.DateTimeField(db_index=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    # By path, as those of a draft.
    entries = models.JSONField(default=dict)
    # Why it could not be published when the time had come: as those of a draft.
    refusals = models.JSONField(default=dict)

    class Meta:
        app_label = "portal"
        verbose_name = _("scheduled publication")
        verbose_name_plural = _("scheduled publications")
        ordering = ["at", "pk"]
        constraints = [models.UniqueConstraint(fields=["draft", "language"], name="portal_scheduled_once")]

    def __str__(self):
        return str(self.draft)

    def ready(self, live: dict, draft: Draft) -> dict:
        """
        Returns the entries that are to be published by now over the values of the published row, `live`.

        Those over which something else was published since have an empty list of "rivals". A row is not removed if
        somebody has taken that back in the `draft`, or has typed in the row.
        """
        found = {}
        for path, entry in self.entries.items():
            present = draft.entries.get(path, {})
            if is_removal(path, entry["value"]) and (present.get("value") != entry["value"] or "rivals" in present):
                continue
            if entry["value"] != live.get(path) and (path in live or is_new(row_of(path))):
                is_overtaken = path in live and entry["base"] is not None and live[path] != entry["base"]
                found[path] = entry | ({"rivals": []} if is_overtaken else {})
        return found


def waiting(what: str):
    """
    Returns the condition that a draft waits: "any" has something that is not public yet, "scheduled" is published by
    itself, "refused" was to be and could not. One in the bin does not wait.
    """
    deleted = Change.objects.not_undone().filter(content_type=OuterRef("content_type"), object_id=OuterRef("object_id"))
    scheduled = ScheduledPublication.objects.filter(draft=OuterRef("pk"))
    return {
        "any": ~Q(entries={}) & ~Q(Exists(deleted)),
        "scheduled": Q(Exists(scheduled.filter(refusals={}))),
        "refused": Q(Exists(scheduled.exclude(refusals={}))),
    }[what]


def sides_of(entry: dict) -> list[dict]:
    """Returns an entry and its rivals."""
    return [entry, *entry.get("rivals", [])]


def files_in_drafts():
    """Yields the names, in the storage, of the files that drafts and what is scheduled of them hold."""
    for holder in (*Draft.objects.iterator(), *ScheduledPublication.objects.iterator()):
        for entry in holder.entries.values():
            for side in sides_of(entry):
                if is_file(side["value"]) and side["value"] != CLEAR:
                    yield side["value"]["file"]


def new_key() -> str:
    """Returns a key that nobody can guess."""
    return secrets.token_hex(16)

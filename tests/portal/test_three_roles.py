"""
A writer, a translator and a publisher work on one page at random, through its forms. What visitors see, whether both
languages are in step, and what the history can restore are what a plain model says.
"""

import os
from collections import Counter
from itertools import count

import pytest
from bs4 import BeautifulSoup
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from portal.bilingual import parity
from portal.bilingual.history.versions import fields_at, versions_of
from portal.bilingual.parity.models import Parity, State
from portal.models import User
from programs.models import Program, Step
from tests.admin_forms import AdminForm

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("EXAMPLES", "10"))
# The first ones are tried most often.
ROLES = ["publisher", "writer", "translator_en"]
FIELDS, REQUIRED = ["title", "summary", "audience"], ["title", "summary"]
SIDES = {"zh-hans": "_zh_hans", "en": "_en"}
OTHER = {"zh-hans": "en", "en": "zh-hans"}
PUBLISH = {"_publish": ["zh-hans", "en"], "_publish_zh-hans": ["zh-hans"], "_publish_en": ["en"]}
WITHDRAW = {"_withdraw_zh-hans": "zh-hans", "_withdraw_en": "en"}
WAYS = ["field", "update", "bulk_update", "save", "create", "delete", "bulk_delete", "lose_states"]
# What a change is about, beside the texts of each language.
REMOVED, FORGOTTEN = "removed", "forgotten"

WHO, LANGUAGE = st.sampled_from(ROLES), st.sampled_from(list(SIDES))
# Each text is one character or word, so that amounts are easily told.
WORDS = st.sampled_from(["甲", "乙", "A", "B", ""])
NUMBER = st.integers(0, 9)


class ThreeRoles(RuleBasedStateMachine):
    """
    The plain model has the texts by place and language. A place is a field, a step by its key, or a new step by a pair:
    (0, the key of the step that comes back) or (1, a number).
    """

    # How often what staff did had an effect, in all examples.
    done = Counter()

    @initialize()
    def begin(self):
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.clients = {role: client_of(role) for role in ROLES}
        texts = {"title_zh_hans": "题", "title_en": "Title", "summary_zh_hans": "甲", "summary_en": "A"}
        empty = {"audience_zh_hans": "", "audience_en": ""}
        self.program = Program.objects.create(slug="pair", **texts, **empty)
        self.address = f"/admin/programs/program/{self.program.pk}/change/"
        self.live = {
            "title": {"zh-hans": "题", "en": "Title"},
            "summary": {"zh-hans": "甲", "en": "A"},
            "audience": {"zh-hans": "", "en": ""},
        }
        self.typed, self.removed = {}, set()
        self.public = {"zh-hans": False, "en": False}
        # What the other language said when each was confirmed, and what somebody has confirmed of the draft.
        self.agreed, self.confirmed = {"zh-hans": None, "en": None}, None
        # Pairs of the texts and of what is public, the earliest first.
        self.versions = []
        # The keys that steps got when they came back, and those of new steps in the form.
        self.back, self.keys, self.numbers = {}, {}, count()
        for _step in range(2):
            self.add_step("步", "Step")
        self.compare()
        # So each example has one of each at least, and a history and a draft to begin with.
        self.work("writer", "_save_draft", False, [(2, "zh-hans", "甲"), (2, "en", "A")], None, None)
        self.confirm("translator_en")
        self.work("publisher", "_publish", False, [], None, None)
        self.restore("translator_en", 0, None)

    def teardown(self):
        if hasattr(self, "transaction"):
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)

    # What staff do

    def open(self, who):
        """Returns the form as somebody has just opened it, and compares what it shows with the plain model."""
        form = AdminForm(self.clients[who], self.address)
        rows = form.rows("steps")
        assert len(rows) == len(self.steps())
        self.keys = {place: key for place, key in zip(self.steps(), rows, strict=True) if isinstance(place, tuple)}
        names = dict(zip(self.steps(), (f"steps-{number}-text" for number in rows.values()), strict=True))
        languages = ["en"] if who == "translator_en" else list(SIDES)
        for place in self.places():
            shown = {language: form.data[names.get(place, place) + SIDES[language]] for language in languages}
            assert shown == {language: [self.value(place, language)] for language in languages}, place
        if who != "translator_en":
            to_go = {place for place, name in names.items() if form.data.get(name.replace("text", "DELETE"))}
            assert to_go == self.removed
        return form

    def press(self, form, button, value="1"):
        """Submits a form. Nobody looks at the page that follows."""
        form.client.post(form.address, form.data | {button: value})

    @rule(
        who=WHO,
        button=st.sampled_from([*PUBLISH, "_save_draft", *WITHDRAW]),
        is_ticked=st.booleans(),
        typed=st.lists(st.tuples(NUMBER, LANGUAGE, WORDS), max_size=3),
        added=st.none() | st.tuples(WORDS, WORDS),
        removed=st.none() | NUMBER,
    )
    def work(self, who, button, is_ticked, typed, added, removed):
        """Types, adds a step, ticks or unticks that one is to go, and presses a button, perhaps one for publishers."""
        form = self.open(who)
        places, numbers = self.places(), dict(zip(self.steps(), form.rows("steps").values(), strict=True))
        for number, language, word in typed:
            place = places[number % len(places)]
            name = f"steps-{numbers[place]}-text" if place in numbers else place
            if self.may_type(who, place, language, word):
                form.data[name + SIDES[language]] = [word]
                self.type(place, language, word)
        if removed is not None and numbers and who != "translator_en":
            place = list(numbers)[removed % len(numbers)]
            is_to_go = place not in self.removed
            form.data[f"steps-{numbers[place]}-DELETE"] = ["on"] if is_to_go else []
            self.remove(place, is_to_go)
        if added and any(added) and who != "translator_en":
            form.add_row("steps", text_zh_hans=added[0], text_en=added[1])
            self.typed[1, next(self.numbers)] = dict(zip(SIDES, added, strict=True))
        if is_ticked and who == "publisher":
            form.data["_same"] = [form.page.select_one("[name=_same]")["value"]]
        self.press(form, button)
        if who == "publisher" and button in PUBLISH:
            before = copied(self.live)
            self.publish(PUBLISH[button], is_ticked)
            self.done["published"] += self.live != before
        elif who == "publisher" and button in WITHDRAW:
            self.remember()
            self.public[WITHDRAW[button]] = False
            self.remember(is_done=True)
        self.compare()

    @rule(who=WHO)
    def confirm(self, who):
        form = self.open(who)
        button = form.page.select_one("[name=_confirm]")
        stems = self.stems(self.drafted())
        is_complete = not any(self.missing(language, stems) for language in SIDES)
        is_confirmed = all(self.agreed[each] is not None and not self.changed(each, stems) for each in SIDES)
        is_changed = said(stems) != said(self.stems())
        is_confirmed_already = is_changed and self.confirmed == said(stems)
        assert bool(button) == (is_complete and not is_confirmed and not is_confirmed_already)
        if button:
            self.done["confirmed"] += 1
            self.press(form, "_confirm", button["value"])
            if is_changed:
                self.confirmed = said(stems)
            else:
                self.agree()
        self.compare()

    @precondition(lambda self: self.versions)
    @rule(who=WHO, number=NUMBER, one=st.none() | NUMBER)
    def restore(self, who, number, one):
        """Puts a version into the draft, or one place of it."""
        client, number = self.open(who).client, number % len(self.versions)
        history = parsed(client.get(self.address.replace("change", "history")))
        links = [link["href"] for link in history.select("#change-history tbody a")]
        assert len(links) == len(self.versions)
        address = self.address.replace("change", "history") + links[len(links) - 1 - number]
        page = parsed(client.get(address))
        found = self.differences(who, self.versions[number][0])
        offered = [button["value"] for button in page.select("[name=_restore_one]")]
        assert sorted(offered) == sorted({group for group, *_change in found if group})
        data = {"_shown": page.select_one("[name=_shown]")["value"]} if page.select("[name=_shown]") else {}
        if one is not None and offered:
            data["_restore_one"] = chosen = sorted(offered)[one % len(offered)]
            found = [change for change in found if change[0] == chosen]
        if offered:
            client.post(address, data)
            self.done["restored"] += bool(found)
            for _group, place, what, value in found:
                if what in SIDES:
                    self.type(place, what, value)
                else:
                    self.remove(place, value)
        self.compare()

    # What code does

    @rule(way=st.sampled_from(WAYS), language=LANGUAGE, place=st.sampled_from(FIELDS), word=WORDS)
    def change_by_code(self, way, language, place, word):
        """Changes something over which nobody has typed."""
        steps = Step.objects.filter(program=self.program)
        touched = {place for place in self.live if place in self.removed or place in self.typed}
        if way == "field":
            if (word or place not in REQUIRED) and place not in touched:
                Program.objects.filter(slug="pair").update(**{place + SIDES[language]: word})
                self.live[place][language] = word
        elif way in ("delete", "bulk_delete"):
            if untouched := [step for step in steps if step.pk not in touched]:
                del self.live[untouched[-1].pk]
                (steps.filter(pk=untouched[-1].pk) if way == "bulk_delete" else untouched[-1]).delete()
        elif way == "create":
            self.add_step(*([word, ""] if language == "en" else [word, "New"]))
        elif way == "lose_states":
            Parity.objects.filter(object_id=self.program.pk).delete()
            parity.mend()
            assert parity.mend() == 0
        elif not touched & set(self.stored_steps()):
            self.change_steps(way, list(steps), f"text{SIDES[language]}", word)
            for step in self.stored_steps():
                self.live[step][language] = word
        self.compare()

    def change_steps(self, way, steps, column, word):
        for step in steps:
            setattr(step, column, word)
        if way == "bulk_update":
            Step.objects.bulk_update(steps, [column])
        elif way == "update":
            Step.objects.filter(program=self.program).update(**{column: word})
        else:
            for step in steps:
                step.save()

    # The plain model: what is stored, and what is typed

    def add_step(self, chinese, english):
        step = Step.objects.bulk_create([Step(program=self.program, text_zh_hans=chinese, text_en=english)])[0]
        self.live[step.pk] = {"zh-hans": chinese, "en": english}

    def stored_steps(self):
        return sorted(place for place in self.live if place not in FIELDS)

    def new_steps(self):
        return sorted(place for place in self.typed if place not in self.live)

    def steps(self):
        return [*self.stored_steps(), *self.new_steps()]

    def places(self):
        return [*FIELDS, *self.steps()]

    def value(self, place, language):
        return self.typed.get(place, {}).get(language, self.live.get(place, {}).get(language, ""))

    def may_type(self, who, place, language, word):
        """A new step stays empty only if nobody has typed in it."""
        return (who != "translator_en" or language == "en") and (word or (place in self.live and place not in REQUIRED))

    def type(self, place, language, word):
        self.typed.setdefault(place, {})[language] = word
        if place in self.live:
            if word == self.live[place][language]:
                del self.typed[place][language]
            if not self.typed[place]:
                del self.typed[place]

    def remove(self, place, is_to_go):
        if place not in self.live:
            del self.typed[place]
        elif is_to_go:
            self.removed.add(place)
        else:
            self.removed.discard(place)

    def publish(self, languages, is_ticked):
        self.remember()
        before = copied(self.live)
        created = [place for place in self.new_steps() if any(self.typed[place][language] for language in languages)]
        keys = Step.objects.filter(program=self.program).exclude(pk__in=self.stored_steps()).order_by("pk")
        for place, key in zip(created, keys.values_list("pk", flat=True), strict=True):
            self.live[key], self.typed[key] = {"zh-hans": "", "en": ""}, self.typed.pop(place)
            if place[0] == 0:
                self.back[place[1]] = key
        for place in self.removed:
            del self.live[place]
            self.typed.pop(place, None)
        self.removed = set()
        for place in [place for place in self.typed if place in self.live]:
            texts = self.typed[place]
            self.live[place] |= {language: word for language, word in texts.items() if language in languages}
            for language, word in list(texts.items()):
                self.type(place, language, word)
        self.public |= dict.fromkeys(languages, True)
        self.know_returned()
        if self.confirmed == said(self.stems()) or (is_ticked and len(languages) == 2):
            self.agree()
        elif is_ticked:
            self.carry_over(before)
        self.remember(is_done=True)

    # The plain model: the history

    def remember(self, is_done=False):
        """Keeps the state after something was done or, before that, if it is not the one that was kept last."""
        now = copied(self.live), dict(self.public)
        if is_done or not self.versions or self.versions[-1] != now:
            self.versions.append(now)

    def place_of(self, place):
        """Returns where a step of an earlier version is, or would be, by now."""
        while place not in self.live and place in self.back:
            place = self.back[place]
        return place if place in self.live else (0, place)

    def differences(self, who, then):
        """
        Returns what a restore changes: for each change the group in which the page offers it, or "" if it shows none,
        the place, what changes there, and the text or whether it is to go.
        """
        wanted = {self.place_of(place): texts for place, texts in then.items()}
        found = []
        for place, texts in wanted.items():
            if place not in self.live and place not in self.typed and not any(texts.values()):
                continue
            is_there = place in self.places() and place not in self.removed
            for language, word in texts.items():
                present = self.value(place, language)
                if word != present or not is_there:
                    found.append([self.path(place, language if is_there else None), place, language, word])
            if place in self.removed:
                found.append([self.path(place), place, REMOVED, False])
        for place in self.steps():
            if place not in wanted and place not in self.removed:
                what = REMOVED if place in self.live else FORGOTTEN
                group = self.path(place) if any(self.value(place, language) for language in SIDES) else ""
                found.append([group, place, what, True])
        if who == "translator_en":
            found = [change for change in found if change[2] == "en" and change[1] in self.places()]
            found = [change for change in found if change[3] != self.value(change[1], "en")]
        # A step without texts is not named.
        for change in found:
            if change[1] in self.removed and not any(wanted[change[1]].values()):
                change[0] = ""
        return found

    def path(self, place, language=None):
        name = place
        if place not in FIELDS:
            key = self.keys.get(place, f"new-{place[1]:020x}") if isinstance(place, tuple) else place
            name = f"steps/{key}/text" if language else f"steps/{key}"
        return name + SIDES[language] if language else name

    # The plain model: both languages

    def drafted(self):
        """Returns the texts that are stored once the draft is published, by place."""
        places = [place for place in self.places() if place not in self.removed]
        return {place: {language: self.value(place, language) for language in SIDES} for place in places}

    def stems(self, texts=None):
        """Returns texts, by default those that are stored, by their paths without a language."""
        texts = self.live if texts is None else texts
        return {place if place in FIELDS else f"steps/{place}/text": sides for place, sides in texts.items()}

    def missing(self, language, stems=None):
        return {
            stem
            for stem, sides in (stems or self.stems()).items()
            if not sides[language] and (sides[OTHER[language]] or stem in REQUIRED)
        }

    def returned(self, stems):
        """Returns the steps that say in both languages what one said, perhaps with another key, that was confirmed."""
        if None in self.agreed.values():
            return {}
        stems = {stem: tuple(sides.values()) for stem, sides in stems.items() if stem not in FIELDS}
        known = {
            stem for agreed in self.agreed.values() for stem, text in agreed.items() if text and stem not in FIELDS
        }
        texts = [tuple(self.agreed[OTHER[language]].get(stem, "") for language in SIDES) for stem in known]
        found = {stem: sides for stem, sides in stems.items() if stem not in known and sides in texts}
        return {stem: dict(zip(SIDES, sides, strict=True)) for stem, sides in found.items()}

    def know_returned(self):
        for stem, sides in self.returned(self.stems()).items():
            for language, other in OTHER.items():
                self.agreed[language][stem] = sides[other]

    def changed(self, language, stems=None):
        agreed, other = self.agreed[language], OTHER[language]
        if agreed is None:
            return set()
        stems = stems or self.stems()
        agreed = agreed | {stem: sides[other] for stem, sides in self.returned(stems).items()}
        return {stem for stem, it in stems.items() if it[language] and it[other] != agreed.get(stem, "")}

    def agree(self):
        if not any(self.missing(language) for language in SIDES):
            for language, other in OTHER.items():
                self.agreed[language] = {stem: sides[other] for stem, sides in self.stems().items()}

    def carry_over(self, before):
        before = {place if place in FIELDS else f"steps/{place}/text": texts for place, texts in before.items()}
        for language, other in OTHER.items():
            agreed = self.agreed[language]
            for stem, sides in self.stems().items() if agreed is not None else ():
                was = before.get(stem, {}).get(other, "")
                if sides[language] and sides[other] != was and agreed.get(stem, "") == was:
                    agreed[stem] = sides[other]

    def is_in_draft(self):
        """Whether somebody has confirmed what the draft says, and that is not stored yet."""
        return said(self.stems()) != said(self.stems(self.drafted())) == self.confirmed

    def state(self, language):
        if (self.missing(language) or self.changed(language)) and self.is_in_draft():
            return State.IN_DRAFT
        if self.missing(language):
            return State.MISSING
        if self.changed(language):
            return State.OUT_OF_STEP
        if not self.public[language]:
            return State.DRAFT
        return State.UNCONFIRMED if self.agreed[language] is None else State.CONFIRMED

    # The comparison

    def compare(self):
        if not self.typed and not self.removed:
            self.confirmed = None
        self.know_returned()
        self.compare_versions()
        self.compare_parity()
        for language in SIDES:
            self.compare_page(language)

    def compare_versions(self):
        found = []
        for version in reversed(versions_of(self.program)):
            fields = fields_at(version)
            texts = {place: in_languages(fields[""], place) for place in FIELDS}
            public = {language: fields[""][f"published_at{side}"] is not None for language, side in SIDES.items()}
            steps = {path: it for path, it in fields.items() if path.startswith("steps/")}
            texts |= {int(path.removeprefix("steps/")): in_languages(it, "text") for path, it in steps.items()}
            found.append((texts, public))
        assert found == self.versions

    def compare_parity(self):
        """Compares the states, what is said of each field, and what is to be translated."""
        found = Parity.objects.filter(object_id=self.program.pk, content_type__model="program")
        assert {each.language: each.state for each in found} == {each: self.state(each) for each in SIDES}
        pair, texts = parity.pair_of(Program.objects.get(pk=self.program.pk)), self.stems()
        for language, side in pair.sides.items():
            end, missing, changed = SIDES[language], self.missing(language), self.changed(language)
            assert set(side.missing) == {stem + end for stem in missing}
            assert set(side.changed) == {stem + end for stem in changed}
            waiting = {
                text.path: (text.source, text.source_before, text.target)
                for work in parity.work(language, [Program])
                if work.row.pk == self.program.pk
                for text in work.waiting
            }
            agreed = self.agreed[language] or {}
            assert waiting == {
                stem + end: (
                    texts[stem][OTHER[language]],
                    agreed.get(stem, "") if texts[stem][language] else "",
                    texts[stem][language],
                )
                for stem in missing | changed
                if any(texts[stem].values()) and not self.is_in_draft()
            }
            assert found.get(language=language).amount == sum(
                bool(source and source != before) for source, before, _target in waiting.values()
            )

    def compare_page(self, language):
        """Compares what visitors see in one language."""
        response = Client().get(f"/{language}/programs/pair/")
        assert (response.status_code == 200) == self.public[language]
        if self.public[language]:
            page = parsed(response)
            assert texts_of(page, ".brochure h1") == [
                " ".join(self.live["title"][each] for each in (language, OTHER[language]) if self.public[each])
            ]
            assert texts_of(page, ".page-summary") == [self.live["summary"][language]]
            assert texts_of(page, "[aria-labelledby=audience] p") == filled([self.live["audience"][language]])
            assert texts_of(page, ".steps li") == filled(self.live[step][language] for step in self.stored_steps())


def client_of(role):
    user = User.objects.create_user(role, is_staff=True, language="en")
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def parsed(response):
    return BeautifulSoup(response.content, "html.parser")


def texts_of(page, selector):
    return [element.get_text(" ", strip=True) for element in page.select(selector)]


def filled(texts):
    return [text for text in texts if text]


def in_languages(fields, name):
    return {language: fields[name + side] or "" for language, side in SIDES.items()}


def said(stems):
    """Returns what texts say, whatever the keys of the steps are."""
    texts = [(stem.partition("/")[0], *stems[stem].values()) for stem in stems]
    return sorted(text for text in texts if any(text[1:]))


def copied(texts):
    return {place: dict(sides) for place, sides in texts.items()}


def test_after_random_work_of_three_roles_everything_is_what_a_plain_model_says(record_property):
    ThreeRoles.done.clear()
    run_state_machine_as_test(
        ThreeRoles, settings=settings(max_examples=EXAMPLES, stateful_step_count=12, deadline=None)
    )
    for what, number in ThreeRoles.done.items():
        record_property(what, number)
    assert {what for what, number in ThreeRoles.done.items() if number >= EXAMPLES} == {
        "confirmed",
        "published",
        "restored",
    }

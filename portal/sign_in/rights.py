"""Names of rights for people. Django stores the names of permissions in English, whatever the reader's language is."""

import re

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import FieldDoesNotExist
from django.template.defaultfilters import yesno
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from portal.roles import ROLES

# Rights that say more than what may be done with rows of a model.
WORDS = {
    "publish_content": gettext_lazy("Make drafts public, schedule and withdraw pages, change their addresses"),
    "translate_zh_hans": gettext_lazy("Translate into Chinese"),
    "translate_en": gettext_lazy("Translate into English"),
    "view_enquiry": gettext_lazy("Read enquiries and their statistics"),
    "change_enquiry": gettext_lazy("Work on enquiries"),
    "export_enquiry": gettext_lazy("Export enquiries, and all data of a person"),
    "delete_enquiry": gettext_lazy("Erase the personal data of enquiries"),
    "view_event": gettext_lazy("Read who viewed, exported and erased enquiries"),
    "view_change": gettext_lazy("Read the log of everybody’s changes"),
    "administer_accounts": gettext_lazy("Accounts, roles, and the log of sign-ins"),
}
ACTIONS = {
    "view": pgettext_lazy("right", "view"),
    "add": pgettext_lazy("right", "add"),
    "change": pgettext_lazy("right", "change"),
    "delete": pgettext_lazy("right", "delete"),
}
# In the detail of an event: the name of a field, what was added or taken away, and a truth.
CHANGED = re.compile(r"(?:(?<=; )|^)(?P<field>\w+)(?=: )|(?<=[+-])(?P<right>\w+)|\b(?P<truth>True|False)\b")


def name_of_right(codename: str) -> str:
    """Returns the name of a permission, such as "add_program", in the active language."""
    if words := WORDS.get(codename):
        return str(words)
    action, _separator, model_name = codename.partition("_")
    for model in apps.get_models():
        if model._meta.model_name == model_name and action in ACTIONS:
            words = {"rows": capfirst(model._meta.verbose_name), "action": ACTIONS[action]}
            return _("%(rows)s: %(action)s") % words
    return codename


def short_name_of_right(codename: str) -> str:
    """Returns the name of a permission below the name of its model."""
    return str(WORDS.get(codename) or ACTIONS[codename.partition("_")[0]])


def name_changes(detail: str) -> str:
    """Returns the detail of an event of the kind RIGHTS_CHANGED with names in the active language."""
    return CHANGED.sub(name_change, detail)


def name_change(found) -> str:
    if truth := found["truth"]:
        return yesno(truth == "True")
    if right := found["right"]:
        # Or a group.
        return str(ROLES[right].name) if right in ROLES else name_of_right(right)
    for model in (get_user_model(), Group):
        try:
            return str(model._meta.get_field(found["field"]).verbose_name)
        except FieldDoesNotExist:
            continue
    return found["field"]

"""
The roles of staff: groups that a migration makes, with the rights of their work, and the list of rights.

Code asks for rights, never for a role, so staff may change the rights of a role and make groups of their own. The name
of a role's group stays the same; str() of a group says it in the reader's language.
"""

from dataclasses import dataclass

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from portal.bilingual.drafts.models import PUBLISH, TRANSLATE

# The right to change accounts, roles and groups, and to read the log of them. Whoever has it can have every other one.
ADMINISTER = "portal.administer_accounts"

# What visitors see, by the models that have a form, and the rows within these forms.
PAGES = [
    *["portal.department", "portal.centre", "portal.page", "portal.term", "partners.country", "partners.institution"],
    *["programs.area", "programs.program", "programs.certificate", "programs.industry", "programs.resource"],
]
TEXT_ROWS = ["programs.step", "programs.material", "programs.question"]
FILES = ["programs.resourcefile"]
TEMPLATES = ["contact.answertemplate"]

ALL = ("view", "add", "change", "delete")
# There is one department.
UNUSED = {"portal.add_department", "portal.delete_department"}


def rights(models, *actions) -> list[str]:
    """Returns the rights to do `actions` with rows of `models`, without those that nobody needs: see UNUSED."""
    found = [model.replace(".", f".{action}_") for model in models for action in actions]
    return [right for right in found if right not in UNUSED]


WRITES = rights(PAGES, "view", "add", "change") + rights([*TEXT_ROWS, *FILES], *ALL)
READS = rights([*PAGES, *TEXT_ROWS], "view")
WORKS_ON_ENQUIRIES = ["contact.view_enquiry", "contact.change_enquiry", *rights(TEMPLATES, "view", "add", "change")]
HEADS_DESK = [
    *["contact.export_enquiry", "contact.delete_enquiry", "contact.view_event"],
    *rights(TEMPLATES, "delete"),
    # The head writes nothing but templates, so this is about them alone.
    PUBLISH,
]


@dataclass(frozen=True)
class Role:
    """What the group of a role is called, what its members do, and the rights that the migration gives it."""

    name: Promise
    work: Promise
    rights: list[str]


ROLES = {
    "writer": Role(
        pgettext_lazy("role", "Writer"),
        _("writes and corrects pages in both languages, as drafts"),
        WRITES,
    ),
    "translator_zh_hans": Role(
        pgettext_lazy("role", "Translator into Chinese"),
        _("writes the Chinese texts of pages, as drafts, and reads the English ones"),
        [*READS, TRANSLATE["zh-hans"]],
    ),
    "translator_en": Role(
        pgettext_lazy("role", "Translator into English"),
        _("writes the English texts of pages, as drafts, and reads the Chinese ones"),
        [*READS, TRANSLATE["en"]],
    ),
    "publisher": Role(
        pgettext_lazy("role", "Publisher"),
        _("writes as a writer does, makes drafts public, schedules, withdraws and deletes pages, changes addresses"),
        [*WRITES, *rights(PAGES, "delete"), PUBLISH],
    ),
    "enquiry_desk": Role(
        pgettext_lazy("role", "Enquiry desk"),
        _("works on enquiries, writes templates of answers as drafts"),
        WORKS_ON_ENQUIRIES,
    ),
    "head_of_desk": Role(
        pgettext_lazy("role", "Head of the enquiry desk"),
        _("works on enquiries, exports and erases them, reads their log, publishes templates of answers"),
        [*WORKS_ON_ENQUIRIES, *HEADS_DESK],
    ),
}

# The list of rights that the forms of accounts and groups show: all that the admin asks for.
RIGHTS = [
    PUBLISH,
    *TRANSLATE.values(),
    *rights([*PAGES, *TEXT_ROWS, *FILES], *ALL),
    *["contact.view_enquiry", "contact.change_enquiry", "contact.export_enquiry", "contact.delete_enquiry"],
    "contact.view_event",
    *rights(TEMPLATES, *ALL),
    "portal.view_change",
    ADMINISTER,
]
ROLES["administrator"] = Role(
    pgettext_lazy("role", "Administrator"),
    _("may do everything: accounts, roles, the settings of the department, all logs"),
    RIGHTS,
)


def models_of_rights() -> dict:
    """Returns the model of each right that the code knows."""
    found = {}
    for model in apps.get_models():
        label, opts = model._meta.app_label, model._meta
        codenames = [get_permission_codename(action, opts) for action in opts.default_permissions]
        for codename in [*codenames, *(name for name, _words in opts.permissions)]:
            found[f"{label}.{codename}"] = model
    return found


def permission(apps, right: str):
    """
    Returns the Permission of a right in a migration, whose `apps` these are. It makes it if it is missing: Django makes
    permissions only after all migrations.
    """
    opts, codename = models_of_rights()[right]._meta, right.partition(".")[2]
    kinds, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    kind, _created = kinds.objects.get_or_create(app_label=opts.app_label, model=opts.model_name)
    name = dict(opts.permissions).get(codename) or f"Can {codename.partition('_')[0]} {opts.verbose_name_raw}"
    found, _created = permissions.objects.get_or_create(content_type=kind, codename=codename, defaults={"name": name})
    return found


def in_order(names) -> list[str]:
    """Returns the `names` of groups: the roles, in their order, and then the other ones."""
    own = [name for name in ROLES if name in names]
    return [*own, *sorted(name for name in names if name not in ROLES)]


def shown_name(group) -> str:
    """Returns the name of a group for people, that of a role in the active language."""
    role = ROLES.get(group.name)
    return str(role.name) if role else group.name


def with_work(group) -> str:
    """Returns the name of a group and, if it is a role, what its members do."""
    role = ROLES.get(group.name)
    return _("{label}: {value}").format(label=shown_name(group), value=role.work) if role else group.name

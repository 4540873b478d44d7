import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext, override
from modeltranslation.utils import build_localized_fieldname

from partners.models import Institution
from portal.bilingual import parity
from portal.bilingual.languages import LANGUAGES
from portal.management.commands.load_content import create, read
from portal.management.demo_enquiries import clock_at, make_enquiries
from portal.management.demo_files import WRITERS
from portal.management.preparation import check_demo_mark
from portal.models import Department, Page, Term, User
from programs.models import Certificate, Industry, Material, Question, Resource, Step

FOLDER = settings.BASE_DIR / "portal/demo_content"

# The files of FOLDER: file name, model, and the field whose text begins with the mark of a sample. A file comes after
# those that it refers to.
FILES = [
    ("terms", Term, "name"),
    ("industries", Industry, "name"),
    ("institutions", Institution, "name"),
    ("resources", Resource, "title"),
    ("certificates", Certificate, "name"),
    ("steps", Step, "text"),
    ("questions", Question, "question"),
    ("materials", Material, "name"),
    ("pages", Page, "title"),
]
# How old everything is but the enquiries, which are younger.
AGE = timedelta(days=365)
# The accounts: user name, what the person does, and the role. An administrator needs none.
ACCOUNTS = [
    ("admin", "administrator: everything, also accounts", None),
    ("editor", "publisher: all texts and files, no enquiries", "publisher"),
    ("desk", "head of the desk: enquiries, no texts", "head_of_desk"),
]


class Command(BaseCommand):
    help = "Fills an empty database, for make demo, with the first content, samples in every place and three accounts."

    def handle(self, **options):
        if not settings.PORTAL_DEMO:
            raise CommandError("Sample content is for the demonstration alone: run make demo.")
        check_demo_mark()
        if Department.objects.exists():
            return
        self.stdout.write("Preparing sample content …")
        # All or nothing: a start that was killed in between begins anew.
        with transaction.atomic():
            with clock_at(timezone.now() - AGE):
                call_command("load_content", verbosity=0)
                mark_department()
                for name, model, title in FILES:
                    for entry in read(FOLDER / f"{name}.toml"):
                        load(name, model, title, entry)
                # They were written as pairs, also those that are parts of a page.
                for model in parity.kinds():
                    for row in model._base_manager.all():
                        parity.confirm(row)
            passwords = create_accounts()
            staff = {user.username: user for user in User.objects.all()}
            make_enquiries(read(FOLDER / "enquiries.toml"), staff)
            # Before the end of the transaction, so that no password is lost.
            self.say_accounts(passwords)

    def say_accounts(self, passwords):
        self.stdout.write("\nThe accounts of the demonstration, shown this once:")
        for name, work, _role in ACCOUNTS:
            self.stdout.write(f"  user name {name:<8} password {passwords[name]}   {work}")
        self.stdout.write("")


def mark_department():
    department = Department.current()
    department.is_demo = True
    # Invented, as the band says.
    department.promised_days = 5
    department.save()


def load(name, model, title, entry):
    """Creates a row of `model`, whose `title` begins with the mark of a sample, and the files of a resource."""
    versions = entry.pop("versions", [])
    for language in LANGUAGES:
        column = build_localized_fieldname(title, language)
        entry[column] = in_language(language, "Sample: ") + entry[column]
    row = create(model, entry, f"{name}.toml, {entry[column]}")
    if model is Institution:
        for program in row.programs.all():
            program.countries.add(row.country)
    for version in versions:
        for language in version.pop("languages", LANGUAGES):
            add_file(row, language, **version)


def in_language(language, text) -> str:
    with override(language):
        return gettext(text)


def add_file(resource, language, version, dated, format):
    """Adds a version of the file of a resource in `language`; `format` is a key of WRITERS."""
    own, *others = sorted(LANGUAGES, key=lambda code: code != language)
    titles = [getattr(resource, build_localized_fieldname("title", code)) for code in (own, *others)]
    notes = [in_language(code, "This file is a sample. Everything in it is invented.") for code in (own, *others)]
    content = WRITERS[format]([titles[0], f"{version} ({dated})", notes[0], "", titles[1], notes[1]])
    file = ContentFile(content, f"{resource.slug}-{language}-{version}.{format}")
    resource.files.create(language=language, version=version, dated=dated, file=file)


def create_accounts() -> dict[str, str]:
    """Creates the ACCOUNTS, and returns the password of each by its user name."""
    passwords = {name: secrets.token_urlsafe(12) for name, _work, _role in ACCOUNTS}
    for name, _work, role in ACCOUNTS:
        user = User(username=name, email=f"{name}@example.org", is_staff=True, is_superuser=role is None)
        user.set_password(passwords[name])
        user.save()
        if role:
            user.groups.add(Group.objects.get(name=role))
    return passwords

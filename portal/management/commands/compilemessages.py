from django.conf import settings
from django.core.management.base import BaseCommand
from polib import pofile


class Command(BaseCommand):
    help = "Compiles the catalogues of the interface, in Python alone: Django's own command needs a system package."

    requires_system_checks = []

    def handle(self, **options):
        for path in settings.LOCALE_PATHS:
            for catalogue in path.rglob("*.po"):
                pofile(str(catalogue)).save_as_mofile(str(catalogue.with_suffix(".mo")))

import os

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.translation.reloader import translation_file_changed
from polib import pofile


class Command(BaseCommand):
    help = "Compiles the catalogues of the interface, in Python alone: Django's own command needs a system package."

    requires_system_checks = []

    def handle(self, **options):
        for path in settings.LOCALE_PATHS:
            for catalogue in path.rglob("*.po"):
                compiled = catalogue.with_suffix(".mo")
                # Whole at once: another process may read it meanwhile.
                written = catalogue.with_suffix(f".mo-{os.getpid()}")
                pofile(str(catalogue)).save_as_mofile(str(written))
                written.replace(compiled)
                # Loading the models has already cached the old catalogue, or that there is none: clear the cache.
                translation_file_changed(sender=None, file_path=compiled)

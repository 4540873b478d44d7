from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError

from portal import content_version
from portal.site.finished_pages.editions import LARGEST_EDITION, Edition, name_in_force, name_of
from portal.site.finished_pages.filling import addresses


class Command(BaseCommand):
    help = "Prints the state of the finished pages on this machine: the edition in force, its pages and their size."

    def handle(self, **options):
        name = name_in_force()
        try:
            version, wanted = content_version.read(), addresses()
        except DatabaseError:
            self.stdout.write(f"the database is away; the edition in force stands: {name or 'none'}")
            return
        self.stdout.write(f"content version {version}, as of {version.as_of:%Y-%m-%d %H:%M:%S} UTC")
        if name is None:
            self.stdout.write("no edition in force: Django answers all requests")
            return
        edition = Edition(name)
        there = sum(map(edition.has, wanted))
        size = edition.bytes_on_disk()
        self.stdout.write(
            f"edition in force {name}{'' if name == name_of(version) else ', of another version or release'}"
        )
        self.stdout.write(f"pages {edition.pages_on_disk()}, among them {there} of the {len(wanted)} in the sitemap")
        self.stdout.write(f"bytes {size:,} of at most about {LARGEST_EDITION:,}")
        old = [folder.name for folder in settings.PAGES_ROOT.glob("*-*-*") if folder.name != name]
        self.stdout.write(f"older editions {len(old)}")

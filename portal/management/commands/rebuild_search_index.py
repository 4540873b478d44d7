from django.core.management.base import BaseCommand

from portal import search_index


class Command(BaseCommand):
    help = "Writes the search index anew from the content."

    def handle(self, **options):
        self.stdout.write(f"The search index holds {search_index.rebuild()} rows.")

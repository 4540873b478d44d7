from django.core.management.base import BaseCommand, CommandError

from portal.models import User
from portal.sign_in import second_factor


class Command(BaseCommand):
    help = "Removes the second factor of a user who has lost it, and ends the user's sessions."

    def add_arguments(self, parser):
        parser.add_argument("username")

    def handle(self, *, username, **options):
        try:
            user = User.objects.get(username=username)
        except User.DoesNotExist:
            raise CommandError(f"There is no user {username!r}.") from None
        second_factor.reset(user)
        self.stdout.write(f"Two-step sign-in of {username} is reset, and all their sessions have ended.")

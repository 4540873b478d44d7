"""
Who may type what in a draft, and who makes it public.

Django's rights say which pages a user may change or view. Three rights of Draft go across all of them: with PUBLISH a
user makes public what the same user may change, and with one of TRANSLATE a user changes the texts in that language of
all pages that the same user may view.
"""

from django.utils.translation import gettext_lazy

from portal.bilingual.drafts.models import PUBLISH, TRANSLATE
from portal.bilingual.languages import LANGUAGES

NOT_A_PUBLISHER = gettext_lazy(
    "Nothing was published: only a publisher makes drafts public, schedules and withdraws them. "
    "What you typed is kept as a draft."
)
NOT_OF_A_WRITER = gettext_lazy("This draft is scheduled to be published, so only a publisher discards it.")


class RightsByLanguage:
    """Mixin for an admin or an inline with texts in both languages. A translator changes those of one language."""

    def languages_typed(self, request, obj=None) -> set:
        """
        Returns the languages of the fields that the user may change in stored rows.

        None stands for the fields without a language. The set of a translator lacks it.
        """
        if super().has_change_permission(request, obj):
            return {None, *LANGUAGES}
        if not self.has_view_permission(request, obj):
            return set()
        return {language for language in LANGUAGES if request.user.has_perm(TRANSLATE[language])}

    def has_change_permission(self, request, obj=None):
        return bool(self.languages_typed(request, obj))


def is_translator(languages) -> bool:
    """Whether `languages`, as languages_typed() returns them, are those of somebody who only translates."""
    return bool(languages) and None not in languages


def may_publish(user) -> bool:
    """Whether `user` makes anything public. Which pages, PublishingAdmin.may_publish() says."""
    return user.has_perm(PUBLISH)

"""A preview: a page as visitors would see it if a draft were published now. Nothing of it is stored."""

from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.http import Http404
from django.shortcuts import render
from django.test import RequestFactory
from django.urls import resolve, reverse
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from modeltranslation.utils import build_localized_fieldname

from portal.bilingual.drafts.admin_publishing import Refused
from portal.bilingual.drafts.models import Draft
from portal.bilingual.drafts.values import is_file
from portal.bilingual.languages import LANGUAGE_NAMES, LANGUAGES, html_code
from portal.bilingual.publishing import followed_paths
from portal.draft_chores import admin_of, request_of
from portal.models import User

# Who may do everything: what is saved for a preview is taken back.
ANYBODY = User(is_superuser=True)


@require_safe
def preview(request, token):
    """Shows the draft that `token` stands for, by the view of its public page."""
    found = Draft.previewed(token)
    draft, language, is_pair = found or (None, request.LANGUAGE_CODE, False)
    with override(language):
        if draft is None:
            response = render(request, "portal/preview_refused.html", status=404)
        else:
            try:
                response = rendered(draft, language, is_pair)
            except Refused as refused:
                reasons = admin_of(draft).reasons_in_words(request_of(ANYBODY), draft.row, refused.reasons)
                # Whoever has only the link has no form.
                form = draft.address if request.user.is_staff else ""
                response = render(request, "portal/preview_refused.html", {"reasons": reasons, "form": form})
    response["Content-Language"] = html_code(language)
    response["Cache-Control"] = "private, no-store"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response


def rendered(draft, language, is_pair):
    """Returns the response with the public page of `draft`. Raises Refused if it cannot be published as it is."""
    with transaction.atomic():
        try:
            languages = LANGUAGES if is_pair else [language]
            row, *_rest = admin_of(draft).saved(request_of(ANYBODY), draft.row, draft, languages, with_files=False)
            publish_followed(row, languages)
            return page_of(row, language, is_pair, {"links": previews_of(draft), "lacks_files": has_files(draft)})
        finally:
            transaction.set_rollback(True)


def publish_followed(row, languages):
    """Publishes in `languages` the rows that `row` follows. Raises Refused if one lacks the texts for that."""
    times = {build_localized_fieldname("published_at", language): timezone.now() for language in languages}
    for path, _may_be_null in followed_paths(type(row)) if hasattr(row, "publication_follows") else ():
        followed = row
        for name in path.split("__"):
            followed = followed and getattr(followed, name)
        if followed:
            try:
                with transaction.atomic():
                    type(followed)._base_manager.filter(pk=followed.pk).update(**times)
            except IntegrityError as error:
                text = _("Waits for: %(followed)s") % {"followed": followed}
                raise Refused({"": [text]}) from error


def has_files(draft) -> bool:
    """Whether files were chosen, or taken away, in `draft`: a preview does not show that."""
    return any(is_file(entry["value"]) for entry in draft.entries.values())


def previews_of(draft) -> list[tuple]:
    """Returns the names and the addresses of all previews of `draft`: its links lead to public pages."""
    sides = [(name, draft.preview_token(language, False)) for language, name in LANGUAGE_NAMES.items()]
    sides.append((_("Side by side"), draft.preview_token(get_language(), True)))
    return [(name, reverse("preview", args=[token])) for name, token in sides]


def page_of(row, language, is_pair, band):
    """Returns what the public view of `row` answers to a visitor, under a band that says what `band` holds."""
    address, _mark, _fragment = row.get_absolute_url().partition("#")
    # Only a page of its own has a pair view. The address of an entry in a list has a query.
    public = RequestFactory().get(address, {"view": "pair"} if is_pair and "?" not in address else None)
    public.user, public.LANGUAGE_CODE, public.preview = AnonymousUser(), language, band
    # Nothing is kept of what is shown, nor taken from what is kept.
    public.content_version = ""
    public.resolver_match = match = resolve(public.path)
    try:
        return match.func(public, *match.args, **match.kwargs)
    except Http404 as error:
        text = _("Visitors would find no page here. Something that it belongs to may not be public.")
        raise Refused({"": [text]}) from error

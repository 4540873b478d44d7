"""The files of resources: which uploads are accepted, how they are downloaded, and removal of leftovers."""

import logging
from functools import cache
from itertools import chain
from pathlib import Path

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from portal import uploads
from portal.bilingual.history.versions import files_in_bin
from portal.bilingual.languages import LANGUAGES, html_code
from portal.filetypes import TYPE_NAMES, TYPES, content_type
from programs.models import Resource, ResourceFile, resource_storage

log = logging.getLogger(__name__)

# The maximum size of one file, in bytes.
MAX_FILE_SIZE = 50 * 1024 * 1024
# The location of nginx that hands out the files; see deploy/nginx.conf.
X_ACCEL_LOCATION = "/internal/resources/"

FILE_HELP = _(
    "PDF, Word, Excel, PowerPoint, PNG or JPEG, at most 50 MB, without macros. Its content cannot be changed later: "
    "add another version instead."
)
TOO_LARGE = _("The file %(name)s is larger than %(megabytes)d MB.")
WRONG_TYPE = _(
    "The file %(name)s is not a PDF, Word, Excel, PowerPoint, PNG or JPEG file, or it has macros or a password."
)
WRONG_ENDING = _(
    "The file %(name)s is another type than its name says: its content is %(type)s, so the name must end in %(ending)s."
)


def validate_upload(file: UploadedFile):
    """Raises ValidationError, with the name of the file, if its size, type or name is not accepted."""
    name = uploads.clean_name(file.name)
    if file.size > MAX_FILE_SIZE:
        params = {"name": name, "megabytes": MAX_FILE_SIZE // (1024 * 1024)}
        raise forms.ValidationError(TOO_LARGE, code="too_large", params=params)
    found = content_type(file)
    if found is None:
        raise forms.ValidationError(WRONG_TYPE, code="type", params={"name": name})
    if Path(name).suffix.lower().replace(".jpeg", ".jpg") != TYPES[found]:
        params = {"name": name, "type": TYPE_NAMES[found], "ending": TYPES[found]}
        raise forms.ValidationError(WRONG_ENDING, code="ending", params=params)


@require_safe
def current_file(request, slug):
    """The permanent link: the current file in the reader's language, or else in the other language."""
    resource = Resource.objects.for_entries().get_published(slug)
    return download(request, resource, resource.current_file)


@require_safe
def current_file_in_language(request, slug, language):
    """The permanent link to the current file in one language."""
    resource = Resource.objects.for_entries().get_published(slug)
    if language not in LANGUAGES:
        raise Http404
    files = {file.language: file for file in resource.current_files}
    return download(request, resource, files.get(language))


@require_safe
def version(request, slug, number):
    """The link to one version. It stays when a newer one replaces it."""
    resource = Resource.objects.get_published(slug)
    return download(request, resource, get_object_or_404(resource.files, pk=number))


def download(request, resource, file):
    """Sends a ResourceFile of a published `resource` and counts that. A page says so if there is none (404)."""
    missing = {"resource": resource, "file": file}
    if file is None:
        return render(request, "programs/resource_file_missing.html", missing, status=404)
    etag = f'"{file.sha256}"'
    response = get_conditional_response(request, etag=etag)
    if response is None:
        try:
            response = sent(file)
        except OSError as error:
            log_missing(file.pk, resource.pk, type(error).__name__)
            return render(request, "programs/resource_file_missing.html", missing, status=404)
        if is_start_of_download(request):
            file.count_download()
    response["ETag"] = etag
    # A file that was replaced or withdrawn must not come from a cache.
    response["Cache-Control"] = "no-cache"
    return response


@cache
def log_missing(file_id, resource_id, error):
    """Logs, once in each process, that a file cannot be read. Visitors may ask for it again and again."""
    log.error("File %d of resource %d cannot be read: %s.", file_id, resource_id, error)


@cache
def log_no_rows():
    """Logs, once in each process, why no file is deleted."""
    log.error("There are files of resources, but the database names none. Is it the right one? None was deleted.")


def is_start_of_download(request) -> bool:
    """Whether a request asks for a file from its beginning, and not only for its headers or for the rest of it."""
    return request.method == "GET" and request.headers.get("Range", "bytes=0-").startswith("bytes=0-")


def sent(file):
    """
    Returns the response with a ResourceFile as a download. Behind nginx, which PORTAL_X_ACCEL says, nginx sends it.

    Its headers keep a browser from displaying the file on the portal's origin. Raises OSError if it cannot be read.
    """
    options = {"content_type": file.content_type}
    if settings.PORTAL_X_ACCEL:
        if not file.is_on_disk:
            raise FileNotFoundError
        response = HttpResponse(**options)
        response["X-Accel-Redirect"] = f"{X_ACCEL_LOCATION}{file.file.name}"
    else:
        response = FileResponse(file.file.open(), **options)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=file.download_name)
    response["Content-Language"] = html_code(file.language)
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def remove_orphans() -> int:
    """
    Deletes old files that have no row and are not in the bin. Returns how many it deleted.

    They remain if a row was not committed, and when what was deleted is no longer kept in the bin.

    Without any row it deletes nothing: the database may be an empty or a wrong one.
    """
    storage, rows = resource_storage(), ResourceFile.objects.order_by().values_list("file", flat=True)
    if storage.exists("") and storage.listdir("")[1] and not rows.exists():
        log_no_rows()
        return 0
    return uploads.remove_orphans(storage, "", chain(rows, files_in_bin(ResourceFile, "file")))

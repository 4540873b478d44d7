"""The files that come with an enquiry: what is taken, where it is kept, and who may fetch it."""

import hashlib
import logging
import os
import re
import unicodedata
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from django import forms
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import FileResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from contact.models import Attachment, Event, may_read, private_storage
from portal.filetypes import TYPES, content_type

log = logging.getLogger(__name__)

MOST_FILES = 3
# Of one file, in bytes.
LARGEST = 10 * 1024 * 1024
# A file that no row names is an orphan only when its transaction must be over.
ORPHANS_AFTER = timedelta(days=1)

TOO_MANY = _("Attach at most three files")
EMPTY = _("%(name)s is empty")
TOO_LARGE = _("%(name)s is larger than 10 MB")
OF_NO_TYPE = _("%(name)s: not a PDF, Word, Excel, PowerPoint, PNG or JPEG file, or it has macros or a password")
AGAIN = _("Attach again: %(names)s. Nothing is wrong there, but a form that comes back has lost its files.")


@dataclass
class Upload:
    """A file that was sent and is taken: with the `name` that it came with, cleaned, and the SHA-256 of its content."""

    file: UploadedFile
    name: str
    content_type: str
    digest: str

    @property
    def stored_name(self):
        """The name with the ending of what the file is, at most 200 characters."""
        ending = TYPES[self.content_type]
        return re.sub(r"\.\w{1,5}$", "", self.name, flags=re.ASCII)[: 200 - len(ending)].strip() + ending


class AttachmentsInput(forms.FileInput):
    """
    As many single inputs as there may be files.

    One input with `multiple` takes a single file in many telephones' browsers, and without script no file
    can be taken back or added alone: choosing anew replaces them all.
    """

    template_name = "contact/attachments_input.html"
    use_fieldset = True

    def get_context(self, name, value, attrs):
        context = super().get_context(name, value, attrs)
        first = context["widget"]["attrs"].pop("id")
        context["inputs"] = [
            (first if number == 1 else f"{first}_{number}", gettext("File %(number)d") % {"number": number})
            for number in range(1, MOST_FILES + 1)
        ]
        return context

    def value_from_datadict(self, data, files, name):
        return files.getlist(name)


class AttachmentsField(forms.Field):
    """The files of an enquiry; cleaned, a list of Uploads in which no content comes twice."""

    widget = AttachmentsInput(attrs={"accept": ",".join([*TYPES.values(), ".jpeg"])})

    def clean(self, files):
        """Raises ValidationError with one error for each file that is refused, and one that names the others."""
        if len(files) > MOST_FILES:
            raise forms.ValidationError(TOO_MANY, code="too_many")
        uploads, faults = {}, []
        for file in files:
            try:
                upload = accept(file)
                uploads.setdefault(upload.digest, upload)
            except forms.ValidationError as fault:
                faults.append(fault)
        uploads = list(uploads.values())
        if faults:
            raise forms.ValidationError([*faults, *to_attach_again(uploads)])
        return uploads


def accept(file):
    """The Upload of an UploadedFile. Raises ValidationError, which names the file, if it is not taken."""
    name = clean_name(file.name)
    if not file.size:
        raise forms.ValidationError(EMPTY, code="empty", params={"name": name})
    if file.size > LARGEST:
        raise forms.ValidationError(TOO_LARGE, code="too_large", params={"name": name})
    found = content_type(file)
    if found is None:
        raise forms.ValidationError(OF_NO_TYPE, code="type", params={"name": name})
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return Upload(file, name, found, digest.hexdigest())


def clean_name(name):
    """A file's name as it can be shown: one line, no path, no mark that turns the writing, at most 200 characters."""
    name = unicodedata.normalize("NFC", " ".join(re.split(r"[/\\]", name)[-1].split()))
    name = "".join(character for character in name if character.isprintable()).lstrip(".").strip()
    if len(name) > 200:
        stem, dot, ending = name.rpartition(".")
        name = f"{stem[:190]}…{dot}{ending[:8]}" if stem else f"{name[:199]}…"
    return name or gettext("file")


def to_attach_again(uploads):
    """
    The errors, one or none, that name Uploads with which nothing is wrong.

    A form that comes back, for whatever reason, comes back without its files.
    """
    if not uploads:
        return []
    names = pgettext("between names of files", ", ").join(upload.name for upload in uploads)
    return [forms.ValidationError(AGAIN, code="again", params={"names": names})]


def store(enquiry, uploads):
    """
    Unsaved Attachments of `enquiry` for its Uploads; their files are written, and outlast a power cut.

    Until the transaction that saves them has committed, keep them within `removed_on_failure`.
    """
    attachments = []
    with removed_on_failure(attachments):
        for upload in uploads:
            attachment = Attachment(
                enquiry=enquiry,
                name=upload.stored_name,
                content_type=upload.content_type,
                size=upload.file.size,
            )
            attachments.append(attachment)
            attachment.file.save("", upload.file, save=False)
            sync(attachment.file)
    return attachments


@contextmanager
def removed_on_failure(attachments):
    """
    Deletes the files of Attachments again if the work within fails.

    It goes inside the transaction: a commit that reports a failure may have been done all the same.
    """
    try:
        yield
    except BaseException:
        for attachment in attachments:
            if attachment.file:
                attachment.file.storage.delete(attachment.file.name)
        raise


def sync(file):
    """Has a stored file, and the folders that lead to it, written to the disk; elsewhere the storage sees to that."""
    try:
        path = Path(file.path)
    except NotImplementedError:
        return
    # The last of these holds the private folder itself, which the first attachment makes.
    for place in (path, *path.parents[:3]):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove(attachments):
    """Deletes Attachments (a queryset or a list), and their files once the transaction in force has committed."""
    attachments = list(attachments)
    Attachment.objects.filter(pk__in=[attachment.pk for attachment in attachments]).delete()
    for attachment in attachments:
        transaction.on_commit(partial(attachment.file.storage.delete, attachment.file.name), robust=True)


def remove_orphans():
    """
    Deletes files that no Attachment names, a day after they were written; how many those were.

    A crash between a file and its row leaves such files, and so does the deletion of rows alone.
    """
    storage = private_storage()
    try:
        names = [f"attachments/{name}" for name in storage.listdir("attachments")[1]]
    except FileNotFoundError:
        return 0
    before = timezone.now() - ORPHANS_AFTER
    old = {name for name in names if storage.exists(name) and storage.get_modified_time(name) < before}
    orphans = old.difference(Attachment.objects.values_list("file", flat=True))
    for name in orphans:
        storage.delete(name)
    return len(orphans)


@require_GET
@staff_member_required
def attachment(request, number):
    """The file of the Attachment of this number, for the desk alone, to be saved and never shown in place."""
    if not may_read(request.user):
        raise PermissionDenied
    attachment = get_object_or_404(Attachment.objects.select_related("enquiry"), pk=number)
    try:
        file = attachment.file.open()
    except FileNotFoundError:
        log.error("Attachment %d of enquiry %s has lost its file.", number, attachment.enquiry)
        return render(request, "contact/attachment_missing.html", {"attachment": attachment}, status=404)
    attachment.enquiry.log(Event.Kind.FETCHED, request.user, attachment.content_type)
    response = FileResponse(file, as_attachment=True, filename=attachment.name, content_type=attachment.content_type)
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, no-store"
    return response

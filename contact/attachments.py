"""The attachments of an enquiry: validation, private storage, download and removal."""

import logging
import re
from contextlib import contextmanager
from dataclasses import dataclass

from django import forms
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.core.files import File
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from contact.models import Attachment, Event, KeptFile, can_view_enquiries, private_storage
from contact.text_fields import with_numbers
from portal import uploads
from portal.filetypes import TYPES, content_type
from portal.uploads import clean_name, digest, fsync

log = logging.getLogger(__name__)

MAX_FILES = 3
# The maximum size of one file, in bytes.
MAX_FILE_SIZE = 10 * 1024 * 1024
# The limits as the visitor reads them.
LIMITS = {"files": MAX_FILES, "megabytes": MAX_FILE_SIZE // (1024 * 1024)}
FILE_HELP = with_numbers(_("One file of up to %(megabytes)s MB: PDF, Word, Excel, PowerPoint, PNG or JPEG."), **LIMITS)
FILES_HELP = with_numbers(
    _("At most %(files)s files of up to %(megabytes)s MB each: PDF, Word, Excel, PowerPoint, PNG or JPEG."), **LIMITS
)
TOO_MANY = _("Attach at most %(files)s files")
LEFT_OUT = _("Attach at most %(files)s files. Left out: %(names)s")
EMPTY = _("The file %(name)s is empty")
TOO_LARGE = _("The file %(name)s is larger than %(megabytes)s MB")
WRONG_TYPE = _(
    "The file %(name)s is not a PDF, Word, Excel, PowerPoint, PNG or JPEG file, or it has macros or a password"
)
ATTACH_AGAIN = _("Attach again: %(names)s. The form does not have what you chose before.")
ATTACH_AGAIN_WITH_CONSENT = _("Attach again: %(names)s. Without your consent, the form keeps no files.")


@dataclass
class Upload:
    """
    An accepted file: `name` is its cleaned original name, `digest` the SHA-256 of its content in hexadecimal.

    `size` is in bytes. If it is kept from an earlier attempt, `kept` is the KeptFile.
    """

    file: File
    name: str
    content_type: str
    digest: str
    size: int
    kept: KeptFile | None = None

    @property
    def stored_name(self) -> str:
        """The name with the extension of the detected content type, at most 200 characters."""
        ending = TYPES[self.content_type]
        return re.sub(r"\.\w{1,5}$", "", self.name, flags=re.ASCII)[: 200 - len(ending)].strip() + ending

    def attachment(self, enquiry, message=None) -> Attachment:
        """Returns an unsaved Attachment, still without a file, of an enquiry or of a further Message on it."""
        return Attachment(
            enquiry=enquiry, message=message, name=self.stored_name, content_type=self.content_type, size=self.size
        )


class AttachmentsInput(forms.FileInput):
    """
    A widget of MAX_FILES file inputs, each for one file.

    It does not use one input with `multiple`: many mobile browsers then accept only one file, and without JavaScript
    a user cannot add or remove a single file, because a new choice replaces all files.
    """

    template_name = "contact/attachments_input.html"
    use_fieldset = True
    #: The Uploads that are kept from an earlier attempt.
    kept = ()

    def get_context(self, name, value, attrs):
        context = super().get_context(name, value, attrs)
        context["kept"] = self.kept
        first = context["widget"]["attrs"].pop("id")
        context["inputs"] = [
            (first if number == 1 else f"{first}_{number}", gettext("File %(number)d") % {"number": number})
            for number in range(1, MAX_FILES + 1)
        ]
        return context

    def value_from_datadict(self, data, files, name):
        return files.getlist(name)


class AttachmentsField(forms.Field):
    """
    A form field for the files of an enquiry. It cleans to a list of Uploads without duplicate contents.

    The form may set `kept` to the Uploads of earlier attempts, which count too. After cleaning, `accepted` holds the
    Uploads that are in order, even if others are refused.
    """

    kept, accepted = (), ()
    widget = AttachmentsInput(attrs={"accept": ",".join([*TYPES.values(), ".jpeg"])})

    def clean(self, files):
        """Raises ValidationError with one error for each refused file."""
        uploads, faults = {upload.digest: upload for upload in self.kept}, []
        self.accepted = list(uploads.values())
        if len(files) > MAX_FILES:
            raise forms.ValidationError(TOO_MANY, code="too_many", params=LIMITS)
        for file in files:
            try:
                upload = accept(file)
                uploads.setdefault(upload.digest, upload)
            except forms.ValidationError as fault:
                faults.append(fault)
        self.accepted = list(uploads.values())[:MAX_FILES]
        if left_out := list(uploads.values())[MAX_FILES:]:
            params = LIMITS | {"names": in_a_row(upload.name for upload in left_out)}
            faults.append(forms.ValidationError(LEFT_OUT, code="too_many", params=params))
        if faults:
            raise forms.ValidationError(faults)
        return self.accepted


class AttachmentField(forms.Field):
    """A form field for one file. It cleans to an Upload, or to None without a file."""

    widget = forms.FileInput(attrs=AttachmentsField.widget.attrs)

    def clean(self, file):
        """Raises ValidationError, with the name of the file, if the file is refused."""
        return accept(file) if file else None


def accept(file: UploadedFile) -> Upload:
    """Validates a file. Raises ValidationError, with the name of the file, if the file is refused."""
    name = clean_name(file.name)
    if not file.size:
        raise forms.ValidationError(EMPTY, code="empty", params={"name": name})
    if file.size > MAX_FILE_SIZE:
        raise forms.ValidationError(TOO_LARGE, code="too_large", params=LIMITS | {"name": name})
    found = content_type(file)
    if found is None:
        raise forms.ValidationError(WRONG_TYPE, code="type", params={"name": name})
    return Upload(file, name, found, digest(file), file.size)


def reattach_error(names, text=ATTACH_AGAIN) -> forms.ValidationError:
    """Returns the error that asks for files again: a browser cannot fill in a file input."""
    return forms.ValidationError(text, code="again", params={"names": in_a_row(names)})


def in_a_row(names) -> str:
    return pgettext("between names", ", ").join(names)


def store(enquiry, uploads: list[Upload], message=None) -> list[Attachment]:
    """
    Writes the files of an enquiry, or of a further Message on it, to the disk.

    The caller saves the Attachments in a transaction, inside removed_on_failure().
    """
    attachments = []
    with removed_on_failure(attachments):
        for upload in uploads:
            attachment = upload.attachment(enquiry, message)
            attachments.append(attachment)
            attachment.file.save("", upload.file, save=False)
            fsync(attachment.file)
    return attachments


@contextmanager
def removed_on_failure(attachments):
    """
    A context manager that deletes the files of `attachments` if its block raises an exception.

    Use it inside the transaction: a commit that reports an error may still have succeeded, and then needs the files.
    """
    try:
        yield
    except BaseException:
        remove(attachments)
        raise


def remove(attachments):
    """Deletes the files of Attachments that store() has returned and that are not saved."""
    for attachment in attachments:
        if attachment.file:
            attachment.file.storage.delete(attachment.file.name)


def remove_erased():
    """
    Deletes the files of erased enquiries, then their Attachments. A file that cannot be deleted keeps its row.

    Their names are empty, so an index finds them.
    """
    for attachment in Attachment.objects.filter(name="", enquiry__erased_at__isnull=False).order_by():
        try:
            attachment.file.storage.delete(attachment.file.name)
        except OSError:
            log.exception("The file of attachment %d could not be deleted, will be tried again.", attachment.pk)
        else:
            attachment.delete()


def remove_orphans() -> int:
    """
    Deletes old files that have no row. Returns how many it deleted.

    They remain after a crash between writing a file and its row.
    """
    # One query, because a kept file may become an attachment meanwhile.
    kept = KeptFile.objects.values_list("file", flat=True)
    rows = Attachment.objects.order_by().values_list("file", flat=True).union(kept)
    return uploads.remove_orphans(private_storage(), "attachments", rows)


@require_GET
@staff_member_required
def attachment(request, number):
    """Sends a file to staff as a download. Its headers keep a browser from displaying it on the portal's origin."""
    if not can_view_enquiries(request.user):
        raise PermissionDenied
    attachment = get_object_or_404(Attachment.objects.select_related("enquiry"), pk=number)
    try:
        file = attachment.file.open()
    except FileNotFoundError:
        log.error("Attachment %d of enquiry %d has lost its file.", number, attachment.enquiry_id)
        return render(request, "contact/attachment_missing.html", {"attachment": attachment}, status=404)
    attachment.enquiry.log(Event.Kind.FETCHED, request.user, attachment.content_type)
    response = FileResponse(file, as_attachment=True, filename=attachment.name, content_type=attachment.content_type)
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, no-store"
    return response

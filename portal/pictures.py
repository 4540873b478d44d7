"""Pictures that staff upload. They are known by their content, and stored anew with nothing but their pixels."""

from contextlib import suppress
from io import BytesIO
from uuid import uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db import models
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageCms, ImageOps

from portal.filetypes import Bounded

MAX_MEGAPIXELS = 40

# The format in which a picture of each format is stored, in the names of Pillow. MPO is a JPEG with further pictures
# after it, which are dropped.
STORED_AS = {"PNG": "PNG", "GIF": "PNG", "WEBP": "WEBP", "JPEG": "JPEG", "MPO": "JPEG"}
EXTENSIONS = {"PNG": ".png", "WEBP": ".webp", "JPEG": ".jpg"}
# Of JPEG, and of WebP that was not lossless. It keeps a QR code readable.
QUALITY = 90

NOT_A_PICTURE = _("This is not a PNG, JPEG, WebP or GIF picture, or it is damaged.")
TOO_LARGE = _("This picture has more than %(most)d megapixels. Make it smaller.")
ANIMATED = _("This picture is animated. Upload a still picture.")


class PictureFormField(forms.FileField):
    """A form field for a picture. It cleans to the file of stored_anew()."""

    def to_python(self, data):
        file = super().to_python(data)
        return file and stored_anew(file)

    def widget_attrs(self, widget):
        return {"accept": "image/png,image/jpeg,image/webp,image/gif"}


class PictureField(models.ImageField):
    """An ImageField whose forms accept the pictures of STORED_AS. A picture that code assigns is stored as it is."""

    def formfield(self, **kwargs):
        # The uploaded file's name is not stored, so it may be of any length.
        return super().formfield(**{"form_class": PictureFormField, "max_length": None, **kwargs})


def stored_anew(file) -> ContentFile:
    """
    Decodes a picture, an open binary file with a size, and encodes its pixels anew, upright and in sRGB.

    Metadata, and whatever else the file contains, are dropped. The result's name is random and ends as its type does.
    Raises ValidationError for what is no picture, is damaged or animated, or has more than MAX_MEGAPIXELS.
    """
    stored = BytesIO()
    try:
        with Image.open(Bounded(file, 1024 * 1024, 4), formats=["PNG", "GIF", "WEBP", "JPEG"]) as picture:
            refuse_before_decoding(picture)
            kind, pixels = STORED_AS[picture.format], only_pixels(picture)
            pixels.save(stored, kind, **encoding_options(kind, file))
    except ValidationError:
        raise
    except Image.DecompressionBombError:
        raise ValidationError(TOO_LARGE, code="too_large", params={"most": MAX_MEGAPIXELS}) from None
    # Several libraries parse a hostile file here. Whichever exception one of them raises, the file is faulty.
    except Exception:
        raise ValidationError(NOT_A_PICTURE, code="not_a_picture") from None
    return ContentFile(stored.getvalue(), name=f"{uuid4().hex}{EXTENSIONS[kind]}")


def refuse_before_decoding(picture):
    """Raises ValidationError for a picture that is too large or animated, as its header says."""
    if picture.width * picture.height > MAX_MEGAPIXELS * 1_000_000:
        raise ValidationError(TOO_LARGE, code="too_large", params={"most": MAX_MEGAPIXELS})
    if picture.format != "MPO" and getattr(picture, "is_animated", False):
        raise ValidationError(ANIMATED, code="animated")


def encoding_options(kind, file):
    """Returns the options with which Pillow stores `file`. Only what had lost detail before loses more."""
    if kind == "WEBP" and is_lossless_webp(file):
        # Here the quality is the effort. With more of it, 40 megapixels take a minute.
        return {"lossless": True, "quality": 0, "method": 0}
    return {"quality": QUALITY}


def is_lossless_webp(file) -> bool:
    """Whether an open binary file is a WebP picture without loss (RFC 9649, section 2.6). Its position changes."""
    file.seek(0)
    head, place = file.read(), 12
    while (kind := head[place : place + 4]) not in (b"VP8L", b"VP8 ", b""):
        size = int.from_bytes(head[place + 4 : place + 8], "little")
        place += 8 + size + size % 2
    return kind == b"VP8L"


def only_pixels(picture):
    """Returns the decoded picture, upright and in sRGB, without metadata: black and white, gray, RGB or RGBA."""
    profile = picture.info.get("icc_profile")
    picture = ImageOps.exif_transpose(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
    elif picture.mode.startswith("I;16"):
        # Pillow would cut off what is above 255.
        picture = picture.point(lambda gray: gray / 257, "L") if picture.mode == "I;16" else picture.convert("I")
        picture = picture.convert("L")
    elif picture.mode not in {"1", "L", "RGB", "CMYK"}:
        picture = picture.convert("RGB")
    if profile:
        mode = "RGBA" if picture.mode == "RGBA" else "RGB"
        # A profile that does not fit the picture is ignored, as browsers do.
        with suppress(ImageCms.PyCMSError):
            picture = ImageCms.profileToProfile(
                picture, BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode=mode
            )
    if picture.mode == "CMYK":
        picture = picture.convert("RGB")
    picture.info.clear()
    return picture

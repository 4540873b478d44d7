"""Pictures that staff upload: what is stored of them, what is refused, and that replaced files are removed."""

import struct
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile
from zlib import crc32

import pytest
import segno
import zxingcpp
from bs4 import BeautifulSoup
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import ExifTags, Image, ImageCms, ImageDraw, PngImagePlugin

from portal.models import Department
from portal.pictures import stored_anew

pytestmark = [pytest.mark.django_db, pytest.mark.no_database]

NOT_A_PICTURE = "This is not a PNG, JPEG, WebP or GIF picture, or it is damaged."
TOO_LARGE = "This picture has more than 40 megapixels. Make it smaller."
ANIMATED = "This picture is animated. Upload a still picture."
# What hostile and careless files carry beside their pixels.
SECRETS = [b"Alex Example", b"39.9042", b"<script>", b"PK\x03\x04", b"Photoshop"]


@pytest.fixture
def desk(admin_client):
    """A client that is signed in to the admin, which it reads in English."""
    admin_client.cookies["django_language"] = "en"
    return admin_client


def change(desk, **changes):
    """Submits the admin's page of the department with `changes`. Returns the errors that it shows at the picture."""
    page = "/admin/portal/department/1/change/"
    opened = desk.get(page).context
    form = opened["adminform"].form
    sent = {"_shown": opened["shown"]} | {
        field.html_name: field.value() for field in form if field.value() not in (None, "")
    }
    sent.pop("wechat_code", None)
    response = desk.post(page, sent | changes | {"_publish": "1"}, follow=True)
    page = BeautifulSoup(response.content, "html.parser")
    errors = page.select(".field-wechat_code .errorlist li")
    assert page.select(".errorlist li") == errors
    return [error.text for error in errors]


def upload(desk, content, name="holiday in Paris.png"):
    return change(desk, wechat_code=SimpleUploadedFile(name, content, content_type="image/png"))


def stored():
    """Returns the file name and the content of the stored picture."""
    department = Department.objects.get()
    content = Path(department.wechat_code.path).read_bytes()
    assert Image.open(BytesIO(content)).size == (department.wechat_code_width, department.wechat_code_height)
    return department.wechat_code.name.removeprefix("department/"), content


def drawing(mode="RGB", size=(60, 40)):
    """Returns a picture whose left upper corner is red and whose other pixels are white."""
    picture = Image.new("RGB", size, "white")
    ImageDraw.Draw(picture).rectangle([0, 0, size[0] // 2, size[1] // 2], fill="red")
    return picture.convert(mode)


def encoded(kind, picture=None, **options):
    file = BytesIO()
    (picture or drawing()).save(file, kind, **options)
    return file.getvalue()


def exif(orientation=1):
    """Returns EXIF data with a person's name and a place, as a telephone writes them."""
    data = Image.Exif()
    data[ExifTags.Base.Artist] = "Alex Example"
    data[ExifTags.Base.Orientation] = orientation
    data[ExifTags.Base.GPSInfo] = {1: "N", 2: (39, 54, 15), 3: "E", 4: (116, 24, 26), 29: "39.9042"}
    return data


def archive():
    file = BytesIO()
    with ZipFile(file, "w") as written:
        written.writestr("a.html", "<script>alert(1)</script>")
    return file.getvalue()


def png_text():
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "Alex Example")
    text.add_itxt("Comment", "<script>", zip=False)
    return text


def png_chunks(content):
    """Returns the types of the chunks of a PNG, and the number of bytes after the last one."""
    types, place = [], 8
    while types[-1:] != [b"IEND"]:
        [size] = struct.unpack_from(">I", content, place)
        types.append(content[place + 4 : place + 8])
        place += 12 + size
    return set(types), len(content) - place


CARRIERS = {
    "JPEG with GPS": (encoded("JPEG", exif=exif(), comment=b"<script>", quality=95), ".jpg"),
    "JPEG with HTML after it": (encoded("JPEG", quality=95) + b"<script>alert(1)</script>", ".jpg"),
    "JPEG with ZIP after it": (encoded("JPEG", quality=95) + archive(), ".jpg"),
    "JPEG of several pictures": (
        encoded("MPO", save_all=True, append_images=[drawing()], exif=exif(), quality=95),
        ".jpg",
    ),
    "PNG with text": (encoded("PNG", pnginfo=png_text(), exif=exif()), ".png"),
    "PNG with ZIP after it": (encoded("PNG") + archive(), ".png"),
    "PNG with a palette": (encoded("PNG", drawing("P"), pnginfo=png_text()), ".png"),
    "black and white PNG": (encoded("PNG", drawing("1"), pnginfo=png_text()), ".png"),
    "gray PNG": (encoded("PNG", drawing("L"), exif=exif()), ".png"),
    "GIF": (encoded("GIF", comment=b"<script>") + archive(), ".png"),
    "WebP": (encoded("WEBP", exif=exif(), xmp=b"Photoshop", quality=95), ".webp"),
    "lossless WebP": (encoded("WEBP", exif=exif(), lossless=True) + archive(), ".webp"),
}


@pytest.mark.parametrize("kind", CARRIERS)
def test_a_picture_is_stored_without_anything_but_its_pixels(desk, kind):
    content, ending = CARRIERS[kind]
    assert any(secret in content for secret in SECRETS)
    assert upload(desk, content) == []
    name, kept = stored()
    assert name.endswith(ending)
    assert len(name) == 32 + len(ending)
    assert "holiday" not in name
    assert not [secret for secret in SECRETS if secret in kept]
    picture = Image.open(BytesIO(kept))
    assert not picture.getexif()
    assert not {"exif", "xmp", "comment", "icc_profile"} & picture.info.keys()
    shown, expected = picture.convert("RGB"), Image.open(BytesIO(content)).convert("RGB")
    for corner in ((5, 5), (55, 5), (5, 35), (55, 35)):
        assert near(shown.getpixel(corner), expected.getpixel(corner))
    if ending == ".png":
        chunks, rest = png_chunks(kept)
        assert chunks <= {b"IHDR", b"IDAT", b"IEND"}
        assert rest == 0
    if kind.startswith(("PNG", "GIF", "lossless", "black", "gray")):
        assert shown.tobytes() == expected.tobytes()


def near(one, another):
    return all(abs(first - second) < 20 for first, second in zip(one, another, strict=True))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_exif_says(desk, kind, orientation):
    """The red corner of a picture that is stored as it should be shown does not depend on the EXIF data."""
    place = {1: (5, 5), 2: (55, 5), 3: (55, 35), 4: (5, 35), 5: (5, 5), 6: (35, 5), 7: (35, 55), 8: (5, 55)}
    assert upload(desk, encoded(kind, exif=exif(orientation), quality=95)) == []
    picture = Image.open(BytesIO(stored()[1])).convert("RGB")
    assert picture.size == ((40, 60) if orientation > 4 else (60, 40))
    assert near(picture.getpixel(place[orientation]), (255, 0, 0))


def test_transparency_stays(desk):
    picture = drawing("RGBA")
    picture.putpixel((50, 30), (0, 0, 255, 128))
    for kind in ("PNG", "WEBP"):
        assert upload(desk, encoded(kind, picture, **({"lossless": True} if kind == "WEBP" else {}))) == []
        kept = Image.open(BytesIO(stored()[1]))
        assert kept.getpixel((50, 30)) == (0, 0, 255, 128)
    palette = drawing("P")
    assert upload(desk, encoded("GIF", palette, transparency=palette.getpixel((5, 5)))) == []
    assert Image.open(BytesIO(stored()[1])).getpixel((5, 5))[3] == 0


def test_colours_are_those_that_the_profile_means(desk):
    """In this profile, red and green have changed places."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"----", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"----", b"gXYZ", 1)
    assert swapped != profile
    for kind in ("PNG", "JPEG"):
        assert upload(desk, encoded(kind, icc_profile=swapped)) == []
        picture = Image.open(BytesIO(stored()[1]))
        assert near(picture.getpixel((5, 5)), (0, 255, 0))
        assert "icc_profile" not in picture.info
    assert upload(desk, encoded("PNG", drawing("L"), icc_profile=profile)) == [], "a profile that does not fit"
    assert upload(desk, encoded("PNG", icc_profile=b"no profile")) == []
    assert near(Image.open(BytesIO(stored()[1])).getpixel((5, 5)), (255, 0, 0))


def test_a_picture_for_print_is_stored_for_the_screen(desk):
    assert upload(desk, encoded("JPEG", drawing("CMYK"), quality=95)) == []
    picture = Image.open(BytesIO(stored()[1]))
    assert picture.mode == "RGB"
    assert near(picture.getpixel((5, 5)), (255, 0, 0))


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "JPEG"])
def test_a_qr_code_stays_readable(desk, kind):
    file = BytesIO()
    segno.make("https://weixin.example/account", error="l").save(file, kind="png", scale=3)
    picture = Image.open(file).convert("L")
    options = {"JPEG": {"quality": 60}, "WEBP": {"lossless": True}}.get(kind, {})
    assert upload(desk, encoded(kind, picture, **options)) == []
    [read] = zxingcpp.read_barcodes(Image.open(BytesIO(stored()[1])).convert("L"))
    assert read.text == "https://weixin.example/account"


def header(width, height):
    """Returns a PNG whose header claims this size."""
    sound = encoded("PNG")
    head = b"IHDR" + struct.pack(">II", width, height) + sound[24:29]
    return sound[:12] + head + struct.pack(">I", crc32(head)) + sound[33:]


def webp_header(width, height):
    """Returns the start of a lossless WebP of this size; its pixels are missing."""
    bits = (width - 1) | (height - 1) << 14
    data = b"\x2f" + bits.to_bytes(4, "little") + bytes(20)
    chunk = b"VP8L" + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


REFUSED = {
    "bomb of 50,000 by 50,000": (header(50_000, 50_000), TOO_LARGE),
    "bomb of 10,000 by 10,000": (header(10_000, 10_000), TOO_LARGE),
    "41 megapixels": (encoded("PNG", Image.new("1", (8200, 5000))), TOO_LARGE),
    "WebP of 16,000 by 16,000": (webp_header(16_000, 16_000), TOO_LARGE),
    "animated GIF": (encoded("GIF", save_all=True, append_images=[drawing("L")]), ANIMATED),
    "animated WebP": (encoded("WEBP", save_all=True, append_images=[Image.new("RGB", (60, 40))]), ANIMATED),
    "animated PNG": (encoded("PNG", save_all=True, append_images=[Image.new("RGB", (60, 40))]), ANIMATED),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', NOT_A_PICTURE),
    "HTML": (b"<!DOCTYPE html><script>alert(1)</script>", NOT_A_PICTURE),
    "ZIP": (archive(), NOT_A_PICTURE),
    "TIFF": (encoded("TIFF"), NOT_A_PICTURE),
    "BMP": (encoded("BMP"), NOT_A_PICTURE),
    "icon": (encoded("ICO"), NOT_A_PICTURE),
    "cut PNG": (encoded("PNG")[:-40], NOT_A_PICTURE),
    "cut JPEG": (encoded("JPEG")[:-100], NOT_A_PICTURE),
    "cut WebP": (encoded("WEBP")[:-40], NOT_A_PICTURE),
    "cut GIF": (encoded("GIF")[:-40], NOT_A_PICTURE),
    "header of a PNG": (encoded("PNG")[:20], NOT_A_PICTURE),
    "spoilt PNG": (encoded("PNG").replace(b"IDAT", b"IDAT\xff", 1), NOT_A_PICTURE),
    "size without pixels": (header(6000, 6000), NOT_A_PICTURE),
    "JPEG of nothing": (b"\xff\xd8\xff" + bytes(3_000_000), NOT_A_PICTURE),
    "endless padding": (b"\xff\xd8" + b"\xff" * 10_000_000, NOT_A_PICTURE),
    "nothing": (b"", "The submitted file is empty."),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_picture_or_too_large_is_refused_and_nothing_is_stored(desk, kind):
    content, words = REFUSED[kind]
    assert upload(desk, content) == [words]
    assert not Department.objects.get().wechat_code
    assert not default_storage.exists("department")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_no_damage_causes_another_error(kind, record_property):
    """Each byte of the picture is spoilt in turn, and it is cut at each byte."""
    sound = encoded(kind, **({"comment": b"<script>"} if kind == "GIF" else {"exif": exif()}))
    spoilt = [sound[:place] + bytes([sound[place] ^ 0xFF]) + sound[place + 1 :] for place in range(len(sound))]
    spoilt += [sound[:size] for size in range(1, len(sound))]
    refused = 0
    for content in spoilt:
        try:
            stored_anew(ContentFile(content))
        except ValidationError:
            refused += 1
    assert 0 < refused < len(spoilt)
    record_property("damaged files", len(spoilt))


def test_forty_megapixels_are_stored(desk):
    assert upload(desk, encoded("PNG", Image.new("1", (8000, 5000)))) == []
    assert Image.open(BytesIO(stored()[1])).size == (8000, 5000)


def test_an_error_is_in_the_language_of_the_admin(desk):
    desk.cookies["django_language"] = "zh-hans"
    assert upload(desk, REFUSED["SVG"][0]) == ["这不是PNG、JPEG、WebP或GIF图片，或者文件已损坏。"]
    assert upload(desk, header(50_000, 50_000)) == ["这张图片超过4000万像素，请先缩小。"]
    assert upload(desk, REFUSED["animated GIF"][0]) == ["这是动态图片，请上传静态图片。"]


def test_a_picture_is_known_by_its_content_and_not_by_its_name(desk):
    long_name = f"{'公' * 300}.svg"
    assert upload(desk, encoded("JPEG"), name=long_name) == []
    assert stored()[0].endswith(".jpg")


def test_replaced_cleared_and_deleted_files_are_removed_after_the_commit(desk, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        upload(desk, encoded("PNG"))
    first, _content = stored()
    with django_capture_on_commit_callbacks() as after_commit:
        upload(desk, encoded("JPEG"))
    assert len(default_storage.listdir("department")[1]) == 2, "the change may still be rolled back"
    for callback in after_commit:
        callback()
    second, _content = stored()
    assert second != first

    with django_capture_on_commit_callbacks(execute=True):
        assert change(desk, postcode="100000") == []
    assert stored()[0] == second

    with django_capture_on_commit_callbacks(execute=True):
        assert change(desk, **{"wechat_code-clear": "on"}) == []
    assert default_storage.listdir("department")[1] == []

    with django_capture_on_commit_callbacks(execute=True):
        upload(desk, encoded("PNG"))
        Department.objects.get().delete()
    assert default_storage.listdir("department")[1] == []

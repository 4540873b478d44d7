"""Valid files of each type that may be attached, and invalid files that look like them."""

import struct
from io import BytesIO
from random import randbytes
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_STORED, ZipFile
from zlib import crc32

from openpyxl import Workbook
from PIL import Image

OPEN_XML = "application/vnd.openxmlformats-officedocument."
PDF = b"%PDF-1.7\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n"


def picture(kind, **options):
    """Returns a small picture; `kind` is a format of Pillow."""
    file = BytesIO()
    Image.new("RGB", (8, 6), "red").save(file, kind, **options)
    return file.getvalue()


def archive(parts, method=ZIP_DEFLATED):
    """Returns a ZIP archive; `parts` maps names to contents."""
    file = BytesIO()
    with ZipFile(file, "w", method) as written:
        for name, content in parts.items():
            written.writestr(name, content)
    return file.getvalue()


def declaring(*types, prologue=""):
    """Returns the [Content_Types].xml of an Open XML package whose parts have these content types."""
    parts = "".join(f'<Override PartName="/part{n}.xml" ContentType="{name}"/>' for n, name in enumerate(types))
    namespace = "http://schemas.openxmlformats.org/package/2006/content-types"
    return f'<?xml version="1.0"?>{prologue}<Types xmlns="{namespace}">{parts}</Types>'


def package(*types, prologue="", **others):
    """Returns an Open XML package whose parts have these content types."""
    return archive({"[Content_Types].xml": declaring(*types, prologue=prologue), **others})


def workbook():
    file = BytesIO()
    written = Workbook()
    written.active["A1"] = "学分"
    written.save(file)
    return file.getvalue()


def compound(*names):
    """
    Returns a compound file ([MS-CFB]) with one empty stream per name; a name such as "Folder/" makes a storage.

    The file has a header, one sector of the allocation table, and then the sectors of the directory.
    """
    entries = [entry("Root Entry", 5, child=1)]
    for number, name in enumerate(names, 1):
        kind = 1 if name.endswith("/") else 2
        entries.append(entry(name.rstrip("/"), kind, right=number + 1 if number < len(names) else 0xFFFFFFFF))
    entries += [bytes(128)] * (-len(entries) % 4)
    sectors = len(entries) // 4
    header = struct.pack(
        "<8s16sHHHHH6sIIIIIIIIII",
        bytes.fromhex("d0cf11e0a1b11ae1"),
        bytes(16),
        *(0x3E, 3, 0xFFFE, 9, 6, bytes(6)),
        *(0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0),
        0,
    )
    header += b"\xff\xff\xff\xff" * 108
    chain = [0xFFFFFFFD, *range(2, sectors + 1), 0xFFFFFFFE]
    table = struct.pack(f"<{len(chain)}I", *chain).ljust(512, b"\xff")
    return header + table + b"".join(entries)


def entry(name, kind, child=0xFFFFFFFF, right=0xFFFFFFFF):
    written = name.encode("utf-16-le")
    links = struct.pack("<HBBIII", len(written) + 2, kind, 1, 0xFFFFFFFF, right, child)
    return (written.ljust(64, b"\0") + links).ljust(116, b"\0") + struct.pack("<III", 0xFFFFFFFE, 0, 0)


HONEST = {
    "PDF": (PDF, "application/pdf", ".pdf"),
    "PNG": (picture("PNG"), "image/png", ".png"),
    "JPEG": (picture("JPEG"), "image/jpeg", ".jpg"),
    "JPEG of several pictures": (
        picture("MPO", save_all=True, append_images=[Image.new("RGB", (8, 6))]),
        "image/jpeg",
        ".jpg",
    ),
    "Word": (
        package(f"{OPEN_XML}wordprocessingml.document.main+xml", "application/xml"),
        f"{OPEN_XML}wordprocessingml.document",
        ".docx",
    ),
    "Excel": (workbook(), f"{OPEN_XML}spreadsheetml.sheet", ".xlsx"),
    "PowerPoint": (
        package("application/xml", f"{OPEN_XML}presentationml.presentation.main+xml"),
        f"{OPEN_XML}presentationml.presentation",
        ".pptx",
    ),
    "Word of 1997": (compound("1Table", "WordDocument", "Data"), "application/msword", ".doc"),
    "Excel of 1997": (compound("Workbook"), "application/vnd.ms-excel", ".xls"),
    "Excel of 1995": (compound("Book"), "application/vnd.ms-excel", ".xls"),
    "PowerPoint of 1997": (compound("Current User", "PowerPoint Document"), "application/vnd.ms-powerpoint", ".ppt"),
}


def noise(kind, **options):
    """Returns a picture of 20 megabytes: nothing compresses random pixels."""
    file = BytesIO()
    Image.frombytes("RGB", (2600, 2600), randbytes(2600 * 2600 * 3)).save(file, kind, **options)
    return file.getvalue()


def book():
    """Returns a Word document of 15,000 parts, each declared, and 20 megabytes."""
    parts = {f"word/media/{n:05}-{'x' * 30}.xml": b"x" * 1300 for n in range(15_000)}
    types = declaring(WORD, *("application/xml" for _part in parts))
    return archive({"[Content_Types].xml": types, **parts}, method=ZIP_STORED)


# Honest files of about 20 megabytes, by what makes them. They are built only where they are needed.
LARGE = {
    "PDF": lambda: PDF + bytes(20_000_000),
    "PNG": lambda: noise("PNG", compress_level=0),
    "JPEG": lambda: noise("JPEG", quality=100, subsampling=0),
    "Word": book,
    "Word of 1997": lambda: HONEST["Word of 1997"][0] + bytes(20_000_000),
}


def vast_picture():
    """Returns a PNG whose header claims 60,000 by 60,000 pixels."""
    sound = picture("PNG")
    head = b"IHDR" + struct.pack(">II", 60_000, 60_000) + sound[24:29]
    return sound[:12] + head + struct.pack(">I", crc32(head)) + sound[33:]


def endless_compound():
    """Returns a compound file whose allocation table is an endless loop."""
    file = bytearray(compound("WordDocument") + bytes(512 * 12_000))
    struct.pack_into("<I", file, 44, 127 * 30_000 + 109)
    struct.pack_into("<II", file, 68, 2, 30_000)
    struct.pack_into("<128I", file, 512 * 3, *[3] * 127, 2)
    return bytes(file)


WORD_MACROS = "application/vnd.ms-word.document.macroEnabled.main+xml"
WORD = f"{OPEN_XML}wordprocessingml.document.main+xml"
DISHONEST = {
    "text": b"Dear Sir or Madam",
    "program": b"MZ" + bytes(200),
    "markup": b"<html><script>alert(1)</script>",
    "drawing": b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>',
    "PDF further down": b"\n" + PDF,
    "GIF": picture("GIF"),
    "cut PNG": picture("PNG")[:-20],
    "spoilt PNG": picture("PNG").replace(b"IDAT", b"IDAT\xff", 1),
    "vast PNG": vast_picture(),
    "head of a JPEG": b"\xff\xd8\xff\xe0",
    "JPEG of nothing": b"\xff\xd8\xff" + bytes(3_000_000),
    "zip": archive({"a.txt": "a"}),
    "cut zip": package(WORD)[:-30],
    "head of a zip": b"PK\x03\x04" + bytes(500),
    "Word with macros": package(WORD_MACROS),
    "Word that hides macros": package(WORD, "application/vnd.ms-office.vbaProject"),
    "two main parts": package(WORD, WORD_MACROS),
    "template": package(f"{OPEN_XML}wordprocessingml.template.main+xml"),
    "Excel with macros": package("application/vnd.ms-excel.sheet.macroEnabled.main+xml"),
    "PowerPoint with macros": package("application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml"),
    "nearly Word": package(WORD + "x"),
    "no types": archive({"word/document.xml": "<a/>"}),
    "types that are no XML": archive({"[Content_Types].xml": "<Types"}),
    "types with entities": package(WORD, prologue='<!DOCTYPE Types [<!ENTITY a "b">]>'),
    "types too long": package(WORD, *(f"application/x-{n}-{'x' * 90}" for n in range(8_000))),
    "types in another compression": archive({"[Content_Types].xml": declaring(WORD)}, method=ZIP_BZIP2),
    "a zip of very many parts": archive(
        {f"{n:080}": "" for n in range(9_000)} | {"[Content_Types].xml": declaring(WORD)}
    ),
    "mail": compound("__properties_version1.0"),
    "protected by a password": compound("EncryptionInfo", "EncryptedPackage"),
    "Word with macros of 1997": compound("WordDocument", "VBA/"),
    "stream of a program": compound("WordDocument/"),
    "cut compound": compound("WordDocument")[:700],
    "head of a compound": bytes.fromhex("d0cf11e0a1b11ae1") + b"\xff" * 600,
    "endless compound": endless_compound(),
}

"""What a file is, by what stands in it: the types that a visitor may attach, and how each is known."""

import re
from xml.parsers import expat
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from olefile import OleFileIO
from PIL import Image

OPEN_XML = "application/vnd.openxmlformats-officedocument."

# The ending that stands for each type.
TYPES = {
    "application/pdf": ".pdf",
    "application/msword": ".doc",
    f"{OPEN_XML}wordprocessingml.document": ".docx",
    "application/vnd.ms-excel": ".xls",
    f"{OPEN_XML}spreadsheetml.sheet": ".xlsx",
    "application/vnd.ms-powerpoint": ".ppt",
    f"{OPEN_XML}presentationml.presentation": ".pptx",
    "image/png": ".png",
    "image/jpeg": ".jpg",
}

# The ending and the media type of each kind of picture that staff may upload.
IMAGE_TYPES = {
    "avif": "image/avif",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
}

# The stream in which each old Office format keeps its matter ([MS-DOC], [MS-XLS], [MS-PPT]).
STREAMS = {
    "WordDocument": "application/msword",
    "Workbook": "application/vnd.ms-excel",
    "Book": "application/vnd.ms-excel",
    "PowerPoint Document": "application/vnd.ms-powerpoint",
}

# How far into a container of parts its list of parts is read, and into a picture, in bytes.
LIST_OF_PARTS = 1024 * 1024
PICTURE = 16 * 1024 * 1024


class Bounded:
    """A file that can be read as long as a budget lasts: whatever a hostile file has its reader do, it ends."""

    # What a reading costs beside its bytes.
    READING = 100

    def __init__(self, file, budget):
        self.file, self.budget = file, budget
        self.seek, self.tell, self.seekable, self.closed = file.seek, file.tell, file.seekable, False

    def read(self, size=-1):
        data = self.file.read(self.budget if size < 0 else min(size, self.budget))
        self.budget -= len(data) + self.READING
        if self.budget < 0:
            raise ValueError("This file takes more reading than an honest one.")
        return data


def content_type(file):
    """The type, one of TYPES, of an open binary file that can be sought in; None if it is of no such type."""
    file.seek(0)
    head = file.read(16)
    reader = next((reader for signature, reader in SIGNATURES.items() if re.match(signature, head)), None)
    try:
        return reader and reader(file)
    # Three libraries read here what anybody may send; on whatever one of them stumbles, the file is faulty.
    except Exception:
        return None
    finally:
        file.seek(0)


def _pdf(file):
    return "application/pdf"


def _picture(file):
    # Nothing is decoded; a picture of more pixels than Pillow thinks safe is refused, for those who will open it.
    with Image.open(Bounded(file, PICTURE), formats=["PNG", "JPEG"]) as image:
        image.verify()
    # MPO is a JPEG with further pictures behind it, as telephones take them.
    return "image/png" if image.format == "PNG" else "image/jpeg"


def _open_xml(file):
    """New Office files (ECMA-376 part 2): a main part of exactly one type, and no macros."""
    with ZipFile(Bounded(file, LIST_OF_PARTS)) as archive:
        entry = archive.getinfo("[Content_Types].xml")
        if entry.file_size > LIST_OF_PARTS or entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            return None
        declared = _declared_types(archive.read(entry))
    main = {name for name in declared if ".main" in name}
    if len(main) != 1 or any("macro" in name.lower() or "vba" in name.lower() for name in declared):
        return None
    found = main.pop().removesuffix(".main+xml")
    return found if found.startswith(OPEN_XML) and found in TYPES else None


def _declared_types(xml):
    """The content types that a package declares for its parts."""
    found = set()
    parser = expat.ParserCreate()

    def refuse(*declaration):
        raise ValueError("A package has no document type (ECMA-376 part 2).")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda tag, attributes: found.add(attributes.get("ContentType", ""))
    parser.Parse(xml, True)
    return found


def _compound(file):
    """Old Office files ([MS-CFB]), without macros as far as their streams tell."""
    with OleFileIO(Bounded(file, LIST_OF_PARTS)) as compound:
        streams, folders = compound.listdir(), compound.listdir(streams=False, storages=True)
    if any(path[-1] == "VBA" for path in folders):
        return None
    return next((STREAMS[path[0]] for path in streams if len(path) == 1 and path[0] in STREAMS), None)


SIGNATURES = {
    rb"%PDF-[12]\.\d": _pdf,
    rb"\x89PNG\r\n\x1a\n": _picture,
    rb"\xff\xd8\xff": _picture,
    rb"PK\x03\x04": _open_xml,
    rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": _compound,
}

"""The file types that visitors may attach and resources may have, recognised by content, and those of pictures."""

import re
from os import SEEK_END
from xml.parsers import expat
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from olefile import OleFileIO
from PIL import Image

OPEN_XML = "application/vnd.openxmlformats-officedocument."

# The types that a visitor may attach, each with its file name extension.
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

# The names of the types, which are the same in both languages.
TYPE_NAMES = {
    "application/pdf": "PDF",
    "application/msword": "Word",
    f"{OPEN_XML}wordprocessingml.document": "Word",
    "application/vnd.ms-excel": "Excel",
    f"{OPEN_XML}spreadsheetml.sheet": "Excel",
    "application/vnd.ms-powerpoint": "PowerPoint",
    f"{OPEN_XML}presentationml.presentation": "PowerPoint",
    "image/png": "PNG",
    "image/jpeg": "JPEG",
}

# The file name extensions of public pictures, each with its media type.
IMAGE_TYPES = {
    "avif": "image/avif",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
}

# The stream in which each old Office format stores the document ([MS-DOC], [MS-XLS], [MS-PPT]).
STREAMS = {
    "WordDocument": "application/msword",
    "Workbook": "application/vnd.ms-excel",
    "Book": "application/vnd.ms-excel",
    "PowerPoint Document": "application/vnd.ms-powerpoint",
}

# Read budgets, each in bytes and as a multiple of the size of the file; the larger one counts. The list of parts is a
# small piece of an Office file. A picture is read once.
LIST_OF_PARTS = 1024 * 1024, 0.2
PICTURE = 16 * 1024 * 1024, 2


class Bounded:
    """A file whose read() raises ValueError when its `budget` is spent, so that no parser is kept busy for ever."""

    # The cost of each read, in addition to its bytes.
    READING = 100

    def __init__(self, file, least, share):
        self.file, self.budget = file, max(least, int(share * file.seek(0, SEEK_END)))
        file.seek(0)
        self.seek, self.tell, self.seekable, self.closed = file.seek, file.tell, file.seekable, False

    def read(self, size=-1):
        data = self.file.read(self.budget if size < 0 else min(size, self.budget))
        self.budget -= len(data) + self.READING
        if self.budget < 0:
            raise ValueError("This file takes more reading than an honest one.")
        return data


def content_type(file) -> str | None:
    """Returns the type of an open, seekable binary file, a key of TYPES, or None. Its position is 0 afterwards."""
    file.seek(0)
    head = file.read(16)
    reader = next((reader for signature, reader in SIGNATURES.items() if re.match(signature, head)), None)
    try:
        return reader and reader(file)
    # Three libraries parse untrusted input here. Whichever exception one of them raises, the file is faulty.
    except Exception:
        return None
    finally:
        file.seek(0)


def _pdf(file):
    return "application/pdf"


def _picture(file):
    # Nothing is decoded. Pillow rejects a picture with too many pixels, which protects those who would open it.
    with Image.open(Bounded(file, *PICTURE), formats=["PNG", "JPEG"]) as image:
        image.verify()
    # MPO is a JPEG with further pictures after it. Cameras of mobile phones write it.
    return "image/png" if image.format == "PNG" else "image/jpeg"


def _open_xml(file):
    """Recognises new Office files (ECMA-376 part 2): they have one type of main part, and no macros."""
    bounded = Bounded(file, *LIST_OF_PARTS)
    with ZipFile(bounded) as archive:
        entry = archive.getinfo("[Content_Types].xml")
        if entry.file_size > bounded.budget or entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            return None
        declared = _declared_types(archive.read(entry))
    main = {name for name in declared if ".main" in name}
    if len(main) != 1 or any("macro" in name.lower() or "vba" in name.lower() for name in declared):
        return None
    found = main.pop().removesuffix(".main+xml")
    return found if found.startswith(OPEN_XML) and found in TYPES else None


def _declared_types(xml):
    """Returns the content types that a package declares for its parts."""
    found = set()
    parser = expat.ParserCreate()

    def refuse(*declaration):
        raise ValueError("A package has no document type (ECMA-376 part 2).")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda tag, attributes: found.add(attributes.get("ContentType", ""))
    parser.Parse(xml, True)
    return found


def _compound(file):
    """Recognises old Office files ([MS-CFB]) without a VBA storage. Macros that are stored elsewhere are not found."""
    with OleFileIO(Bounded(file, *LIST_OF_PARTS)) as compound:
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

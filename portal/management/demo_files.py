"""The files of the demonstration: small real documents. The same lines of text, in any script, make the same file."""

from io import BytesIO
from xml.sax.saxutils import escape
from zipfile import ZipFile, ZipInfo

from PIL import Image

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TYPES = "application/vnd.openxmlformats-officedocument"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def pdf(lines: list[str]) -> bytes:
    """Returns a PDF with one page, in a Chinese font that the programs that show PDF bring along (ISO 32000, 9.7.5)."""
    text = "".join(f"<{line.encode('utf-16-be').hex()}> Tj T*\n" for line in lines)
    content = f"BT /F1 14 Tf 60 760 Td 28 TL\n{text}ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        " /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        "<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UTF16-H /DescendantFonts [6 0 R] >>",
        "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /FontDescriptor 7 0 R /W [1 95 500]"
        " /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 4 >> >>",
        "<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] /ItalicAngle 0"
        " /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>",
    ]
    file, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(file))
        file += f"{number} 0 obj\n{body}\nendobj\n".encode("ascii")
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(file)}\n%%EOF\n"
    return file + f"xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}".encode("ascii")


def docx(lines: list[str]) -> bytes:
    """Returns a Word document with a paragraph for each line."""
    paragraphs = "".join(f"<w:p><w:r><w:t>{escape(line)}</w:t></w:r></w:p>" for line in lines)
    document = f'<w:document xmlns:w="{WORD}"><w:body>{paragraphs}</w:body></w:document>'
    return package("word/document.xml", "wordprocessingml.document", {"word/document.xml": document})


def xlsx(lines: list[str]) -> bytes:
    """Returns an Excel workbook with a row for each line."""
    rows = "".join(f'<row><c t="inlineStr"><is><t>{escape(line)}</t></is></c></row>' for line in lines)
    workbook = (
        f'<workbook xmlns="{SHEET}" xmlns:r="{OFFICE}">'
        '<sheets><sheet name="Sample" sheetId="1" r:id="rId1"/></sheets></workbook>'
    )
    parts = {
        "xl/workbook.xml": workbook,
        "xl/_rels/workbook.xml.rels": relation("worksheet", "worksheets/sheet1.xml"),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{SHEET}"><sheetData>{rows}</sheetData></worksheet>',
    }
    sheet = ("/xl/worksheets/sheet1.xml", "spreadsheetml.worksheet+xml")
    return package("xl/workbook.xml", "spreadsheetml.sheet", parts, sheet)


def png(lines: list[str]) -> bytes:
    """Returns a plain picture: the fonts of this machine may have no Chinese, so the `lines` are not in it."""
    file = BytesIO()
    Image.new("RGB", (640, 360), "#d8d4c6").save(file, "PNG")
    return file.getvalue()


def package(main, kind, parts, *others) -> bytes:
    """Returns an Office file (ECMA-376 part 2) of `parts`, XML by name. `main` is the name of the main one."""
    types = [(f"/{main}", f"{kind}.main+xml"), *others]
    overrides = "".join(f'<Override PartName="{name}" ContentType="{TYPES}.{content}"/>' for name, content in types)
    everything = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
        "_rels/.rels": relation("officeDocument", main),
        **parts,
    }
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        for name, xml in everything.items():
            # With a date of its own, so that the file does not depend on the clock.
            archive.writestr(ZipInfo(name), f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{xml}')
    return file.getvalue()


def relation(kind, target) -> str:
    return (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{OFFICE}/{kind}" Target="{target}"/></Relationships>'
    )


WRITERS = {"pdf": pdf, "docx": docx, "xlsx": xlsx, "png": png}

"""Small office files made by hand, for tests: workbooks by rows, and sheets whose XML says anything at all."""

import datetime as dt
import io
import zipfile
from typing import Any
from xml.sax.saxutils import escape

import xlsxwriter

ODS_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_OFFICE = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">'
)


def workbook(sheets: dict[str, list[list[Any]]]) -> bytes:
    """An XLSX workbook of these rows."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"strings_to_formulas": False, "in_memory": True})
    date = book.add_format({"num_format": "dd/mm/yyyy"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, dt.date):
                    sheet.write_datetime(number, column, cell, date)
                elif cell is not None:
                    sheet.write(number, column, cell)
    book.close()
    return target.getvalue()


def sheet_xml(rows: str) -> str:
    """A worksheet around rows written by hand."""
    return f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>'


def xlsx_with(sheet: str | bytes, *, workbook_xml: str | None = None) -> bytes:
    """A workbook whose only sheet is this XML."""
    plain = zipfile.ZipFile(io.BytesIO(workbook({"S": [["x"]]})))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in plain.namelist():
            content: str | bytes = plain.read(name)
            if name == "xl/worksheets/sheet1.xml":
                content = sheet
            if name == "xl/workbook.xml" and workbook_xml is not None:
                content = workbook_xml
            archive.writestr(name, content)
    return target.getvalue()


def ods(rows: str, *, name: str = "S") -> bytes:
    """An ODS file whose only sheet has these rows, written by hand."""
    return ods_tables(f'<table:table table:name="{name}">{rows}</table:table>')


def ods_tables(tables: str) -> bytes:
    """An ODS file of these tables."""
    target = io.BytesIO()
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{ODS_TYPE}"/>'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
    )
    body = f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", ODS_TYPE, zipfile.ZIP_STORED)
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr("content.xml", '<?xml version="1.0" encoding="UTF-8"?>' + _OFFICE + body)
    return target.getvalue()


def ods_of(sheets: dict[str, list[list[Any]]]) -> bytes:
    """An ODS file of these rows."""
    return ods_tables(
        "".join(
            f'<table:table table:name="{name}">'
            + "".join("<table:table-row>" + "".join(map(_ods_cell, row)) + "</table:table-row>" for row in rows)
            + "</table:table>"
            for name, rows in sheets.items()
        )
    )


def _ods_cell(cell: Any) -> str:
    if cell is None:
        return "<table:table-cell/>"
    if isinstance(cell, dt.date):
        kind = f'office:value-type="date" office:date-value="{cell.isoformat()}"'
    elif isinstance(cell, int | float):
        kind = f'office:value-type="float" office:value="{cell!r}"'
    else:
        kind = 'office:value-type="string"'
    lines = "".join(f"<text:p>{escape(line)}</text:p>" for line in str(cell).split("\n"))
    return f"<table:table-cell {kind}>{lines}</table:table-cell>"

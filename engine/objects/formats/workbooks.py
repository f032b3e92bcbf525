"""Spreadsheets (.xlsx) through openpyxl: names of sheets, cells of one, writing one. What cells mean is elsewhere."""

import warnings
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.utils.exceptions import IllegalCharacterError

from engine.atomic import replacing
from engine.errors import UserError, explain_os_errors
from engine.objects.formats.format import Head

MOST_ROWS = 1_048_576
LARGEST_UNPACKED = 2_000_000_000
"""Bytes: a workbook that unpacks to more is refused (a small file can be made to unpack to petabytes)."""


def is_workbook(head: Head) -> bool:
    """Whether a file begins as the zip archive that a workbook is."""
    return head.raw[:4] == b"PK\x03\x04"


def sheet_names(path: str | Path, strict: bool = True) -> list[str]:
    """The sheets of a workbook.

    Parameters
    ----------
    path
        The file.
    strict
        False gives no names instead of an error for what is no workbook.

    Raises
    ------
    UserError
        Not a workbook.
    """
    try:
        book = _opened(path)
    except UserError:
        if strict:
            raise
        return []
    try:
        return list(book.sheetnames)
    finally:
        book.close()


def read_sheet(path: str | Path, sheet: str = "", most: int | None = None) -> tuple[list[str], list[list[Any]]]:
    """The first row of a sheet as names, and the rows after it, as long as the first.

    Parameters
    ----------
    path
        The workbook.
    sheet
        Its name; "" = the first one.
    most
        Rows to read; None = all.

    Raises
    ------
    UserError
        Not a workbook, an empty sheet.
    """
    book = _opened(path)
    try:
        if sheet and sheet not in book.sheetnames:
            raise UserError(f"{path} has no sheet {sheet!r}: it has {', '.join(book.sheetnames)}.")
        rows = book[sheet or book.sheetnames[0]].iter_rows(values_only=True, max_row=most + 1 if most else None)
        first = next(rows, ())
        width = max((number for number, cell in enumerate(first, 1) if cell is not None), default=0)
        if not width:
            raise UserError(
                f"{path}: the first row of sheet {sheet or book.sheetnames[0]!r} is empty; name the columns."
            )
        cells = [[*row[:width], *[None] * (width - len(row))] for row in rows]
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is a damaged workbook ({error}): copy it again.") from error
    finally:
        book.close()
    while cells and all(cell is None for cell in cells[-1]):
        cells.pop()
    return ["" if cell is None else str(cell) for cell in first[:width]], cells


def write_sheet(path: str | Path, sheet: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a workbook of one sheet, whole or not at all.

    Raises
    ------
    UserError
        More rows than a sheet has, text that a workbook cannot hold, full disk.
    """
    with replacing(Path(path)) as temporary:
        book = openpyxl.Workbook(write_only=True)
        page = book.create_sheet(sheet)
        page.append(list(header))
        try:
            for number, row in enumerate(rows, 2):
                if number > MOST_ROWS:
                    raise UserError(
                        f"A spreadsheet has {MOST_ROWS:,} rows: write CSV instead of {path}, or filter first."
                    )
                page.append([_plain_cell(page, cell) for cell in row])
        except IllegalCharacterError as error:
            raise UserError(
                f"Cannot write {path}: a name holds a character that a spreadsheet cannot ({error})."
            ) from error
        finally:
            page.close()
        with temporary.open("wb") as file:
            book.save(file)


def _plain_cell(page: Any, value: Any) -> Any:
    """A value that stays what it is: a name that begins with = would be taken for a formula, and be lost."""
    if not isinstance(value, str) or not value.startswith("="):
        return value
    cell = WriteOnlyCell(page, value)
    cell.data_type = "s"
    return cell


def _opened(path: str | Path) -> openpyxl.Workbook:
    with explain_os_errors(path, "read"):
        Path(path).open("rb").close()
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > LARGEST_UNPACKED:
            raise UserError(f"{path} would unpack to {unpacked / 1e9:.0f} GB: it is no list of objects.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return openpyxl.load_workbook(path, read_only=True, data_only=True)
    except UserError:
        raise
    # openpyxl raises many kinds for files that are no workbook, entities in its XML included.
    except Exception as error:
        raise UserError(f"{path} is not a spreadsheet (.xlsx) that can be read ({error}).") from error

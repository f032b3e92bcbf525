"""Reading a JSON file that a person hands over."""

import json
from pathlib import Path
from typing import Any

from engine.errors import UserError, explain_os_errors
from engine.objects.formats.format import Head, head_of


def read_json(path: str | Path) -> Any:
    """What a JSON file holds.

    Raises
    ------
    UserError
        It cannot be read, is empty, or is not JSON (with the line).
    """
    head = head_of(path)
    if not head.raw:
        raise UserError(f"{path} is empty (0 bytes): copy it again.")
    if b"\x00" in head.raw:  # a huge file of something else is not read at all
        raise UserError(f"{path} is not a JSON file: it holds zero bytes.")
    with explain_os_errors(path, "read"):
        raw = Path(path).read_bytes()
    try:
        return json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a text file: byte {error.start} is not UTF-8.") from error
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path} is not a JSON file: {error.msg} in line {error.lineno}, character {error.colno}."
        ) from error
    except RecursionError as error:
        raise UserError(f"{path} is no list of objects: it is too deeply nested.") from error


def begins_as_object(head: Head) -> bool:
    """Whether a file begins as a JSON object."""
    return head.text.lstrip("\ufeff \t\r\n").startswith("{")


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number that a coordinate can be; true and NaN are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e300

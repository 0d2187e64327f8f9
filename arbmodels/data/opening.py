"""Files as they are: unpacked, told apart by their content, and their text with its lines."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import IO, Any, NoReturn

from arbmodels.errors import DataError, InputError

#: A packed file may not hold more than this [bytes], nor, beyond the second number, be packed
#: more tightly than the third: no table of text is, while "zip bombs" are.
MOST_BYTES, SMALL_BYTES, MOST_RATIO = 2**33, 2**26, 400
_CHUNK = 2**20

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)


def content_of(path: Path) -> bytes:
    """Return what a file holds, unpacked if it is packed (gzip, bzip2, xz, zstd, zip of one file).

    Raises
    ------
    InputError
        If it cannot be read or unpacked, holds several files, or would unpack to more than a
        table can be.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    return unpacked(raw, str(path))


def unpacked(raw: bytes, source: str) -> bytes:
    """Return bytes as they were before they were packed; others as they are."""
    how = next((name for magic, name in _MAGIC if raw.startswith(magic)), None)
    if how is None:
        return raw
    openers: dict[str, Callable[[], Any]] = {
        "gzip": lambda: gzip.GzipFile(fileobj=io.BytesIO(raw)),
        "bzip2": lambda: bz2.BZ2File(io.BytesIO(raw)),
        "xz": lambda: lzma.LZMAFile(io.BytesIO(raw)),  # noqa: SIM115 - closed below
        "zstd": lambda: _zstd(raw, source),
        "zip": lambda: _only_member(raw, source),
    }
    try:
        with openers[how]() as stream:
            return _read_at_most(stream, len(raw), source)
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{source} cannot be unpacked ({how}: {error}). It is cut short or damaged; pack it"
            " anew."
        ) from error
    except RuntimeError as error:  # an encrypted member
        raise InputError(f"{source} cannot be unpacked ({error}). Unpack it first.") from error


def _read_at_most(stream: IO[bytes], packed: int, source: str) -> bytes:
    parts, size = [], 0
    while chunk := stream.read(_CHUNK):
        parts.append(chunk)
        size += len(chunk)
        if size > MOST_BYTES or (size > SMALL_BYTES and size > MOST_RATIO * packed):
            raise InputError(
                f"{source} unpacks to more than {size / 1e6:.0f} MB from {packed / 1e6:.3g} MB: no"
                " table does. Unpack it yourself if it is what you expect."
            )
    return b"".join(parts)


def _zstd(raw: bytes, source: str) -> IO[bytes]:
    try:
        zstd = import_module("compression.zstd")  # Python 3.14
    except ImportError:
        raise InputError(
            f"{source} is packed with zstd, which this Python cannot unpack. Pack it with gzip."
        ) from None
    stream: IO[bytes] = zstd.ZstdFile(io.BytesIO(raw))
    return stream


def _only_member(raw: bytes, source: str) -> IO[bytes]:
    archive = zipfile.ZipFile(io.BytesIO(raw))
    members = [member for member in archive.infolist() if not member.is_dir()]
    for member in members:
        parts = PurePosixPath(member.filename.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts:
            raise InputError(
                f"{source} has a member {member.filename!r}, which leaves its folder. Do not trust"
                " this archive."
            )
    if any(member.filename == "[Content_Types].xml" for member in members):
        raise InputError(f"{source} is an Excel workbook. Save the sheet as CSV.")
    if len(members) != 1:
        names = ", ".join(member.filename for member in members[:5]) or "none"
        more = ", ..." if len(members) > 5 else ""
        raise InputError(
            f"{source} holds {len(members)} files ({names}{more}); give an archive of one table,"
            " or unpack it and give the folder."
        )
    return archive.open(members[0])


def text_of(raw: bytes, name: str, source: str) -> str:
    """Return UTF-8 text without its byte order mark.

    Raises
    ------
    DataError
        If it is not UTF-8, with the line.
    """
    try:
        return raw.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DataError(
            source, [f"{name}:{line}: not UTF-8 text"], "Save the file as UTF-8 text."
        ) from None


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON; write null where a number is not known")


def parse_json(text: str, name: str, source: str, line: int = 1) -> Any:
    """Return what JSON text says; ``line`` is where it begins in the file.

    Raises
    ------
    DataError
        If it is not JSON, with the line.
    """
    try:
        return json.loads(text, parse_constant=_constant)
    except json.JSONDecodeError as error:
        place, reason = line + error.lineno - 1, error.msg[0].lower() + error.msg[1:]
        if error.pos >= len(text.rstrip()):
            reason = "the text ends in the middle: it is cut short"
    except RecursionError:
        place, reason = line, "lists within lists without end"
    except ValueError as error:
        place, reason = line, str(error)
    raise DataError(
        source, [f"{name}:{place}: not valid JSON ({reason})"], "Write the file anew, as JSON."
    )


def json_lines(text: str, name: str, source: str) -> tuple[list[Any], list[int]]:
    """Return the values of JSON Lines, and the line of each; blank lines are skipped.

    Raises
    ------
    DataError
        If a line is not JSON; all such lines together.
    """
    values, lines, problems = [], [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values.append(json.loads(line, parse_constant=_constant))
            lines.append(number)
        except (ValueError, RecursionError) as error:
            reason = str(error)
            if isinstance(error, json.JSONDecodeError):
                ends = error.pos >= len(line.rstrip())
                cut = "the line ends in the middle: it is cut short"
                reason = cut if ends else f"{error.msg.lower()} at column {error.colno}"
            problems.append(f"{name}:{number}: not valid JSON ({reason})")
    if problems:
        raise DataError(source, problems, "Correct the lines named; nothing was loaded.")
    return values, lines

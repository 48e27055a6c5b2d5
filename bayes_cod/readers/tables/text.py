"""A file's text as UTF-8 with plain line ends, whatever it was packed and encoded with; bounded in memory."""

from __future__ import annotations

import codecs
import os
import stat
import zlib
from pathlib import Path

import numpy as np

from bayes_cod.errors import InputError
from bayes_cod.readers.tables.limits import LARGEST_TEXT, LONGEST_LINE, MIB, MOST_PACKED, PACKED_FROM

GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
_CHUNK = 4 * MIB
_FOREIGN = {
    b"PK\x03\x04": "a zip file or spreadsheet; save the table as CSV",
    b"\xd0\xcf\x11\xe0": "a spreadsheet; save the table as CSV",
    b"(\xb5/\xfd": "packed with zstd; unpack it, or pack it with gzip",
    b"BZh": "packed with bzip2; unpack it, or pack it with gzip",
    b"\xfd7zXZ": "packed with xz; unpack it, or pack it with gzip",
    b"\x89HDF": "an HDF5 file; save the table as CSV",
    b"\x00\x05\x16\x07": "notes of a Mac's file system, no table; remove it",
    b"%PDF": "a PDF document; save the table as CSV",
}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def size_of(file: Path) -> int:
    """Bytes of a regular file.

    Raises
    ------
    InputError
        If it can't be opened or is a device, pipe or socket.
    """
    try:
        found = os.stat(file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no valid path"
        raise InputError(f"can't be opened ({reason}); check the file", file=file) from None
    if not stat.S_ISREG(found.st_mode):
        raise InputError("no regular file (a folder, device, pipe or socket); give a table", file=file)
    return found.st_size


def first_bytes(file: Path, size: int = 65536) -> bytes:
    """The beginning of a regular file, unpacked where it is gzip; what is damaged there is cut off."""
    size_of(file)
    try:
        with file.open("rb") as raw:
            start = raw.read(size)
    except OSError as error:
        raise InputError(f"can't be opened ({error.strerror}); check the file", file=file) from None
    if not start.startswith(GZIP):
        return start
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(start, size)
    except zlib.error:
        return b""


def read_text(file: Path) -> bytes:
    r"""Read a file of text.

    Parameters
    ----------
    file
        Text in UTF-8, UTF-16 or UTF-32, with or without a byte order mark, packed with gzip (also twice) or not.

    Returns
    -------
    bytes
        UTF-8 without a byte order mark; lines end in ``\n``.

    Raises
    ------
    InputError
        If it is damaged, too large, no text, or has a line of more than `LONGEST_LINE` bytes.
    """
    data = _unpacked(file)
    for start, what in _FOREIGN.items():
        if data.startswith(start):
            raise InputError(f"this is {what}", file=file)
    data = _as_utf8(data, file)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    row = _first_long_line(data)
    if row is not None:
        raise InputError(f"the line is longer than {LONGEST_LINE:,} bytes, so this is no table", file=file, row=row)
    return data


def _unpacked(file: Path) -> bytes:
    size = size_of(file)
    if size > LARGEST_TEXT:
        raise _too_large(file)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"can't be read ({error.strerror or error}); check the file", file=file) from None
    name_says_so = file.name.lower().endswith((".gz", ".gzip"))
    if not data.startswith(GZIP) and name_says_so:
        raise InputError("damaged gzip file (it does not begin as one); write it anew", file=file)
    for _ in range(2):  # a browser or a script may have packed a packed file again
        if data.startswith(GZIP):
            data = _gunzip(data, file)
    return data


def _gunzip(packed: bytes, file: Path) -> bytes:
    """Unpack all members of a gzip file, counting what comes out."""
    parts: list[bytes] = []
    total, rest = 0, packed
    try:
        while rest.startswith(GZIP):
            member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            pending = rest
            while not member.eof:
                part = member.decompress(pending, _CHUNK)
                pending = member.unconsumed_tail
                total += len(part)
                _check_growth(total, len(packed), file)
                parts.append(part)
                if not part and not pending and not member.eof:
                    raise InputError("damaged gzip file (it ends too early); write it anew", file=file)
            rest = member.unused_data
    except zlib.error as error:
        raise InputError(f"damaged gzip file ({error}); write it anew", file=file) from None
    return b"".join(parts)


def _check_growth(unpacked: int, packed: int, file: Path) -> None:
    if unpacked > PACKED_FROM and unpacked > MOST_PACKED * packed:
        raise InputError(
            f"unpacks to more than {MOST_PACKED} times its size, as no table of results does; give the table unpacked",
            file=file,
        )
    if unpacked > LARGEST_TEXT:
        raise _too_large(file)


def _too_large(file: Path) -> InputError:
    return InputError(
        f"a table of text of more than {LARGEST_TEXT // MIB} MiB; save it as Parquet, or give one row a question "
        "(n_trials, n_correct)",
        file=file,
    )


def _as_utf8(data: bytes, file: Path) -> bytes:
    encoding = "utf-8"
    for mark, name in _MARKS:
        if data.startswith(mark):
            data, encoding = data[len(mark) :], name
            break
    else:
        encoding = _without_mark(data)
    if encoding != "utf-8":
        try:
            return data.decode(encoding).encode()
        except UnicodeError as error:
            raise InputError(f"damaged {encoding} text ({error}); save the table as UTF-8", file=file) from None
    nul = data.find(b"\0")
    if nul >= 0:
        raise InputError("holds NUL characters, so this is no table of text", file=file, row=_row(data, nul))
    try:
        data.decode()
    except UnicodeDecodeError as error:
        byte = data[error.start]
        raise InputError(
            f"not UTF-8 text (byte 0x{byte:02x}); save the table as UTF-8", file=file, row=_row(data, error.start)
        ) from None
    return data


def _without_mark(data: bytes) -> str:
    """UTF-16 without a byte order mark has a NUL in every other byte of plain letters."""
    start = np.frombuffer(data[: 2 * (min(len(data), 4096) // 2)], dtype=np.uint8)
    if len(start) < 4:
        return "utf-8"
    even, odd = (start[0::2] == 0).mean(), (start[1::2] == 0).mean()
    if odd > 0.7 and even < 0.1:
        return "utf-16-le"
    return "utf-16-be" if even > 0.7 and odd < 0.1 else "utf-8"


def _row(data: bytes, position: int) -> int:
    before = data[:position]
    return before.count(b"\n") + (before.count(b"\r") if b"\n" not in before else 0) + 1


def _first_long_line(data: bytes) -> int | None:
    position, row = 0, 1
    while len(data) - position > LONGEST_LINE:
        end = data.rfind(b"\n", position, position + LONGEST_LINE + 1)
        if end < 0:
            return row
        row += data.count(b"\n", position, end + 1)
        position = end + 1
    return None

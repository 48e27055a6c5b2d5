"""Bounds on what a log may cost: which files are opened, how large a line, document or archive member may be.

Logs come from anyone, so nothing here trusts a size that a file declares about itself: what is expanded is counted
while it is read. JSON is decoded by msgspec, which bounds nesting; nothing of a log is ever run or unpacked to disk.
"""

from __future__ import annotations

import gzip
import os
import re
import stat
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec

from bayes_cod.errors import InputError

if sys.version_info >= (3, 14):
    import zipfile

    from compression.zstd import ZstdError
else:
    from backports.zstd import ZstdError, zipfile

MIB = 2**20
_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_BLOCK = 256 * 1024
_GIVE = "give a folder of tables or logs, or one file"


@dataclass(frozen=True)
class Limits:
    """What a folder of logs may cost.

    Attributes
    ----------
    files, depth
        Files looked at, and folders below the one given.
    line
        Bytes of one line of JSON lines.
    document
        Bytes of one JSON document, or of a member of an archive once expanded.
    expanded
        Bytes that one compressed file may expand to.
    ratio
        Expanded bytes for each compressed one, judged beyond `ratio_from` bytes.
    members
        Members of an archive.
    rows
        Rows of one Parquet file of a log.
    """

    files: int = 200_000
    depth: int = 32
    line: int = 64 * MIB
    document: int = 1024 * MIB
    member: int = 256 * MIB
    expanded: int = 64 * 1024 * MIB
    ratio: float = 250.0
    ratio_from: int = 16 * MIB
    members: int = 2_000_000
    rows: int = 50_000_000


DEFAULT = Limits()


class Damaged(Exception):
    """A part of a log that can't be read; the message says why, without the place."""


@dataclass
class Walk:
    """Files found below a folder, and what was passed over."""

    files: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def walk(root: Path, limits: Limits = DEFAULT) -> Walk:
    """Regular files below a folder by name; links to files are followed, links to folders are not.

    Raises
    ------
    InputError
        If the path can't be opened, is neither file nor folder, or holds too many files.
    """
    found = Walk()
    try:
        mode = root.stat().st_mode
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError):
            raise InputError(
                "no such file or folder; give a folder of tables or logs, or one file", file=root
            ) from None
        reason = getattr(error, "strerror", None) or "no valid path"
        raise InputError(f"cannot be opened ({reason}); {_GIVE}", file=root) from None
    if stat.S_ISREG(mode):
        return Walk([root])
    if not stat.S_ISDIR(mode):
        raise InputError(f"neither a file nor a folder; {_GIVE}", file=root)
    base = len(root.parts)
    for folder, subfolders, names in os.walk(root, onerror=lambda error: _unreadable(error, found)):
        here = Path(folder)
        linked = [name for name in subfolders if (here / name).is_symlink()]
        found.notes += [f"{here / name}: a link to a folder was not followed" for name in sorted(linked)]
        hidden = [name for name in subfolders if name.startswith(".") or name == "__MACOSX"]
        subfolders[:] = sorted(set(subfolders) - set(linked) - set(hidden))
        if len(here.parts) - base >= limits.depth and subfolders:
            found.notes.append(f"{here}: folders more than {limits.depth} levels down were not read")
            subfolders.clear()
        for name in sorted(names):
            if not name.startswith("."):
                _look(here / name, found)
        if len(found.files) > limits.files:
            raise InputError(f"more than {limits.files:,} files; give a smaller folder", file=root)
    return found


def _look(file: Path, found: Walk) -> None:
    try:
        mode = file.stat().st_mode
    except OSError as error:
        found.notes.append(f"{file}: cannot be opened ({error.strerror}); passed over")
        return
    if stat.S_ISREG(mode):
        found.files.append(file)
    else:
        found.notes.append(f"{file}: no regular file; passed over")


def _unreadable(error: OSError, found: Walk) -> None:
    found.notes.append(f"{error.filename}: cannot be opened ({error.strerror}); passed over")


def head(file: Path, size: int = 4096) -> bytes:
    """First bytes of a file, expanded where it is gzip; empty where it can't be read."""
    try:
        with file.open("rb") as raw:
            start = raw.read(size)
    except OSError:
        return b""
    if start[:2] != b"\x1f\x8b":
        return start
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(start, size)
    except zlib.error:
        return b""


class _Counted:
    """Expands gzip and refuses to go on where the output grows out of proportion."""

    def __init__(self, file: IO[bytes], size: int, limits: Limits) -> None:
        self._file, self._size, self._limits = gzip.GzipFile(fileobj=file), size, limits
        self._given = 0

    def read(self, size: int) -> bytes:
        return self._check(self._file.read(size))

    def _check(self, data: bytes) -> bytes:
        self._given += len(data)
        check_expansion(self._given, self._size, self._limits)
        return data


def check_expansion(expanded: int, compressed: int, limits: Limits) -> None:
    """Refuse what expands beyond the limits.

    Raises
    ------
    Damaged
        If it does.
    """
    if expanded > limits.expanded:
        raise Damaged(f"expands to more than {limits.expanded // MIB:,} MiB")
    if expanded > limits.ratio_from and expanded > limits.ratio * max(compressed, 1):
        raise Damaged(f"expands to more than {limits.ratio:.0f} times its size, as a decompression bomb does")


def lines(file: Path, limits: Limits = DEFAULT) -> Iterator[tuple[int, bytes | Damaged]]:
    r"""Lines of a file with their numbers, ended by ``\n`` alone; gzip is expanded. Blank lines are left out.

    Yields
    ------
    tuple[int, bytes | Damaged]
        Number of the line (from 1), and the line or what is wrong with it. After damage to the file itself, which
        hides the rest, nothing follows.
    """
    number = 0
    try:
        with file.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            source: Any = _Counted(raw, file.stat().st_size, limits) if packed else raw
            for number, line in _split(source, limits.line):
                if len(line) > limits.line:
                    yield number, Damaged(f"longer than {limits.line // MIB:,} MiB")
                elif not line.isspace():
                    yield number, line
    except (OSError, EOFError, zlib.error) as error:
        yield number + 1, Damaged(f"the rest can't be read ({error})")
    except Damaged as error:
        yield number + 1, error


def _split(source: Any, most: int) -> Iterator[tuple[int, bytes]]:
    """Lines that are not empty, with their numbers, without their ends; of one too long, enough to show that it is."""
    kept: list[bytes] = []
    size, number = 0, 1
    while block := source.read(_BLOCK):
        first, *others = block.split(b"\n")
        if size <= most:
            kept.append(first)
        size += len(first)
        if not others:
            continue
        if size:
            yield number, b"".join(kept)
        yield from [(index, line) for index, line in enumerate(others[:-1], number + 1) if line]
        number += len(others)
        kept, size = [others[-1]], len(others[-1])
    if size:
        yield number, b"".join(kept)


def read_bytes(file: Path, limits: Limits = DEFAULT) -> bytes:
    """A whole file, gzip expanded.

    Raises
    ------
    Damaged
        If it can't be read or is too large.
    """
    try:
        with file.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if packed:
                return _read_all(_Counted(raw, file.stat().st_size, limits), limits.document)
            data = raw.read(limits.document + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Damaged(f"can't be read ({error})") from None
    if len(data) > limits.document:
        raise Damaged(f"larger than {limits.document // MIB:,} MiB")
    return data


def _read_all(source: _Counted, most: int) -> bytes:
    parts, total = [], 0
    while part := source.read(4 * MIB):
        parts.append(part)
        total += len(part)
        if total > most:
            raise Damaged(f"larger than {most // MIB:,} MiB")
    return b"".join(parts)


_NO_NUMBER = re.compile(rb"(?<=[\[:,\s])(?:NaN|-?Infinity)(?=[\s,\]}])")
_LONE = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|"
    rb"(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)


def decode[T](data: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode JSON; the constants NaN and Infinity become null, half a surrogate pair the replacement character.

    Raises
    ------
    Damaged
        If it is no JSON, is nested too deeply, or has another shape than expected.
    """
    try:
        return decoder.decode(data)
    except msgspec.MsgspecError:
        repaired = _LONE.sub(rb"\1\\ufffd", _NO_NUMBER.sub(b"null", data))
    except (RecursionError, UnicodeError) as error:
        raise Damaged(_plainly(error)) from None
    try:
        return decoder.decode(repaired)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Damaged(_plainly(error)) from None


def decode_part(part: msgspec.Raw) -> Any:
    """Decode a part of a document that was left as it stood.

    Raises
    ------
    Damaged
        As `decode` does.
    """
    return decode(bytes(part), _ANY)


def _plainly(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeError):
        return "not UTF-8 text"
    return str(error).removeprefix("JSON is malformed: ").replace("Input data was truncated", "it breaks off")


class Archive:
    """Members of a zip archive (zstd and deflate), expanded in memory and bounded.

    Raises
    ------
    Damaged
        If it is no zip archive, or has too many members.
    """

    def __init__(self, file: Path, limits: Limits = DEFAULT) -> None:
        self._limits = limits
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise Damaged(f"no readable zip archive ({error})") from None
        self.names = self._zip.namelist()
        if len(self.names) > limits.members:
            self._zip.close()
            raise Damaged(f"more than {limits.members:,} members")

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def read(self, name: str) -> bytes:
        """One member.

        Raises
        ------
        Damaged
            If it is damaged, encrypted or too large.
        """
        info = self._zip.getinfo(name)
        parts, total = [], 0
        try:
            with self._zip.open(info) as member:
                while part := member.read(MIB):
                    parts.append(part)
                    total += len(part)
                    if total > self._limits.member:
                        raise Damaged(f"{name} is larger than {self._limits.member // MIB:,} MiB")
                    check_expansion(total, info.compress_size, self._limits)
        except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, ZstdError, zlib.error) as error:
            raise Damaged(f"{name} is damaged ({error})") from None
        return b"".join(parts)

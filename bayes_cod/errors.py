"""Errors that a user can act on.

Every error of the package derives from `BayesCodError`; its message says what was given, what was
expected and what to do. `exit_code` is what the command line returns.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the system says where a disk, or the share of a user, is full."""


class BayesCodError(Exception):
    """Base of all errors raised on purpose by this package."""

    exit_code = 2


class InputError(BayesCodError):
    """Input that cannot be used.

    Parameters
    ----------
    message
        What is wrong and what to do about it.
    file, row, column
        Where it is wrong, as far as known. `row` counts as a text editor does (the header of a CSV file
        is row 1); rows of a Parquet file are counted from 1.
    """

    def __init__(
        self,
        message: str,
        *,
        file: Path | str | None = None,
        row: int | None = None,
        column: str | None = None,
    ) -> None:
        self.file = None if file is None else Path(file)
        self.row = row
        self.column = column
        where = [
            f"{self.file}" if self.file is not None else "",
            f"row {row}" if row is not None else "",
            f"column '{column}'" if column is not None else "",
        ]
        place = ", ".join(part for part in where if part)
        super().__init__(f"{place}: {message}" if place else message)


class InputErrors(InputError):
    """Several things at once that cannot be used; the message has a line for each.

    Parameters
    ----------
    faults
        At least one, in the order in which they are told.
    """

    def __init__(self, faults: Sequence[InputError]) -> None:
        first = faults[0]
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)
        self.file, self.row, self.column = first.file, first.row, first.column


def cannot_write(place: Path, error: OSError | ValueError) -> InputError:
    """What to tell of a place that can't be written to: above all whether the disk is full."""
    reason = getattr(error, "strerror", None) or str(error)
    if getattr(error, "errno", None) in FULL:
        return InputError(f"the disk is full ({reason}); free space or choose another folder", file=place)
    return InputError(f"cannot be written to ({reason}); choose another folder", file=place)


class GateError(BayesCodError):
    """The sampler's diagnostics do not allow the result to be reported."""

    exit_code = 3

"""One file of a table to a frame, with an error that names what is broken."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pandas as pd
import pyarrow as pa

from bayes_cod.errors import InputError

ENDINGS = (".csv", ".csv.gz", ".parquet")

_TEXT = ["question_id", "model", "run", "benchmark", "task", "family", "size", "domain", "setting"]


def first_row(file: Path) -> int:
    """Number of a file's first row of data: 2 below a CSV header, 1 in Parquet."""
    return 1 if file.suffix == ".parquet" else 2


def table_files(root: Path) -> list[Path]:
    """Tables in a folder, by name; or the one file given.

    Raises
    ------
    InputError
        If there is none.
    """
    if not root.exists():
        raise InputError("no such file or folder; give a folder of tables or one CSV or Parquet file", file=root)
    if root.is_file():
        if not root.name.endswith(ENDINGS):
            raise InputError(f"not a table; expected a file ending in {', '.join(ENDINGS)}", file=root)
        return [root]
    files = sorted(file for file in root.iterdir() if file.is_file() and file.name.endswith(ENDINGS))
    if not files:
        raise InputError(f"the folder holds no table; expected files ending in {', '.join(ENDINGS)}", file=root)
    return files


def read_file(file: Path) -> pd.DataFrame:
    """Read one CSV, gzip CSV or Parquet file.

    Returns
    -------
    pandas.DataFrame
        Rows in file order, indexed 0, 1, ...; column names stripped of blanks.

    Raises
    ------
    InputError
        If the file can't be read as a table, or its table is empty.
    """
    try:
        frame = pd.read_parquet(file) if file.suffix == ".parquet" else _read_csv(file)
    except pd.errors.EmptyDataError:
        raise InputError("the file is empty; expected a header and at least one row", file=file) from None
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text ({error.reason}); save the table as UTF-8", file=file) from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"damaged gzip file ({error}); write it anew", file=file) from None
    except pa.ArrowException as error:
        raise InputError(f"not a readable Parquet file ({error}); write it anew", file=file) from None
    except pd.errors.ParserError as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        raise InputError(f"not a readable CSV table ({reason}); repair or remove the file", file=file) from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error}); check the file", file=file) from None
    frame.columns = [str(column).strip() for column in frame.columns]
    if frame.empty:
        raise InputError("the table has a header but no rows; add rows or remove the file", file=file)
    return frame.reset_index(drop=True)


def _read_csv(file: Path) -> pd.DataFrame:
    header = pd.read_csv(file, header=None, nrows=1, dtype=str).iloc[0].astype(str).str.strip()
    repeated = header[header.duplicated()]
    if len(repeated):
        raise InputError("the column appears twice; keep one", file=file, column=str(repeated.iloc[0]))
    frame = pd.read_csv(file, dtype=dict.fromkeys(_TEXT, "str"), low_memory=False)
    if not isinstance(frame.index, pd.RangeIndex):
        raise InputError("the rows have more fields than the header; name every column", file=file, row=2)
    return frame

"""What a table may cost at most, so that no file can fill the memory or hold up the reader."""

from __future__ import annotations

MIB = 2**20

LARGEST_TEXT = 512 * MIB
"""Unpacked bytes of a table of text; larger trial-level tables are aggregated on disk."""
AGGREGATED_FROM = 64 * MIB
"""Bytes from which a trial-level table is aggregated on disk."""
MOST_PACKED = 250
"""Unpacked bytes for each packed one, judged beyond `PACKED_FROM` unpacked bytes."""
PACKED_FROM = 32 * MIB
LONGEST_LINE = MIB
"""Characters of one line."""
MOST_COLUMNS = 5_000
MOST_BENCHMARKS = 2_000
MOST_FILES = 10_000
MOST_CELLS = 200_000_000
"""Rows times columns of a Parquet table that is read as it is."""
MOST_ROWS = 2_000_000_000
MOST_FAULTS = 20
"""Faults that one error tells."""
LONGEST_JSON = 64 * MIB

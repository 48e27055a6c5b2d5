"""Tables on disk to a `Ladder`."""

from bayes_cod.readers.tables.assemble import read_tables

__all__ = ["read_tables"]

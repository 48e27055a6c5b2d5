"""Readers: files on disk to a `Ladder`, one module per format."""

from bayes_cod.readers.tables import read_tables

__all__ = ["read_tables"]

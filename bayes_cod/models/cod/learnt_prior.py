"""A prior of Bayesian COD that was learnt from ladders: its values, what it was learnt from, and its file."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import bayes_cod
from bayes_cod.errors import InputError
from bayes_cod.models.cod.priors import Priors

FORMAT = "bayes-cod prior"
VERSION = 2

_SIGNED = frozenset(("level_mean", "slope_mean", "curvature_mean", "walk_mean", "noise_mean"))
"""Means, most of them of logarithms; everything else is above 0."""
_SHARES = frozenset(("common", "jump_share", "jump_rise", "jump_below"))
_REMEDY = "make the file anew with 'bayes-cod learn-prior LADDER --out FILE'"


@dataclass(frozen=True)
class Source:
    """A family that a prior was learnt from.

    Attributes
    ----------
    family, ladder
        Their names.
    sha256
        Of the family's tables as they were used (`Ladder.data_hash`).
    models
        Its rungs, by compute.
    n_benchmarks
        How many benchmarks it was fitted on.
    """

    family: str
    ladder: str
    sha256: str
    models: tuple[str, ...]
    n_benchmarks: int = 0


@dataclass(frozen=True)
class LeftOut:
    """A family that a prior was not learnt from, and why."""

    family: str
    ladder: str
    reason: str


@dataclass(frozen=True)
class LearntPrior:
    """A prior and what it was learnt from; made by `bayes_cod.models.cod.learning.learn`.

    Attributes
    ----------
    priors
        The values.
    sources
        The families that it was learnt from.
    left_out
        Families that were offered and not used.
    settings
        How it was learnt: seed, sampler, benchmarks.
    """

    priors: Priors
    sources: tuple[Source, ...]
    left_out: tuple[LeftOut, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def overlap(self, family: str, models: Collection[str]) -> str:
        """What of a family the prior has already seen, in words; empty if nothing.

        A family is known by its name or by any of its models, whatever family these were listed under.
        """
        known = sorted(set(models) & {name for source in self.sources for name in source.models})
        if family in {source.family for source in self.sources}:
            return f"the family '{family}'"
        return f"models of the family '{family}' ({', '.join(known[:3])})" if known else ""

    def record(self) -> dict[str, Any]:
        """Everything about the prior as JSON holds it; `of` reads it back."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "package": bayes_cod.__version__,
            "values": asdict(self.priors),
            "families": [asdict(source) | {"models": list(source.models)} for source in self.sources],
            "left_out": [asdict(one) for one in self.left_out],
            "settings": dict(self.settings),
        }

    def origin(self) -> dict[str, Any]:
        """What a result's record says of the prior: a hash of its file's contents, and the families' names and data."""
        text = json.dumps(self.record(), sort_keys=True)
        return {
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "families": [{"family": s.family, "ladder": s.ladder, "sha256": s.sha256} for s in self.sources],
        }

    def save(self, file: Path) -> None:
        """Write the prior as JSON: the whole file, or none.

        Raises
        ------
        InputError
            If the file can't be written.
        """
        text = json.dumps(self.record(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        part = file.with_name(f".{file.name}.{os.getpid()}.part")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                part.write_text(text, encoding="utf-8")
                part.replace(file)
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"cannot be written to ({error.strerror}); choose another --out", file=file) from None

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            If the file can't be read or is not a prior, naming the field.
        """
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror}); give the path of a prior", file=file) from None
        except (ValueError, RecursionError) as error:
            raise InputError(f"is not JSON ({error}); {_REMEDY}", file=file) from None
        return cls.of(record, file)

    @classmethod
    def of(cls, record: Any, file: Path | None = None) -> Self:
        """From what `record` gives.

        Raises
        ------
        InputError
            For anything missing, unknown or out of range, naming the field and, if given, the file.
        """
        reader = _Reader(file)
        whole = reader.mapping(record, "the file")
        if whole.get("format") != FORMAT:
            raise reader.error("format", f"is {whole.get('format')!r}; expected '{FORMAT}'")
        if whole.get("version") != VERSION:
            raise reader.error("version", f"is {whole.get('version')!r}; this version of bayes-cod reads {VERSION}")
        sources = tuple(
            reader.source(one, f"families[{i}]")
            for i, one in enumerate(reader.list_of(whole.get("families"), "families"))
        )
        if not sources:
            raise reader.error("families", "is empty; a learnt prior names what it was learnt from")
        left_out = tuple(
            LeftOut(**{key: reader.text(entry.get(key), f"left_out[{i}].{key}") for key in LeftOut.__annotations__})
            for i, one in enumerate(reader.list_of(whole.get("left_out", []), "left_out"))
            for entry in (reader.mapping(one, f"left_out[{i}]"),)
        )
        settings = reader.mapping(whole.get("settings", {}), "settings")
        return cls(reader.values(whole.get("values")), sources, left_out, dict(settings))


@dataclass(frozen=True)
class _Reader:
    """Checks the parts of a record; every error names the file, the field and what to do."""

    file: Path | None

    def error(self, name: str, problem: str) -> InputError:
        return InputError(f"field '{name}' {problem}; {_REMEDY}", file=self.file)

    def mapping(self, value: Any, name: str) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise self.error(name, f"is {_kind(value)}; expected an object of names and values")
        return value

    def list_of(self, value: Any, name: str) -> Sequence[Any]:
        if not isinstance(value, list | tuple):
            raise self.error(name, f"is {_kind(value)}; expected a list")
        return value

    def text(self, value: Any, name: str) -> str:
        if not isinstance(value, str) or not value:
            raise self.error(name, f"is {_kind(value)}; expected a text")
        return value

    def number(self, value: Any, name: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(name, f"is {_kind(value)}; expected a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.error(name, f"is {number}; expected a finite number")
        return number

    def above_0(self, value: Any, name: str) -> float:
        number = self.number(value, name)
        if not number > 0:
            raise self.error(name, f"is {number:g}; expected a number above 0")
        return number

    def source(self, value: Any, name: str) -> Source:
        entry = self.mapping(value, name)
        models = self.list_of(entry.get("models"), f"{name}.models")
        return Source(
            family=self.text(entry.get("family"), f"{name}.family"),
            ladder=self.text(entry.get("ladder"), f"{name}.ladder"),
            sha256=self.text(entry.get("sha256"), f"{name}.sha256"),
            models=tuple(self.text(model, f"{name}.models[{i}]") for i, model in enumerate(models)),
            n_benchmarks=int(self.number(entry.get("n_benchmarks", 0), f"{name}.n_benchmarks")),
        )

    def values(self, value: Any) -> Priors:
        entry = self.mapping(value, "values")
        names = Priors.names()
        for name in entry:
            if name not in names:
                raise self.error(f"values.{name}", "is not a hyperparameter of Bayesian COD")
        found: dict[str, float] = {}
        for name in names:
            if name not in entry:
                raise self.error(f"values.{name}", "is missing")
            check = self.number if name in _SIGNED else self.above_0
            found[name] = check(entry[name], f"values.{name}")
            if name in _SHARES and not found[name] < 1:
                raise self.error(f"values.{name}", f"is {found[name]:g}; expected a share below 1")
        return Priors(**found)


def _kind(value: Any) -> str:
    """What stands in a file where something else was expected."""
    if value is None:
        return "missing or null"
    names = {bool: "true or false", str: "a text", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")

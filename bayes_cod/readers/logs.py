"""Logs of evaluation harnesses to a `Ladder`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.readers.aggregate import LogRows
from bayes_cod.readers.base import Log, Problem, Reader
from bayes_cod.readers.choose import Chosen, Notes, Wish, drop_groups, name_variants, pick_metrics, pick_runs, some
from bayes_cod.readers.every_eval_ever import EveryEvalEver
from bayes_cod.readers.helm import Helm
from bayes_cod.readers.inspect_ai import InspectAI
from bayes_cod.readers.lighteval import Lighteval
from bayes_cod.readers.limits import DEFAULT, MIB, Limits, head, walk
from bayes_cod.readers.lm_eval import LmEval
from bayes_cod.readers.models_table import assemble_models, fault_of_name, is_models_table, match_models, read_models
from bayes_cod.readers.olmes import Olmes
from bayes_cod.readers.olmo_eval import OlmoEval
from bayes_cod.readers.opencompass import OpenCompass
from bayes_cod.readers.stage import Job, Staged, stage

READERS: tuple[Reader, ...] = (
    LmEval(), InspectAI(), Helm(), OlmoEval(), Olmes(), Lighteval(), EveryEvalEver(), OpenCompass(),
)  # fmt: skip
_PARALLEL = 100 * MIB
_CLOSE = 5e-3

Progress = Callable[[str, float], None]
"""What is being done, and the share that is done."""


@dataclass(frozen=True)
class Survey:
    """What a path holds.

    Attributes
    ----------
    jobs
        Logs, each with its reader.
    tables
        Models tables beside them.
    others
        Files that no reader knows.
    notes
        What was passed over.
    """

    jobs: tuple[Job, ...]
    tables: tuple[Path, ...]
    others: tuple[Path, ...]
    notes: tuple[str, ...]


def survey(path: Path | str, limits: Limits = DEFAULT) -> Survey:
    """Look at a file or folder without reading more than the beginning of each file."""
    root = Path(path)
    found = walk(root, limits)
    jobs, rest = [], []
    for file in found.files:
        start = head(file)
        reader = next((reader for reader in READERS if reader.detect(file, start)), None)
        if reader is not None:
            jobs.append(Job(reader, file, _place(file, root)))
        elif not any(reader.belongs(file, start) for reader in READERS):
            rest.append(file)
    tables = [file for file in rest if jobs and is_models_table(file)]
    others = tuple(file for file in rest if file not in tables)
    return Survey(tuple(jobs), tuple(tables), others, tuple(found.notes))


def _place(file: Path, root: Path) -> str:
    name = file.name if file == root else file.relative_to(root).as_posix()
    return name.encode("utf-8", "backslashreplace").decode()


def read_logs(
    path: Path | str,
    *,
    models: Path | str | None = None,
    metric: str | Mapping[str, str] | None = None,
    filter: str | Mapping[str, str] | None = None,
    unfinished: bool = False,
    strict: bool = False,
    cache: Path | None = None,
    jobs: int = 1,
    limits: Limits = DEFAULT,
    progress: Progress | None = None,
) -> Ladder:
    """Read the logs of evaluation harnesses: a folder of any of the known formats, or one log.

    Known are lm-evaluation-harness, Inspect, HELM, OLMES, olmo-eval, lighteval, OpenCompass and Every Eval Ever. A models
    table (CSV or Parquet with model, family, flops or params and tokens) in the folder is used.

    Parameters
    ----------
    path
        Folder or file.
    models
        Models table, where it is not in the folder.
    metric
        Metric to count, for all benchmarks or by benchmark; ``all`` keeps every one as benchmark@metric. Left out: by the
        rules of `bayes_cod.readers.choose`.
    filter
        Filter (of lm-evaluation-harness) to count, likewise.
    unfinished
        Whether runs that did not end well count too.
    strict
        Whether damage is an error; otherwise it is noted and the rest is read.
    cache
        Folder that keeps parsed logs by the hash of their content, for the next time; none where not given.
    jobs
        Logs parsed at the same time, where they are large.
    limits
        What logs may cost.
    progress
        Called with what is being done and the share that is done.

    Returns
    -------
    Ladder
        Questions in `items`; benchmarks known by their scores alone, and bits per byte of the right answers, in `scores`.
        `notes` says what was chosen, set aside and found.

    Raises
    ------
    InputError
        If nothing can be read, or a metric is asked for that no log has; with `strict` for any damage.
    """
    return read_survey(
        survey(path, limits), path, models=models, metric=metric, filter=filter, unfinished=unfinished, strict=strict,
        cache=cache, jobs=jobs, limits=limits, progress=progress,
    )  # fmt: skip


def read_survey(
    found: Survey,
    path: Path | str,
    *,
    models: Path | str | None = None,
    metric: str | Mapping[str, str] | None = None,
    filter: str | Mapping[str, str] | None = None,
    unfinished: bool = False,
    strict: bool = False,
    cache: Path | None = None,
    jobs: int = 1,
    limits: Limits = DEFAULT,
    progress: Progress | None = None,
) -> Ladder:
    """`read_logs` of a path that has been looked at."""
    if not found.jobs:
        raise InputError("no log of a known format (see the guide to logs for formats and names)", file=path)
    table, notes = _models_table(models, found)
    with _folder(cache) as folder:
        staged = _parse(found.jobs, folder, limits, strict, jobs, progress)
        problems = [problem for part in staged for problem in part.problems]
        remarks = _remarks(found, problems)
        logs = [_placed(log) for part in staged for log in part.logs]
        logs = _named_well(logs, remarks)
        if not logs:
            raise InputError(f"nothing of it can be read ({'; '.join(remarks[:3])})", file=path)
        if progress is not None:
            progress("choosing and counting", 1.0)
        chosen_notes = Notes()
        name_variants(logs, chosen_notes)
        names, more = match_models(sorted({log.model for log in logs}), table) if table is not None else ({}, [])
        for log in logs:
            log.model = names.get(log.model, log.model)
        runs = drop_groups(pick_runs(logs, chosen_notes, unfinished=unfinished), chosen_notes)
        with LogRows([Path(part.rows) for part in staged if part.rows], folder) as rows:
            chosen = pick_metrics(runs, rows.summary(), Wish(metric, filter), chosen_notes)
            if not chosen:
                raise InputError(f"no benchmark with a usable score ({'; '.join(chosen_notes.lines()[:3])})", file=path)
            tables = _tables(chosen, rows, chosen_notes)
    params = {log.model: log.params for log in logs if log.params}
    frame, unknown = assemble_models(sorted({choice.log.model for choice in chosen}), table, params)
    return Ladder(
        name=Path(path).resolve().name,
        models=frame,
        benchmarks=tables.benchmarks,
        items=tables.items,
        scores=tables.scores,
        notes=tuple(dict.fromkeys([_sources(runs), *remarks, *notes, *more, *unknown, *chosen_notes.lines()])),
    )


@contextmanager
def _folder(cache: Path | None) -> Iterator[Path]:
    """Where parsed logs go: the cache, or a temporary folder that is removed."""
    if cache is not None:
        yield cache
        return
    folder = Path(tempfile.mkdtemp(prefix="bayes_cod_logs_"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _models_table(models: Path | str | None, found: Survey) -> tuple[pd.DataFrame | None, list[str]]:
    if models is not None:
        return read_models(Path(models))
    if len(found.tables) > 1:
        names = some([str(file) for file in found.tables])
        raise InputError(f"several models tables ({names}); keep one, or say which to use")
    return read_models(found.tables[0]) if found.tables else (None, [])


def _parse(
    jobs: Sequence[Job], folder: Path, limits: Limits, strict: bool, n_jobs: int, progress: Progress | None
) -> list[Staged]:
    """Parse every source, large folders in several processes."""
    total = sum(job.size for job in jobs)
    done = 0
    results: list[Staged] = []
    parallel = n_jobs > 1 and total > _PARALLEL and len(jobs) > 1
    work = (delayed(stage)(job, folder, limits, strict=strict) for job in jobs)
    finished = Parallel(n_jobs=n_jobs if parallel else 1, return_as="generator")(work)
    for job, result in zip(jobs, finished, strict=True):
        results.append(result)
        done += job.size
        if progress is not None:
            progress(f"reading {job.name}", done / max(total, 1))
    return results


def _remarks(found: Survey, problems: Sequence[Problem]) -> list[str]:
    """What was damaged or passed over."""
    remarks = [str(problem) for problem in problems[:20]]
    if len(problems) > 20:
        remarks.append(f"{len(problems) - 20} more files are damaged")
    remarks += found.notes[:20]
    if found.others:
        names = some([file.name.encode("utf-8", "backslashreplace").decode() for file in found.others])
        remarks.append(f"{len(found.others)} files are no logs that can be read and were not read ({names})")
    return remarks


def _placed(log: Log) -> Log:
    log.notes = [f"{log.file}: {note}" for note in log.notes]
    return log


def _named_well(logs: list[Log], remarks: list[str]) -> list[Log]:
    """Logs whose model and benchmark can be named in tables and reports; the others are set aside."""
    kept = []
    for log in logs:
        for kind, name in (("model", log.model), ("benchmark", log.benchmark)):
            fault = fault_of_name(name)
            if fault:
                remarks.append(f"{log.file}: the {kind}'s name {name[:60]!r} {fault}; set aside")
                break
        else:
            kept.append(log)
    return kept


def _sources(runs: Sequence[Log]) -> str:
    formats: dict[str, int] = {}
    for log in runs:
        formats[log.format] = formats.get(log.format, 0) + 1
    return "read from logs of " + ", ".join(f"{name} ({n} evaluations)" for name, n in sorted(formats.items()))


@dataclass(frozen=True)
class _Tables:
    items: pd.DataFrame | None
    scores: pd.DataFrame | None
    benchmarks: pd.DataFrame


def _tables(chosen: Sequence[Chosen], rows: LogRows, notes: Notes) -> _Tables:
    """Items, scores and benchmarks of what was chosen, with notes on what does not agree."""
    with_rows = [choice for choice in chosen if choice.log.has_rows]
    by_hash = _by_hash(with_rows, rows)
    rows.pick(
        pd.DataFrame(
            {
                "uid": [choice.log.uid for choice in with_rows],
                "metric": [choice.metric for choice in with_rows],
                "filter": [choice.filter for choice in with_rows],
                "model": [choice.log.model for choice in with_rows],
                "benchmark": [choice.benchmark for choice in with_rows],
                "sums": pd.Series([choice.log.sums for choice in with_rows], dtype=bool),
                "by_hash": pd.Series([by_hash[choice.benchmark] for choice in with_rows], dtype=bool),
            }
        ).astype({name: object for name in ("uid", "metric", "filter", "model", "benchmark")})
    )
    per_model, per_benchmark = rows.per_model(), rows.per_benchmark()
    _note_models(per_model, notes)
    _note_benchmarks(per_benchmark, by_hash, notes)
    _note_settings(chosen, notes)
    _note_stated(chosen, per_model, notes)
    for choice in chosen:
        for note in choice.log.notes:
            notes.add(note)
        if choice.filter in choice.log.filter_notes:
            notes.add(choice.log.filter_notes[choice.filter], f"{choice.log.model} on {choice.benchmark}")
    countable = set(per_model.groupby("benchmark")["halves"].all().loc[lambda halves: halves].index)
    items = rows.items()
    items = items[items["benchmark"].isin(countable)]
    counted = _counts(items, notes) if len(items) else None
    scores = _scores(chosen, per_model, countable, notes)
    chance = dict(zip(per_benchmark["benchmark"], per_benchmark["chance"], strict=True))
    names = sorted({choice.benchmark for choice in chosen})
    benchmarks = pd.DataFrame(
        {"benchmark": pd.Series(names, dtype=str), "chance": [float(chance.get(name, np.nan)) for name in names]}
    )
    return _Tables(counted, scores, benchmarks)


def _by_hash(chosen: Sequence[Chosen], rows: LogRows) -> dict[str, bool]:
    """Benchmarks whose questions are joined on the hash of their content: positions are no ids."""
    summary = rows.summary()
    hashed = summary.assign(all=summary["with_hash"] == summary["rows"]).groupby("log")["all"].all().to_dict()
    found: dict[str, bool] = {}
    positions: dict[str, bool] = {}
    for choice in chosen:
        found[choice.benchmark] = found.get(choice.benchmark, True) and hashed.get(choice.log.uid, False)
        positions[choice.benchmark] = positions.get(choice.benchmark, False) or choice.log.ids == "position"
    return {name: whole and positions[name] for name, whole in found.items()}


def _note_models(per_model: pd.DataFrame, notes: Notes) -> None:
    for row in per_model.itertuples():
        name = f"{row.model} on {row.benchmark}"
        if row.unscored:
            notes.add(f"{row.unscored} of {row.questions} samples have no score; neither right nor wrong, left out", name)
        if row.copies:
            notes.add("questions are logged more than once; the last line of each counts", name)
        if 0 < row.losses < row.questions:
            notes.add(f"{row.questions - row.losses} of {row.questions} questions have no loss; no task loss is given", name)


def _note_benchmarks(per_benchmark: pd.DataFrame, by_hash: Mapping[str, bool], notes: Notes) -> None:
    for row in per_benchmark.itertuples():
        name = str(row.benchmark)
        if row.models > 1 and row.shared < row.most:
            notes.add(
                f"models answered different questions: {row.shared} are shared by all {row.models} models, "
                f"{row.fewest} to {row.most} by each",
                name,
            )
        if row.contents and by_hash[name]:
            notes.add(f"{row.contents} ids stand for different questions in different logs; joined on content", name)
        elif row.contents:
            notes.add(f"{row.contents} ids have different contents in different logs; check that they are one question", name)
        if row.prompts:
            notes.add(f"the prompts of {row.prompts} shared questions differ between models", name)


def _note_settings(chosen: Sequence[Chosen], notes: Notes) -> None:
    by_benchmark: dict[str, dict[str, dict[str, list[str]]]] = {}
    for choice in chosen:
        for fact, value in choice.log.facts.items():
            values = by_benchmark.setdefault(choice.benchmark, {}).setdefault(fact, {})
            values.setdefault(value, []).append(choice.log.model)
    for benchmark, facts in by_benchmark.items():
        for fact, values in facts.items():
            if len(values) > 1:
                told = "; ".join(f"{value[:40]}: {some(sorted(set(own)))}" for value, own in list(values.items())[:4])
                notes.add(f"{fact} differs between models ({told}); scores may not be comparable", benchmark)


def _note_stated(chosen: Sequence[Chosen], per_model: pd.DataFrame, notes: Notes) -> None:
    """Note where the questions do not give the score that the log states."""
    counted = {(row.model, row.benchmark): row for row in per_model.itertuples()}
    for choice in chosen:
        row = counted.get((choice.log.model, choice.benchmark))
        stated = [s.value for s in choice.log.scores if (s.metric, s.filter) == (choice.metric, choice.filter)]
        if row is None or not stated or row.scored == 0:
            continue
        if choice.filter in choice.log.rescored:
            notes.add("every repeated answer counts; the score that the log states knows only the first", choice.benchmark)
            continue
        if abs(float(row.score) - stated[0]) > _CLOSE:
            notes.add(
                f"the log states {100 * stated[0]:.4g}, its {row.scored} scored questions give {100 * row.score:.4g}; "
                "the questions count",
                f"{choice.log.model} on {choice.benchmark}",
            )


def _counts(items: pd.DataFrame, notes: Notes) -> pd.DataFrame:
    """Counts of trials and passes; where a trial passed by half, both are doubled so that the pass rate stays exact."""
    total, trials = items["total"].to_numpy(dtype=float), items["n"].to_numpy(dtype=np.int64)
    half = total != np.round(total)
    for benchmark in sorted(set(items.loc[half, "benchmark"])):
        count = int((half & (items["benchmark"] == benchmark).to_numpy()).sum())
        notes.add(f"{count} answers passed by half; a half counts as 1 of 2 trials", str(benchmark))
    factor = np.where(half, 2, 1)
    return pd.DataFrame(
        {
            "benchmark": items["benchmark"].astype(str).to_numpy(),
            "question_id": items["question_id"].astype(str).to_numpy(),
            "model": items["model"].astype(str).to_numpy(),
            "n_trials": trials * factor,
            "n_correct": np.round(total * factor).astype(np.int64),
        }
    )


def _scores(
    chosen: Sequence[Chosen], per_model: pd.DataFrame, countable: set[str], notes: Notes
) -> pd.DataFrame | None:
    """Benchmarks without counts, and bits per byte where every question has them."""
    found = []
    for row in per_model.itertuples():
        if row.scored and (row.benchmark not in countable or pd.notna(row.loss)):
            found.append((row.model, row.benchmark, row.score, row.scored, row.loss))
            if row.benchmark not in countable:
                notes.add("answers have fractional scores, no passes and fails; only the mean score is kept", row.benchmark)
    mixed: dict[str, list[str]] = {}
    for choice in chosen:
        if choice.log.has_rows:
            continue
        value = next(s.value for s in choice.log.scores if (s.metric, s.filter) == (choice.metric, choice.filter))
        found.append((choice.log.model, choice.benchmark, value, choice.log.n_questions, np.nan))
        if choice.benchmark in countable:
            mixed.setdefault(choice.benchmark, []).append(choice.log.model)
        else:
            notes.add("the logs hold no questions, only scores", choice.benchmark)
    for benchmark, own in mixed.items():
        notes.add(f"no questions of {some(own)}, only the score; not comparable question by question", benchmark)
    if not found:
        return None
    scores = pd.DataFrame(found, columns=["model", "benchmark", "score", "n_questions", "bpb"])
    scores = scores.astype({"model": str, "benchmark": str, "score": float, "n_questions": float, "bpb": float})
    scores["is_final"] = True
    return scores if scores["bpb"].notna().any() else scores.drop(columns="bpb")

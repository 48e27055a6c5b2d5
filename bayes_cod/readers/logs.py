"""Logs of evaluation harnesses to a `Ladder`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.ladder.naming import some
from bayes_cod.readers.aggregate import LogRows
from bayes_cod.readers.base import Log, Problem, Reader
from bayes_cod.readers.choose import Notes, Wish, drop_groups, name_variants, pick_metrics, pick_runs
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
from bayes_cod.readers.stage import Job, Progress, Staged, stage
from bayes_cod.readers.together import bring_together

READERS: tuple[Reader, ...] = (
    LmEval(), InspectAI(), Helm(), OlmoEval(), Olmes(), Lighteval(), EveryEvalEver(), OpenCompass(),
)  # fmt: skip
_PARALLEL = 100 * MIB


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

    Known are lm-evaluation-harness, Inspect, HELM, OLMES, olmo-eval, lighteval, OpenCompass and Every Eval Ever. A
    models table (CSV or Parquet with model, family, flops or params and tokens) in the folder is used.

    Parameters
    ----------
    path
        Folder or file.
    models
        Models table, where it is not in the folder.
    metric
        Metric to count, for all benchmarks or by benchmark; ``all`` keeps every one as benchmark@metric. Left out: by
        the rules of `bayes_cod.readers.choose`.
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
        Questions in `items`; benchmarks known by their scores alone, and bits per byte of the right answers, in
        `scores`. `notes` says what was chosen, set aside and found.

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
                why = "; ".join([*remarks, *chosen_notes.lines()][:3])
                raise InputError(f"no benchmark with a usable score ({why})", file=path)
            tables = bring_together(chosen, rows, chosen_notes)
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

"""Logs of lm-evaluation-harness: ``results_<time>.json`` and ``samples_<task>_<time>.jsonl``.

A samples file has one line for each document and filter. Its key is (``doc_hash``, ``filter``); older files lack both:
there the hash is made from the document as the harness does, and filters are told apart by the order of their passes
and matched to the scores in the results file. Where a task repeats each document, the logged metric knows the first
answer alone; the answers are scored again with the task's own filter (`bayes_cod.readers.lm_eval_repeats`).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bayes_cod.readers.base import Log, RowSink, Score, Source, as_fraction, moment, plain_filter, prompt_number
from bayes_cod.readers.limits import Damaged, decode, decode_part, lines, read_bytes
from bayes_cod.readers.lm_eval_passes import match_passes
from bayes_cod.readers.lm_eval_repeats import Repeats, rescorers

_SAMPLES = re.compile(r"samples_(?P<task>.+?)(?:_(?P<when>\d{4}-\d\d-\d\dT[\d.:+-]+))?\.jsonl(?:\.gz)?")
_RESULTS = re.compile(r"results(?:_(?P<when>\d{4}-\d\d-\d\dT[\d.:+-]+))?\.json(?:\.gz)?")
_NO_METRIC = {"name", "alias", "sample_len", "samples", "sample_count"}
_OF_SAMPLE = {
    "doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash", "prompt_hash",
    "target_hash", "task_name", "schema_version", "native_id", "repeats",
}  # fmt: skip
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Argument(msgspec.Struct):
    arg_1: Any = None


_ARGUMENTS = msgspec.json.Decoder(dict[str, _Argument])


class _Results(msgspec.Struct):
    results: dict[str, dict[str, Any]] = {}
    group_subtasks: dict[str, Any] = {}
    configs: dict[str, msgspec.Raw] = {}
    versions: dict[str, Any] = {}
    n_shot: dict[str, Any] = msgspec.field(default_factory=dict, name="n-shot")
    higher_is_better: dict[str, Any] = {}
    n_samples: dict[str, Any] = msgspec.field(default_factory=dict, name="n-samples")
    config: dict[str, Any] = {}
    date: Any = None
    task_hashes: dict[str, Any] = {}
    model_name: Any = None
    chat_template_sha: Any = None
    system_instruction_sha: Any = None
    fewshot_as_multiturn: Any = None


_RESULTS_FILE = msgspec.json.Decoder(_Results)


class LmEval:
    """lm-evaluation-harness."""

    name = "lm-evaluation-harness"

    def detect(self, file: Path, start: bytes) -> bool:
        """See `Reader`."""
        if _SAMPLES.fullmatch(file.name):
            return True
        named = _RESULTS.fullmatch(file.name) is not None
        return named and re.match(rb'\s*\{\s*"results"\s*:', start) is not None

    def companions(self, file: Path) -> Sequence[Path]:
        """See `Reader`: a samples file is read with the results of its run."""
        if not _SAMPLES.fullmatch(file.name):
            return ()
        found = _results_of(file)
        return () if found is None else (found,)

    def belongs(self, file: Path, start: bytes) -> bool:
        """See `Reader`."""
        return False

    def read(self, source: Source, rows: RowSink) -> list[Log]:
        """See `Reader`."""
        named = _SAMPLES.fullmatch(source.path.name)
        if named is None:
            return _stated(_read_results(source.path, source), source)
        beside = _results_of(source.path)
        results = _Results()
        if beside is not None:
            try:
                results = _read_results(beside, source)
            except Damaged as error:
                source.damaged(str(error), file=str(Path(source.name).parent / beside.name))
        log = _log(named["task"], results, source)
        log.when = moment(named["when"]) or log.when
        _Samples(source, rows, log, results.configs.get(named["task"])).read()
        return [log]


def _results_of(samples: Path) -> Path | None:
    """Results file of a samples file's run: of the same time, or the only one in the folder."""
    match = _SAMPLES.fullmatch(samples.name)
    when = match["when"] if match else None
    for ending in (".json", ".json.gz"):
        same = samples.with_name(f"results_{when}{ending}")
        if when and same.is_file():
            return same
    others = sorted(file for file in samples.parent.glob("results*.json*") if _RESULTS.fullmatch(file.name))
    return others[0] if len(others) == 1 else None


def _read_results(file: Path, source: Source) -> _Results:
    return decode(read_bytes(file, source.limits), _RESULTS_FILE)


def _stated(results: _Results, source: Source) -> list[Log]:
    """Scores of every task, and of groups marked by their parts."""
    logs = []
    for task in results.results:
        log = _log(task, results, source)
        if log.scores:
            logs.append(log)
    return logs


def _log(task: str, results: _Results, source: Source) -> Log:
    """What the results file says of a task."""
    arguments = _model_arguments(results.config.get("model_args"))
    stated, order = _scores(results.results.get(task, {}))
    samples = results.n_samples.get(task)
    effective, original = (_count(samples, "effective"), _count(samples, "original"))
    limit = results.config.get("limit")
    short = effective is not None and original is not None and effective < original
    parts = results.group_subtasks.get(task)
    higher = results.higher_is_better.get(task)
    shots = results.n_shot.get(task)
    groups = [name for name, inside in results.group_subtasks.items() if isinstance(inside, list) and task in inside]
    return Log(
        format=LmEval.name,
        file=source.name,
        model=_model(results, arguments, source),
        benchmark=task,
        revision=_revision(arguments, results),
        shots=shots if isinstance(shots, int) else None,
        when=_when(source.path) or moment(results.date),
        complete=not (short or (limit not in (None, 0) and not (effective is not None and effective == original))),
        why=f"{effective} of {original} questions" if short else f"limit {limit:g}" if _is_number(limit) else "",
        order=order,
        lower_is_better=[name for name, up in higher.items() if up is False] if isinstance(higher, dict) else [],
        scores=stated,
        n_questions=effective,
        facts=_facts(task, results),
        parts=[str(part) for part in parts] if isinstance(parts, list) else [],
        group=groups[0] if groups else "",
        params=as_fraction(results.config.get("model_num_parameters")),
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(samples: Any, name: str) -> int | None:
    value = samples.get(name) if isinstance(samples, dict) else samples if name == "effective" else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _when(file: Path) -> str:
    match = _RESULTS.fullmatch(file.name)
    return moment(match["when"]) if match else ""


def _model_arguments(arguments: Any) -> dict[str, str]:
    """Model arguments as texts: a mapping now, ``key=value,key=value`` in older logs."""
    if isinstance(arguments, dict):
        return {str(key): str(value) for key, value in arguments.items() if isinstance(value, str | int | float)}
    if isinstance(arguments, str):
        return dict(part.strip().split("=", 1) for part in arguments.split(",") if "=" in part)
    return {}


def _model(results: _Results, arguments: dict[str, str], source: Source) -> str:
    for name in (results.model_name, arguments.get("pretrained"), arguments.get("model")):
        if isinstance(name, str) and name.strip():
            return name.strip()
    folder = source.path.resolve().parent.name
    return folder.replace("__", "/")


def _revision(arguments: dict[str, str], results: _Results) -> str:
    revision = arguments.get("revision") or results.config.get("model_revision")
    return revision if isinstance(revision, str) and revision != "main" else ""


def _facts(task: str, results: _Results) -> dict[str, str]:
    found = {
        "task version": results.versions.get(task),
        "chat template": results.chat_template_sha,
        "system instruction": results.system_instruction_sha,
        "generation settings": results.config.get("gen_kwargs") or None,
    }
    if results.config.get("limit") in (None, 0):
        found["task hash"] = results.task_hashes.get(task) or None
    return {name: str(value)[:200] for name, value in found.items() if value is not None}


def _scores(entries: dict[str, Any]) -> tuple[list[Score], list[tuple[str, str]]]:
    """Scores of one task from ``"<metric>,<filter>"`` keys (older: ``"<metric>"``)."""
    stated, order = [], []
    for key, value in entries.items():
        metric, _, name = key.partition(",")
        number = as_fraction(value)
        if metric in _NO_METRIC or metric.endswith("_stderr") or number is None:
            continue
        order.append((metric, plain_filter(name)))
        stated.append(Score(metric, plain_filter(name), number))
    return stated, order


class _Samples:
    """Reads one samples file."""

    def __init__(self, source: Source, rows: RowSink, log: Log, config: msgspec.Raw | None) -> None:
        self.source, self.rows, self.log = source, rows, log
        self.repeats: Repeats | None = None
        self._config = config
        self._documents: set[int] = set()
        self._left: dict[str, int] = {}
        self._unnamed: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def read(self) -> None:
        for number, line in lines(self.source.path, self.source.limits):
            try:
                if isinstance(line, Damaged):
                    raise line
                self._line(number, decode(line, _FIELDS))
            except Damaged as error:
                self.source.damaged(f"no readable sample ({error})", number)
        self._finish()

    def _line(self, number: int, fields: dict[str, msgspec.Raw]) -> None:
        if "doc_id" not in fields and "doc_hash" not in fields:
            raise Damaged("neither doc_id nor doc_hash")
        item = _text(fields, "doc_id")
        digest = _text(fields, "doc_hash") or _doc_hash(fields.get("doc"))
        metrics = self._metrics(fields)
        responses = _any(fields, "resps")
        log_probabilities = _log_probabilities(responses)
        common: dict[str, Any] = {"digest": digest or None, "row": number}
        prompt = _text(fields, "prompt_hash")
        if prompt:
            common["prompt"] = prompt_number(prompt)
        if log_probabilities is not None:
            n_options = len(log_probabilities) // (2 if "acc_mutual_info" in metrics else 1)
            common["options"] = n_options if n_options > 1 else None
            if any(math.isnan(value) for value in log_probabilities) or not any(map(math.isfinite, log_probabilities)):
                metrics = dict.fromkeys(metrics)
                self._documents.add(hash((item, digest)))
            else:
                common["loss"] = _loss(fields, log_probabilities, n_options)
        name = _text(fields, "filter")
        if not name:
            self._unnamed[item].append({"metrics": metrics, "common": common, "item": item or digest})
            return
        if log_probabilities is None and self._repeated(fields, responses, name, metrics, item or digest, common):
            return
        for metric, value in metrics.items():
            self.rows.add(0, item or digest, metric, value, filter=name, **common)

    def _metrics(self, fields: dict[str, msgspec.Raw]) -> dict[str, float | None]:
        """Metrics of a line that are numbers; others are counted as left."""
        named = _any(fields, "metrics")
        names = named if isinstance(named, list) else [key for key in fields if key not in _OF_SAMPLE]
        found: dict[str, float | None] = {}
        for name in names:
            raw = fields.get(name) if isinstance(name, str) else None
            if raw is None:
                continue
            value = decode_part(raw)
            if isinstance(value, list | dict | str):
                self._left[name] = self._left.get(name, 0) + 1
                continue
            found[name] = as_fraction(value)
        return found

    def _repeated(
        self,
        fields: dict[str, msgspec.Raw],
        responses: Any,
        name: str,
        metrics: dict[str, float | None],
        item: str,
        common: dict[str, Any],
    ) -> bool:
        """Keep a document that was answered several times for scoring again."""
        answers = responses[0] if isinstance(responses, list) and responses and isinstance(responses[0], list) else []
        if len(answers) < 2 or not all(isinstance(answer, str) for answer in answers):
            return False
        if self.repeats is None:
            self.repeats = Repeats(self.rows, self.log, rescorers(self._config))
        self.repeats.add(name, item, answers, str(_any(fields, "target")), metrics, common)
        return True

    def _finish(self) -> None:
        if self._unnamed:
            match_passes(self._unnamed, self.log, self.rows)
        if self.repeats is not None:
            self.repeats.finish()
        self.log.has_rows = bool(self.rows.counts)
        if self._documents:
            self.log.notes.append(
                f"{len(self._documents)} questions have no finite log probability (the model overflowed) and "
                "are unscored"
            )
        for metric, count in self._left.items():
            self.log.notes.append(f"metric '{metric}' is no single number in {count} lines and was left out")


def _any(fields: dict[str, msgspec.Raw], name: str) -> Any:
    raw = fields.get(name)
    return None if raw is None else decode_part(raw)


def _text(fields: dict[str, msgspec.Raw], name: str) -> str:
    value = _any(fields, name)
    return "" if value is None else value if isinstance(value, str) else str(value)


def _doc_hash(doc: msgspec.Raw | None) -> str:
    """The harness's own hash of a document."""
    if doc is None:
        return ""
    try:
        text = json.dumps(json.loads(bytes(doc)), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return ""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _log_probabilities(responses: Any) -> list[float] | None:
    """Log probability of every option from ``resps[choice][repeat] = [log probability, is greedy]``."""
    if not isinstance(responses, list) or not responses:
        return None
    found = []
    for response in responses:
        pair = response[0] if isinstance(response, list) and response else None
        if not isinstance(pair, list) or len(pair) != 2:
            return None
        try:
            found.append(float("nan") if pair[0] is None else float(pair[0]))
        except (TypeError, ValueError):
            return None
    return found


def _loss(fields: dict[str, msgspec.Raw], log_probabilities: list[float], n_options: int) -> float | None:
    """Bits per byte of the right answer, from its log probability in nats."""
    gold = 0 if n_options == 1 else _index(_any(fields, "target"))
    if gold is None or gold >= n_options or not math.isfinite(log_probabilities[gold]):
        return None
    answer = _continuation(fields.get("arguments"), gold)
    return -log_probabilities[gold] / (len(answer.encode("utf-8", "replace")) * math.log(2)) if answer else None


def _index(target: Any) -> int | None:
    try:
        index = int(target)
    except (TypeError, ValueError):
        return None
    return index if index >= 0 else None


def _continuation(arguments: msgspec.Raw | None, index: int) -> str:
    """The text whose log probability was asked for."""
    if arguments is None:
        return ""
    try:
        answer = _ARGUMENTS.decode(arguments)[f"gen_args_{index}"].arg_1
    except (msgspec.MsgspecError, KeyError, UnicodeError):
        older = decode_part(arguments)
        try:
            answer = older[index][1]
        except (TypeError, IndexError, KeyError):
            return ""
    return answer if isinstance(answer, str) else ""

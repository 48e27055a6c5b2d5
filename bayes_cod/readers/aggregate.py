"""Trials to questions, out of core: DuckDB over Parquet, within a bound on memory and with its spills in one folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pandas as pd

from bayes_cod.errors import InputError

MEMORY = "768MB"


def connect(spill: Path, *, memory: str = MEMORY, threads: int | None = None) -> Any:
    """A DuckDB connection that keeps to `memory` and spills to a folder.

    Parameters
    ----------
    spill
        Folder for what does not fit.
    memory
        Bound on DuckDB's own memory.
    threads
        Cores to use; all where not given.
    """
    config: dict[str, Any] = {
        "memory_limit": memory,
        "temp_directory": str(spill),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if threads is not None:
        config["threads"] = threads
    return duckdb.connect(config=config)


def aggregate_trials(
    sources: Sequence[Path],
    out: Path,
    columns: Mapping[str, str],
    *,
    spill: Path,
    memory: str = "1200MB",
    threads: int | None = None,
) -> int:
    """Count trials and passes of every question and model in tables of one row a trial.

    Parameters
    ----------
    sources
        Parquet files of trials.
    out
        Parquet file to write: benchmark, question_id, model, n_trials, n_correct.
    columns
        Which column is benchmark, question_id, model and correct (true or false, or 0 and 1).
    spill
        Folder for what does not fit in memory.
    memory
        Bound on DuckDB's memory.
    threads
        Cores to use.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    InputError
        If a column is missing, a result is neither 0 nor 1, or a file can't be read.
    """
    names = {name: _quoted(column) for name, column in columns.items()}
    files = [str(source) for source in sources]
    query = f"""
        SELECT {names["benchmark"]} AS benchmark, {names["question_id"]} AS question_id, {names["model"]} AS model,
               count(*)::BIGINT AS n_trials, sum(({names["correct"]})::INT)::BIGINT AS n_correct,
               max(({names["correct"]})::DOUBLE) AS highest, min(({names["correct"]})::DOUBLE) AS lowest,
               bool_and(({names["correct"]})::DOUBLE = ({names["correct"]})::INT) AS whole
        FROM read_parquet(?)
        WHERE {names["correct"]} IS NOT NULL
        GROUP BY ALL
    """
    part = out.with_name(out.name + ".part")
    try:
        with connect(spill, memory=memory, threads=threads) as connection:
            connection.execute(f"CREATE TABLE found AS {query}", [files])
            bad = connection.execute(
                "SELECT benchmark, question_id, model FROM found WHERE lowest < 0 OR highest > 1 OR NOT whole LIMIT 1"
            ).fetchone()
            if bad is not None:
                raise InputError(
                    f"a trial of question '{bad[1]}' of '{bad[0]}' by '{bad[2]}' is neither 0 nor 1; give whether each "
                    "answer was right",
                    file=sources[0],
                    column=columns["correct"],
                )
            connection.execute(
                "COPY (SELECT benchmark, question_id, model, n_trials, n_correct FROM found ORDER BY ALL) TO "
                f"'{str(part).replace(chr(39), chr(39) * 2)}' (FORMAT parquet, COMPRESSION zstd)"
            )
            written = int(connection.execute("SELECT count(*) FROM found").fetchone()[0])
        part.replace(out)
        return written
    except duckdb.Error as error:
        raise InputError(f"can't be aggregated ({str(error).splitlines()[0]})", file=sources[0]) from None
    finally:
        part.unlink(missing_ok=True)


def records(frame: pd.DataFrame) -> list[Any]:
    """Rows of a table, with its columns as attributes."""
    return list(frame.itertuples(index=False))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class LogRows:
    """The rows of many logs, in Parquet files, for choosing among them and bringing them together.

    Parameters
    ----------
    files
        Parquet files of `bayes_cod.readers.base.SCHEMA`.
    spill
        Folder for what does not fit in memory.
    """

    def __init__(self, files: Sequence[Path], spill: Path) -> None:
        self._connection = connect(spill)
        if files:
            listed = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
            self._connection.execute(f"CREATE VIEW rows AS SELECT * FROM read_parquet([{listed}])")
        else:
            self._connection.execute(
                "CREATE TABLE rows (log VARCHAR, item VARCHAR, hash VARCHAR, metric VARCHAR, filter VARCHAR, n INT, "
                "total DOUBLE, loss DOUBLE, options INT, prompt BIGINT, row BIGINT)"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def summary(self) -> pd.DataFrame:
        """Each log's metrics and filters.

        Returns
        -------
        pandas.DataFrame
            log, metric, filter, rows, unscored, lowest, highest (score of a trial), halves (whether every sum is a
            multiple of a half), with_hash (rows that have a content hash), trials (most of one row).
        """
        return self._frame(
            """
            SELECT log, metric, filter, count(*) AS rows, count(*) FILTER (n = 0) AS unscored,
                   min(total / nullif(n, 0)) AS lowest, max(total / nullif(n, 0)) AS highest,
                   coalesce(bool_and(total * 2 = round(total * 2)), true) AS halves,
                   count(hash) AS with_hash, max(n) AS trials
            FROM rows GROUP BY ALL ORDER BY ALL
            """
        )

    def pick(self, chosen: pd.DataFrame) -> None:
        """Bring the chosen rows together: one a model and question.

        Parameters
        ----------
        chosen
            uid, metric, filter, model, benchmark, sums, by_hash.
        """
        self._connection.register("chosen", chosen)
        self._connection.execute(
            """
            CREATE OR REPLACE TEMP TABLE picked AS
            WITH once AS (
                SELECT c.model, c.benchmark, r.item, r.hash, any_value(c.by_hash) AS by_hash,
                       CASE WHEN any_value(c.sums) THEN sum(r.n) ELSE arg_max(r.n, r.row) END::BIGINT AS n,
                       CASE WHEN any_value(c.sums) THEN sum(r.total) ELSE arg_max(r.total, r.row) END AS total,
                       avg(r.loss) AS loss, max(r.options) AS options, max(r.prompt) AS prompt, min(r.row) AS row,
                       CASE WHEN any_value(c.sums) THEN 1 ELSE count(*) END AS copies
                FROM rows r JOIN chosen c ON r.log = c.uid AND r.metric = c.metric AND r.filter = c.filter
                GROUP BY c.model, c.benchmark, r.item, r.hash
            ), keyed AS (
                SELECT *, CASE WHEN by_hash THEN hash ELSE item END AS key FROM once
            ), numbered AS (
                SELECT *, row_number() OVER (PARTITION BY model, benchmark, key ORDER BY row, item) AS again FROM keyed
            )
            SELECT model, benchmark, item, hash, n, coalesce(total, 0) AS total, loss, options, prompt, row, copies,
                   CASE WHEN again = 1 THEN key ELSE key || '#' || again END AS question_id
            FROM numbered
            """
        )
        self._connection.unregister("chosen")

    def items(self) -> pd.DataFrame:
        """Scored questions.

        Returns
        -------
        pandas.DataFrame
            benchmark, question_id, model, n, total, in the order of the logs.
        """
        return self._frame(
            "SELECT benchmark, question_id, model, n, total FROM picked WHERE n > 0 ORDER BY benchmark, model, row"
        )

    def per_model(self) -> pd.DataFrame:
        """What each model's rows of each benchmark come to.

        Returns
        -------
        pandas.DataFrame
            model, benchmark, questions, scored, unscored, copies (rows that repeat another), score (mean of the scored
            questions), loss (mean bits per byte; missing unless every question has one), losses (questions with one),
            halves.
        """
        return self._frame(
            """
            SELECT model, benchmark, count(*) AS questions, count(*) FILTER (n > 0) AS scored,
                   count(*) FILTER (n = 0) AS unscored, sum(copies - 1)::BIGINT AS copies,
                   avg(total / nullif(n, 0)) AS score, CASE WHEN count(loss) = count(*) THEN avg(loss) END AS loss,
                   count(loss) AS losses, bool_and(total * 2 = round(total * 2)) AS halves
            FROM picked GROUP BY ALL ORDER BY ALL
            """
        )

    def per_benchmark(self) -> pd.DataFrame:
        """What the models' rows of each benchmark have in common.

        Returns
        -------
        pandas.DataFrame
            benchmark, questions (of any model), shared (of all its models), models, fewest, most (questions of a
            model), prompts (shared questions whose prompts differ), contents (shared questions of one id with several
            contents), chance (mean of 1 / options, missing unless all have options).
        """
        return self._frame(
            """
            WITH question AS (
                SELECT benchmark, question_id, count(DISTINCT model) AS models, count(DISTINCT prompt) AS prompts,
                       max(options) AS options, min(options) IS NOT NULL AND count(options) = count(*) AS chosen
                FROM picked GROUP BY ALL
            ), content AS (
                SELECT benchmark, item, count(DISTINCT hash) AS hashes FROM picked GROUP BY ALL
            ), model AS (
                SELECT benchmark, model, count(*) AS n FROM picked GROUP BY ALL
            ), sizes AS (
                SELECT benchmark, count(*) AS models, min(n) AS fewest, max(n) AS most FROM model GROUP BY ALL
            ), contents AS (
                SELECT benchmark, count(*) FILTER (hashes > 1) AS contents FROM content GROUP BY ALL
            )
            SELECT q.benchmark, count(*) AS questions, count(*) FILTER (q.models = s.models) AS shared,
                   any_value(s.models) AS models, any_value(s.fewest) AS fewest, any_value(s.most) AS most,
                   count(*) FILTER (q.models > 1 AND q.prompts > 1) AS prompts,
                   any_value(c.contents) AS contents,
                   CASE WHEN bool_and(q.chosen) THEN avg(1.0 / q.options) END AS chance
            FROM question q JOIN sizes s USING (benchmark) JOIN contents c USING (benchmark)
            GROUP BY q.benchmark ORDER BY q.benchmark
            """
        )

    def _frame(self, query: str) -> pd.DataFrame:
        frame: pd.DataFrame = self._connection.execute(query).df()
        return frame

"""`Result`: a forecast that was made, saved and opened again, shown and asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from bayes_cod.errors import InputError
from bayes_cod.evaluation.recalibration import read_cells
from bayes_cod.forecasts.explanation import Explanation, dataset_to_table, table_to_dataset
from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.forecasts.record import Record, target_of
from bayes_cod.forecasts.table import forecast_rows
from bayes_cod.plots import plot_forecast
from bayes_cod.report.build import build_report
from bayes_cod.results.files import Writer, write_csv, write_json, write_netcdf, write_text, write_together

FORECAST_FILES = ("forecast.csv", "forecast.nc", "posterior.nc", "diagnostics.csv", "run.json", "report.html")
NEEDED = ("forecast.nc", "run.json")
FORMAT = 1
"""Of the files; a later one that this version can't read has a higher number."""


class Result(Record):
    """A forecast with everything that stands beside it.

    Made by `bayes_cod.forecast`, opened by `bayes_cod.load`. See `Record` for its attributes.
    """

    # ---------------------------------------------------------------- asking

    def table(self) -> pd.DataFrame:
        """The forecast as people read it, one row a target and benchmark, scores in points (0 to 100).

        Returns
        -------
        pandas.DataFrame
            target, benchmark, today (score of the largest rung), median, 50 % and 90 % interval, decades (beyond the
            largest rung), truth (only where one is known).
        """
        rows = forecast_rows(self)
        shown = pd.DataFrame(
            {
                "target": rows["target"],
                "benchmark": rows["benchmark"],
                "today": (100 * rows["last_rung"]).round(1),
                "median": (100 * rows["median"]).round(1),
                "50 % interval": _intervals(rows["low50"], rows["high50"]),
                "90 % interval": _intervals(rows["low90"], rows["high90"]),
                "decades": rows["decades"].round(2),
            }
        )
        return shown.assign(truth=(100 * rows["truth"]).round(1)) if rows["truth"].notna().any() else shown

    def to_dataframe(self) -> pd.DataFrame:
        """The forecast as `forecast.csv` has it: mean, sd and quantiles of observed and latent scores, fractions."""
        return self.forecast.summary()

    def probability(self, benchmark: str, at_least: float, target: str | None = None) -> float:
        """Probability that a target's observed score reaches a threshold.

        Parameters
        ----------
        benchmark
            Which.
        at_least
            The threshold, a fraction.
        target
            Which; may be left out where there is one only.

        Raises
        ------
        InputError
            For an unknown name, a threshold outside 0 to 1, or if there are several targets and none was named.
        """
        names = self.forecast.targets
        if target is None and len(names) > 1:
            raise InputError(f"there are several targets; name one of: {', '.join(names)}")
        return self.forecast.probability(target or names[0], benchmark, at_least)

    def plot(self) -> Figure:
        """Intervals of every benchmark's score; see `bayes_cod.plots.plot_forecast`."""
        return plot_forecast(self.forecast, self, last_rung=self.last_rung)

    def report(
        self,
        path: Path | str,
        *,
        thresholds: Mapping[str, float] | None = None,
        track_record: Sequence[Path | str] = (),
    ) -> Path:
        """Write the report as one HTML file that needs no network.

        Parameters
        ----------
        path
            File to write.
        thresholds
            Score that is asked for, a fraction, by benchmark: the report says how likely that score or more is. Left
            out: those that the forecast was made with.
        track_record
            Folders of finished back-tests of the method: the report says what its intervals held at this distance.

        Raises
        ------
        InputError
            For a threshold outside 0 to 1 or of an unknown benchmark, a folder without a back-test, or a file that
            can't be written.
        """
        file = Path(path)
        cells = read_cells([Path(folder) for folder in track_record]) if track_record else None
        page = build_report(self, thresholds=thresholds, cells=cells)
        write_together(file.absolute().parent, {file.name: lambda place: write_text(page, place)})
        return file

    # ---------------------------------------------------------------- files

    def save(self, folder: Path | str) -> Path:
        """Write everything into a folder: all files are complete before the first appears there.

        forecast.csv (for people and spreadsheets), forecast.nc (draws, observations, explanation), posterior.nc
        (ArviZ's groups) and diagnostics.csv where the method samples, run.json, report.html.

        Raises
        ------
        InputError
            If the folder can't be written to.
        """
        out = Path(folder)
        posterior, diagnostics = self.explanation.posterior, self.diagnostics
        writers: dict[str, Writer] = {
            "forecast.csv": lambda file: write_csv(self.to_dataframe(), file),
            "forecast.nc": lambda file: write_netcdf(self._tree(), file),
        }
        if posterior is not None:
            writers["posterior.nc"] = lambda file: write_netcdf(posterior, file)
        if diagnostics is not None:
            writers["diagnostics.csv"] = lambda file: write_csv(diagnostics, file)
        writers["report.html"] = lambda file: write_text(build_report(self), file)
        writers["run.json"] = lambda file: write_json({"format": FORMAT, **self.summary()}, file)
        write_together(out, writers, known=FORECAST_FILES)
        return out

    @classmethod
    def load(cls, folder: Path | str) -> Result:
        """Open what `save` wrote; PyMC is not needed.

        Raises
        ------
        InputError
            If the folder holds no result, or one of a later version.
        """
        place = Path(folder)
        for name in NEEDED:
            if not (place / name).is_file():
                raise InputError(
                    f"holds no saved forecast ({name} is missing); give the folder it was written to", file=place
                )
        try:
            summary = json.loads((place / "run.json").read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"is damaged ({error}); make the forecast again", file=place / "run.json") from None
        if int(summary.get("format", 0)) != FORMAT:
            raise InputError(
                f"was written by another version (format {summary.get('format')}, this one reads {FORMAT}); "
                "make the forecast again",
                file=place / "run.json",
            )
        try:
            with xr.open_datatree(place / "forecast.nc", engine="h5netcdf") as tree:
                nodes = {node.path: node.to_dataset(inherit=False).load() for node in tree.subtree if node.has_data}
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"is damaged ({error}); make the forecast again", file=place / "forecast.nc") from None
        posterior = None
        if (place / "posterior.nc").is_file():
            posterior = xr.open_datatree(place / "posterior.nc", engine="h5netcdf").load()
            posterior.close()
        diagnostics = None
        if (place / "diagnostics.csv").is_file():
            diagnostics = pd.read_csv(place / "diagnostics.csv")
        explained = {path.rsplit("/", 1)[1]: node for path, node in nodes.items() if path.startswith("/explanation/")}
        forecast = Forecast(
            nodes["/forecast"],
            str(summary["method"]),
            _facts(summary["facts"]),
            diagnostics,
            Explanation.of(explained, posterior),
        )
        return cls(
            forecast=forecast,
            observations=dataset_to_table(nodes["/observations"]),
            rungs=dataset_to_table(nodes["/rungs"]),
            targets=tuple(target_of(entry) for entry in summary["targets"]),
            family=str(summary["family"]),
            settings=summary["settings"],
            seed=int(summary["seed"]),
            data=summary["data"],
            made={name: summary[name] for name in ("date", "wall_time_seconds", "versions")},
        )

    def _tree(self) -> xr.DataTree:
        return xr.DataTree.from_dict(
            {
                "/forecast": self.forecast.draws,
                "/observations": table_to_dataset(self.observations),
                "/rungs": table_to_dataset(self.rungs),
                **{f"/explanation/{name}": node for name, node in self.explanation.nodes().items()},
            }
        )

    # ---------------------------------------------------------------- displays

    def __repr__(self) -> str:
        return f"{self._headline()}\n{self.table().to_string(index=False)}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self._headline())}</p>{self.table().to_html(index=False, escape=True, border=0)}"

    def _headline(self) -> str:
        gate = "" if self.gate_passed else " THE SAMPLER DID NOT CONVERGE: do not rely on these numbers."
        return (
            f"Forecast by {self.method} of {', '.join(self.forecast.targets)} from {len(self.rungs)} rungs of "
            f"{self.family} up to {self.last_rung}; observed scores in points.{gate}"
        )


def _intervals(low: pd.Series, high: pd.Series) -> list[str]:
    return ["–" if np.isnan(a) else f"{100 * a:.1f} to {100 * b:.1f}" for a, b in zip(low, high, strict=True)]


def _facts(stored: dict[str, Any]) -> dict[str, Any]:
    """The forecast's own facts; what the summary adds of the explanation's checks is made from it again."""
    return {name: value for name, value in stored.items() if name not in ("prior_sensitivity", "rung_check")}

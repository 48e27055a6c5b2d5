"""Fill the tables of the data card from the shipped Parquet files.

A table stands in ``CARD.md`` between ``<!-- begin name -->`` and
``<!-- end name -->``; the prose around the tables is written by hand. ::

    python -m bayes_cod.datasets.microladder.card
"""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bayes_cod.datasets.microladder.spread import DATA, shipped_spread

CARD = Path(__file__).parent / "CARD.md"
MIXTURE_COLUMNS = ("mix_arithmetic", "mix_strings", "mix_logic")


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown table of strings."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def runs_table(models: pd.DataFrame) -> str:
    """All runs with their size, compute, seed, schedule, mixture and wall time."""
    header = (
        "model",
        "part",
        "split",
        "params",
        "tokens",
        "FLOPs",
        "seed",
        "schedule",
        "mixture",
        "arithmetic / strings / logic",
        "wall s",
    )
    rows = [
        (
            row["model"],
            row["part"],
            row["split"],
            f"{row['params']:,}",
            f"{row['tokens']:,}",
            f"{row['flops']:.3g}",
            str(row["seed"]),
            row["schedule"],
            row["mixture"],
            " / ".join(f"{row[column]:.2f}" for column in MIXTURE_COLUMNS),
            f"{row['wall_seconds']:.0f}",
        )
        for row in models.to_dict("records")
    ]
    return markdown(header, rows)


def parts_table(models: pd.DataFrame) -> str:
    """Number of runs, compute and wall time of each part."""
    rows = [
        (
            str(part),
            str(split),
            str(len(group)),
            str(group.width.nunique()),
            f"{group.flops.min():.2g} to {group.flops.max():.2g}",
            f"{group.flops.sum():.3g}",
            f"{group.wall_seconds.sum() / 60:.1f}",
        )
        for (part, split), group in models.groupby(["part", "split"], sort=False)
    ]
    header = ("part", "split", "runs", "sizes", "FLOPs per run", "FLOPs in all", "wall min in all")
    return markdown(header, rows)


def benchmarks_table(models: pd.DataFrame, benchmarks: pd.DataFrame, scores: pd.DataFrame) -> str:
    """Benchmarks, and mean score over seeds at each rung of the main part."""
    final = scores[scores.is_final].merge(models[models.part == "main"], on="model")
    means = final.pivot_table(index="benchmark", columns="width", values="score", sort=True)
    header = ("benchmark", "domain", "chance", "question", *(f"w{width}" for width in means))
    rows = [
        (
            row["benchmark"],
            row["domain"],
            f"{row['chance']:g}",
            row["description"],
            *(f"{value:.3f}" for value in means.loc[row["benchmark"]]),
        )
        for row in benchmarks.to_dict("records")
    ]
    return markdown(header, rows)


def spread_rows() -> str:
    """Spread between seeds of each width that has several."""
    header = ("width", "FLOPs", "seeds", "loss: sd", "loss: range", "score: sd", "score: range")
    columns = ("loss_sd", "loss_range", "score_sd", "score_range")
    rows = [
        (str(row["width"]), f"{row['flops']:.3g}", str(row["seeds"]), *(f"{row[column]:.3f}" for column in columns))
        for row in shipped_spread().dropna().to_dict("records")
    ]
    return markdown(header, rows)


def card_tables() -> dict[str, str]:
    """Tables of the card by name."""
    models, benchmarks, scores = (
        pd.read_parquet(DATA / f"{name}.parquet") for name in ("models", "benchmarks", "scores")
    )
    return {
        "parts": parts_table(models),
        "benchmarks": benchmarks_table(models, benchmarks, scores),
        "spread": spread_rows(),
        "runs": runs_table(models),
    }


def fill(card: str, tables: dict[str, str]) -> str:
    """Replace the tables of a card.

    Parameters
    ----------
    card : str
        Text with one pair of marks for each table.
    tables : dict of str to str
        Markdown tables by name.

    Returns
    -------
    str
        The same text with the given tables between the marks.
    """
    for name, table in tables.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), flags=re.DOTALL)
        card, found = pattern.subn(f"{begin}\n{table}\n{end}", card)
        if found != 1:
            raise ValueError(f"The card needs exactly one table marked {name!r}, it has {found}.")
    return card


if __name__ == "__main__":
    CARD.write_text(fill(CARD.read_text(encoding="utf-8"), card_tables()), encoding="utf-8")

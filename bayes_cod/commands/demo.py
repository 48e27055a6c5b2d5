"""`bayes-cod demo`: targets of a bundled ladder, forecast and set beside the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from bayes_cod.commands.console import screen, stage
from bayes_cod.commands.forecast import carry_out
from bayes_cod.commands.options import check_seed, open_ladder
from bayes_cod.ladder.request import make_request
from bayes_cod.results.files import check_folder


@dataclass(frozen=True)
class Demo:
    """What is forecast of a bundled ladder: the targets of a family, by a method."""

    family: str
    targets: tuple[str, ...]
    method: str


DEMOS = {
    "microladder": Demo("micro-s0", ("w104-s0", "w128-s0"), "bayes-cod"),
    "leaderboard": Demo("qwen1.5", ("Qwen1.5-14B",), "bayes-cod"),
}


def demo(
    ladder: Annotated[
        Literal["microladder", "leaderboard"],
        typer.Option(
            help="microladder: character models trained for this, their tasks from chance to perfect. leaderboard: "
            "public language models (Qwen1.5 up to 7B, for its 14B), with a benchmark that never leaves chance."
        ),
    ] = "microladder",
    out: Annotated[Path, typer.Option(help="Folder for the results; made if missing.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="The same seed gives the same numbers.")] = 0,
) -> None:
    """Forecast the hidden larger models of a bundled ladder and set the truth beside the intervals.

    Both ladders are measured: what their larger models really scored is known, and is not looked at before the forecast
    is made.

    For example:

      bayes-cod demo --out demo

      bayes-cod demo --ladder leaderboard --out demo
    """
    check_folder(out)
    check_seed(seed)
    chosen = DEMOS[ladder]
    with stage(f"reading the {ladder}"):
        request = make_request(open_ladder(ladder), family=chosen.family, targets=chosen.targets)
    names = " and ".join(chosen.targets)
    screen().print(
        f"The scores of {names} are hidden and forecast from {len(request.rungs)} smaller models.", markup=False
    )
    carry_out(request, chosen.method, seed, {}, {"ladder": ladder, "pool": "none"}, out)

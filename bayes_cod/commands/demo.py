"""`bayes-cod demo`: the bundled micro ladder's targets, forecast and set beside the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bayes_cod.commands.console import screen, stage
from bayes_cod.commands.forecast import carry_out
from bayes_cod.commands.options import BUNDLED, check_seed, open_ladder
from bayes_cod.ladder.request import make_request
from bayes_cod.results.files import check_folder

FAMILY = "micro-s0"


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results; made if missing.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="The same seed gives the same numbers.")] = 0,
) -> None:
    """Forecast the targets of the bundled micro ladder and set the truth beside the intervals.

    The micro ladder is a measured ladder of character-level language models, small enough to have been trained
    up to its targets, so the forecasts can be held against what they really scored.

    For example:

      bayes-cod demo --out demo
    """
    check_folder(out)
    check_seed(seed)
    with stage("reading the micro ladder"):
        ladder = open_ladder(BUNDLED)
        rungs = ladder.rungs(FAMILY)
        targets = [str(name) for name in rungs.loc[rungs["split"] == "target", "model"]]
        request = make_request(ladder, family=FAMILY, targets=targets)
    screen().print(
        f"The targets {' and '.join(targets)} are hidden; "
        f"their scores are forecast from {len(request.rungs)} smaller models.",
        markup=False,
    )
    carry_out(request, "bayes-cod", seed, {}, {"pool": "none"}, out)

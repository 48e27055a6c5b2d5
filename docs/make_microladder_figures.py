"""Draw the figures of `docs/microladder.md` from the bundled data: ``python docs/make_microladder_figures.py``."""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from bayes_cod.datasets import microladder
from bayes_cod.datasets.microladder.spread import shipped_spread
from bayes_cod.plots.microladder import plot_losses, plot_scores, plot_spread
from bayes_cod.plots.style import PAPER

HERE = Path(__file__).parent


def figures() -> dict[str, Figure]:
    """All figures by the end of their file's name."""
    ladder = microladder("main")
    targets = ladder.models.loc[ladder.models["split"] == "target", "width"]
    return {
        "scores": plot_scores(ladder),
        "losses": plot_losses(microladder("checkpoints")),
        "spread": plot_spread(shipped_spread(), {int(width) for width in targets}),
    }


def main() -> None:
    """Write one SVG a figure; text becomes outlines, so that pages look the same everywhere."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE / "figures", help="folder of the figures")
    folder: Path = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures().items():
        path = folder / f"microladder_{name}.svg"
        with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "bayes-cod"}):
            figure.savefig(path, facecolor=PAPER, metadata={"Date": None})
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

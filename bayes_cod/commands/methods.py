"""`bayes-cod methods`: every method, what it is and what it needs."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from bayes_cod.commands.console import screen


def methods() -> None:
    """List every method: what it is, and what a ladder must hold for it.

    For example:

      bayes-cod methods
    """
    from bayes_cod.registry import entries
    from bayes_cod.stacking.names import STACKS

    table = Table("method", "what it is", "needs", title="Methods", title_justify="left")
    for entry in entries():
        if "+" not in entry.name:
            table.add_row(Text(entry.name), Text(entry.summary), Text(", ".join(entry.needs)))
    for name, members in STACKS.items():
        table.add_row(Text(name), Text(f"mixture of {', '.join(members)}"), Text("what its members need"))
    console = screen()
    console.print(table)
    console.print(
        "Point methods take +bootstrap or +conformal, which gives them intervals; stack:METHOD/METHOD mixes any.",
        markup=False,
        style="dim",
    )

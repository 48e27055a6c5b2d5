"""The command line `bayes-cod`: commands are in `bayes_cod.commands`, one module each."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bayes_cod import __version__
from bayes_cod.commands.backtest import backtest
from bayes_cod.commands.check import check
from bayes_cod.commands.console import print_error, screen
from bayes_cod.commands.decide import decide
from bayes_cod.commands.demo import demo
from bayes_cod.commands.forecast import forecast
from bayes_cod.commands.learn_prior import learn_prior
from bayes_cod.commands.losses import losses
from bayes_cod.commands.methods import methods
from bayes_cod.errors import BayesCodError


class _Commands(TyperGroup):
    """Turns errors that a user can act on into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BayesCodError as error:
            print_error(str(error))
            raise typer.Exit(error.exit_code) from None


app = typer.Typer(
    name="bayes-cod",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(asked: bool) -> None:
    if asked:
        screen().print(__version__)
        raise typer.Exit()


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Forecast a large language model's benchmark scores from a ladder of small models, with intervals.

    Start with `bayes-cod demo`, then `bayes-cod check` on a ladder of your own.
    Exit codes: 0 done, 2 unusable input, 3 the sampler did not converge.
    """


for command in (demo, check, forecast, backtest, methods, losses, learn_prior):
    app.command()(command)
app.add_typer(decide, name="decide")


def main() -> None:
    """Entry point of `bayes-cod`."""
    app()

"""The command line `bayes-cod`: commands are in `bayes_cod.commands`, one module each."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bayes_cod import __version__
from bayes_cod.commands.backtest import backtest
from bayes_cod.commands.check import check
from bayes_cod.commands.compare import compare
from bayes_cod.commands.config import Known, read_config
from bayes_cod.commands.console import Output, choose_output, give_up_output, print_error, print_what_fits, screen
from bayes_cod.commands.decide import decide
from bayes_cod.commands.demo import demo
from bayes_cod.commands.forecast import forecast
from bayes_cod.commands.learn_prior import learn_prior
from bayes_cod.commands.losses import losses
from bayes_cod.commands.methods import methods
from bayes_cod.commands.report import report
from bayes_cod.errors import BayesCodError, InputErrors

ANYWHERE = ("--json", "--quiet")
"""Options of all commands, which may stand before or after the command's name."""


class _Commands(TyperGroup):
    """Turns errors that a user can act on into one line and an exit code."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Let options of all commands stand anywhere on the line, up to ``--``."""
        own = args[: args.index("--")] if "--" in args else args
        first = [word for word in own if word in ANYWHERE]
        return list(
            super().parse_args(ctx, [*first, *[word for word in own if word not in ANYWHERE], *args[len(own) :]])
        )

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BayesCodError as error:
            for line in str(error).split("\n") if isinstance(error, InputErrors) else [str(error)]:
                print_error(line)
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
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Answer with one JSON document on standard output (any command, anywhere).")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print nothing but errors (any command, anywhere); files are written.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Defaults of options, a section a command. Left out: bayes-cod.toml in this folder, if there is one.",
            metavar="FILE",
        ),
    ] = None,
) -> None:
    """Forecast a large language model's benchmark scores from a ladder of small models, with intervals.

    Start with `bayes-cod demo`, then `bayes-cod check` on a ladder of your own.
    What is chosen every time can stand in bayes-cod.toml: a section [forecast] with the line draws = 500, say.
    Exit codes: 0 done, 2 unusable input, 3 the sampler did not converge.
    """
    choose_output(Output(json=json, quiet=quiet))
    try:
        ctx.default_map = read_config(config, _options_of(ctx.command))
    except BayesCodError as error:  # raised before the group's own handling
        print_error(str(error))
        raise typer.Exit(error.exit_code) from None


def _options_of(group: Any) -> Known:
    """Names of every command's options; of groups of commands likewise."""
    return {
        name: _options_of(command)
        if hasattr(command, "commands")
        else frozenset(option.name for option in command.params)
        for name, command in group.commands.items()
    }


for command in (demo, check, forecast, report, compare, backtest, methods, losses, learn_prior):
    app.command()(command)
app.add_typer(decide, name="decide")


def main() -> None:
    """Entry point of `bayes-cod`."""
    print_what_fits()
    try:
        app()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EPIPE, errno.EIO):
            raise
        give_up_output()
        if error.errno != errno.EPIPE:
            print_error(
                f"standard output can't be written to ({error.strerror}); what was asked for is done or not at all"
            )
        sys.exit(2)

"""The command line `bayes-cod`: commands are in `bayes_cod.commands`, one module each."""

from __future__ import annotations

import errno
import sys
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from bayes_cod import __version__
from bayes_cod.commands.config import FILE, Known, read_config
from bayes_cod.commands.console import Output, choose_output, give_up_output, print_error, print_what_fits, screen
from bayes_cod.errors import BayesCodError, InputErrors

INTERRUPTED = 130
ANYWHERE = ("--json", "--quiet")
"""Options of all commands, which may stand before or after the command's name."""


class Later(TyperCommand):
    """A command whose module is imported when the command is run, not when it is listed.

    Parameters
    ----------
    name, help
        As in the list of commands.
    """

    def __init__(self, name: str, help: str) -> None:
        super().__init__(name, help=help, callback=None, params=[])
        self._place = "import_logs" if name == "import" else name.replace("-", "_")

    @cached_property
    def itself(self) -> Any:
        """The command: what its module makes it."""
        found = getattr(import_module(f"bayes_cod.commands.{self._place}"), self._place)
        if isinstance(found, typer.Typer):
            return get_group(found)
        alone = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
        alone.command(self.name)(found)
        return get_command(alone)

    def make_context(self, info_name: Any, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Context of the command itself, by which it is run."""
        return self.itself.make_context(info_name, args, parent=parent, **extra)


HELP = {
    "demo": "Forecast the hidden larger models of a bundled ladder and set the truth beside the intervals.",
    "check": "Read a ladder and tell what can be forecast from it.",
    "forecast": "Forecast the scores of larger models, with intervals.",
    "report": "Write the report of a saved forecast, as a page, as Markdown or as JSON.",
    "compare": "Set saved forecasts of the same targets and benchmarks side by side.",
    "backtest": "Forecast larger models of a ladder from its smaller ones, and score the forecasts.",
    "methods": "List every method: what it is, and what a ladder must hold for it.",
    "losses": "Forecast the loss of every validation domain from mixture, size and tokens; "
    "without mixtures, their mean.",
    "learn-prior": "Learn a prior for the method bayes-cod from families with results, for "
    "forecasts of another family.",
    "monitor": "Tell whether a large run is on track: what was observed in its bands, an alarm, "
    "and the end as forecast now.",
    "score": "Judge a forecast by the truth: error, CRPS and coverage beside two baselines', "
    "and the regret of the decision.",
    "import": "Read the logs of evaluation harnesses and write a ladder's tables.",
    "decide": "Decide what to train, given forecasts.",
}
"""In the order of the list of commands; a test holds their help against the commands' own."""


class _Commands(TyperGroup):
    """Commands imported when they are run; errors that a user can act on in one line, with an exit code."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: Later(name, help) for name, help in HELP.items()}

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
        except KeyboardInterrupt:
            print_error("interrupted; what was asked for is done or not at all")
            raise typer.Exit(INTERRUPTED) from None


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
    r"""Forecast a large language model's benchmark scores from a ladder of small models, with intervals.

    Start with `bayes-cod demo`, then `bayes-cod check` on a ladder of your own.
    What is chosen every time can stand in bayes-cod.toml: a section \[forecast] with the line draws = 500, say.
    Exit codes: 0 done, 2 unusable input, 3 the sampler did not converge.
    """
    choose_output(Output(json=json, quiet=quiet))
    try:
        if config or Path(FILE).is_file():
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
        for name, command in ((name, getattr(listed, "itself", listed)) for name, listed in group.commands.items())
    }


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

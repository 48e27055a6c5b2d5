"""Starting: what is imported when, and the list of commands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from bayes_cod.cli import HELP, INTERRUPTED, Later, app

HEAVY = {"numpy", "pandas", "scipy", "sklearn", "xarray", "pymc", "pytensor", "numba", "matplotlib", "duckdb"}


@pytest.mark.parametrize(
    "code", ["import bayes_cod", "import sys; sys.argv[1:] = ['--help']\nfrom bayes_cod.cli import main\nmain()"]
)
def test_nothing_heavy_is_imported_at_the_start(code: str) -> None:
    asked = f"import atexit, sys\natexit.register(lambda: print('loaded:', *sys.modules))\n{code}"
    printed = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert not HEAVY & set(printed.split("loaded:")[1].split())


@pytest.mark.parametrize("name", HELP)
def test_the_list_of_commands_says_what_the_command_says(name: str) -> None:
    command = Later(name, HELP[name]).itself
    assert " ".join(command.help.split("\n\n")[0].split()) == HELP[name]
    assert command.name == name or name == "decide"


def test_all_commands_are_listed_and_an_unknown_one_is_refused() -> None:
    listed = CliRunner().invoke(app, ["--help"])
    assert listed.exit_code == 0 and all(f"│ {name} " in listed.stdout for name in HELP)
    assert CliRunner().invoke(app, ["forcast"]).exit_code == 2
    assert set(get_command(app).commands) == set(HELP)


def test_an_interrupt_is_one_line_and_exit_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    alone = typer.Typer()
    alone.command("methods")(stop)
    monkeypatch.setattr(Later, "itself", get_command(alone))
    result = CliRunner().invoke(app, ["methods"])
    assert result.exit_code == INTERRUPTED == 130
    assert len(result.stderr.strip().splitlines()) == 1 and "interrupted" in result.stderr


@pytest.mark.slow
def test_a_forecast_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    code = "from bayes_cod.cli import main; print('ready', flush=True); main()"
    command = [sys.executable, "-c", code, "demo", "--out", "out"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(4.0)
    for _ in range(20):  # Python loses an interrupt that arrives within a callback of the compiler
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
            break
    _, errors = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, errors
    said = [line for line in errors.splitlines() if line and not line.startswith(("reading ", "fitting ", "writing "))]
    assert len(said) == 1 and said[0].startswith("error: interrupted"), errors
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())

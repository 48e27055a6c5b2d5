"""`decide mixture` and `losses` from the command line, without sampling where it can be avoided."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bayes_cod.cli import app
from bayes_cod.errors import InputError
from bayes_cod.readers.tables.targets import read_targets

MIXED = "model,family,flops\na,f,1e18\nb,f,1e18\n"
TARGETS = "run,params,tokens,mix_web,mix_code\nbig,1e9,2e10,0.5,0.5\nbig,1e9,4e10,0.5,0.5\nother,1e9,2e10,0.1,0.9\n"


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("command", [("decide", "mixture"), ("losses",), ("decide",)])
def test_help_has_examples(command: tuple[str, ...]) -> None:
    code, stdout, _ = run(*command, "--help")
    assert code == 0
    assert f"bayes-cod {' '.join(command)}" in stdout


def test_targets_of_a_table(tmp_path: Path) -> None:
    file = tmp_path / "targets.csv"
    file.write_text(TARGETS)
    found = read_targets(file)
    assert [target.name for target in found] == ["big@2e+10", "big@4e+10", "other"]
    assert found[1].flops == pytest.approx(6 * 1e9 * 4e10)
    assert found[2].mixture == {"web": 0.1, "code": 0.9}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("run,params,tokens\nbig,1e9,2e10\n", "needs the columns"),
        (TARGETS.replace("0.1,0.9", "0.1,0.2"), r"sums to 0\.3"),
        (TARGETS.replace("other,1e9", "other,"), "compute of 'other' is unknown"),
    ],
)
def test_unusable_tables_of_targets(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "targets.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_targets(file)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--at-least", "code"), "--at-least is 'code'; give NAME=NUMBER"),
        (("--current", "web=0.5", "--current", "web=0.5"), "names 'web' twice"),
        (("--cut", "nobody"), "unknown model 'nobody'"),
    ],
)
def test_decide_refuses_in_one_line(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    base = ("decide", "mixture", "microladder:mixtures", "--params", "4e4", "--tokens", "8e6", "--out", tmp_path / "o")
    code, _, stderr = run(*base, *arguments)
    assert code == 2
    assert message in stderr
    assert len(stderr.strip().splitlines()) == 1
    assert not (tmp_path / "o").exists()


def test_losses_without_a_target_or_mixtures(tmp_path: Path) -> None:
    code, _, stderr = run("losses", "microladder:mixtures", "--out", tmp_path / "o")
    assert (code, "no target was given" in stderr) == (2, True)
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "models.csv").write_text(MIXED)
    (folder / "losses.csv").write_text("model,domain,loss\na,x,2.0\nb,x,2.1\n")
    code, _, stderr = run("losses", folder, "--target", "a", "--out", tmp_path / "o")
    assert code == 2
    assert "needs 3 runs of different compute" in stderr  # without mixtures a law of size and tokens is fitted


def test_an_unknown_part_of_the_micro_ladder(tmp_path: Path) -> None:
    code, _, stderr = run("check", "microladder:nonsense")
    assert code == 2
    assert "no part 'nonsense'" in stderr

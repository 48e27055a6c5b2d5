"""The registry of methods."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bayes_cod import published
from bayes_cod import registry as methods
from bayes_cod.errors import InputError
from bayes_cod.evaluation import jobs
from bayes_cod.forecasts.forecaster import Forecaster


def test_kinds() -> None:
    assert methods.names("baselines") == [*published.REGISTRY, *published.GUESSES]
    assert set(methods.names("all")) == set(published.names())
    assert methods.names("bayesian") == ["bayes-cod", "bayes-flp", "bayes-flpm"]
    with pytest.raises(InputError, match="unknown kind of method 'some'"):
        methods.names("some")


@pytest.mark.parametrize("name", ["exponential", "last-rung", "exponential+bootstrap", "cod+conformal"])
def test_point_methods_are_made_by_name(name: str) -> None:
    made = methods.make(name, 3)
    assert isinstance(made, Forecaster) and made.name == name


def test_lists_are_resolved_in_order_and_once() -> None:
    assert methods.resolve(["fp, cod", "fp"]) == ["fp", "cod"]
    assert methods.resolve(["bayesian", "baselines"]) == [
        *methods.names("bayesian"),
        *published.REGISTRY,
        *published.GUESSES,
    ]
    assert methods.resolve(["exponential+bootstrap,all"])[0] == "exponential+bootstrap"


@pytest.mark.parametrize("words", [["nonsense"], ["cod,nonsense"], ["cod+magic"]])
def test_unknown_methods_are_named(words: list[str]) -> None:
    with pytest.raises(InputError, match=r"unknown method '.*'; the methods are: bayes-cod, bayes-flp, .*cod"):
        methods.resolve(words)


def test_nothing_given() -> None:
    with pytest.raises(InputError, match="no method was given"):
        methods.resolve([" , "])


def test_point_methods_take_no_settings() -> None:
    with pytest.raises(InputError, match="'cod' takes no settings; given: draws"):
        methods.make("cod", 0, draws=10)


def test_point_methods_do_not_load_pymc() -> None:
    code = (
        "import sys; from bayes_cod import registry; registry.make('cod+bootstrap', 0); sys.exit('pymc' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_published_methods_run_without_what_their_finished_jobs_do_not_depend_on() -> None:
    code = "import sys, bayes_cod.published; print(*(name for name in sys.modules if name.startswith('bayes_cod.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.removeprefix("bayes_cod.").replace(".", "/") for name in done.stdout.split()}
    left_out = [part.removesuffix("/").removesuffix(".py") for part in jobs._NO_INFLUENCE_ON_POINTS]
    assert not [name for name in loaded if name.startswith(tuple(left_out))]
    assert jobs.code_version(published=True) != jobs.code_version()

import numpy as np
import pytest
import reference_laws
from synthetic import FLOPS, TARGET, score_ladder

from bayes_cod import laws
from bayes_cod.errors import InputError
from bayes_cod.forecasts.forecaster import Forecaster
from bayes_cod.ladder import Target
from bayes_cod.published import GUESSES, REGISTRY, make, names

C = FLOPS / 1e18
C_TARGET = TARGET.flops / 1e18


def point(method: str, law, chance: float = 0.0, n_rungs: int = len(FLOPS)) -> tuple[float, float]:
    """Forecast and truth of one benchmark whose scores are `law(C)`."""
    ladder = score_ladder({"b": law(C[:n_rungs])}, chance, FLOPS[:n_rungs])
    return float(make(method, 0).fit(ladder).points([TARGET])[0, 0]), float(law(C_TARGET))


@pytest.mark.parametrize(("a", "b", "c", "g"), [(4.0, 0.2, 0.1, 0.0), (8.0, 0.35, 0.3, 0.25), (20.0, 0.3, 0.0, 0.1)])
def test_exponential(a: float, b: float, c: float, g: float) -> None:
    forecast, truth = point("exponential", lambda x: reference_laws.end_to_end_exponential(x, a, b, c, g), g)
    assert forecast == pytest.approx(truth, abs=1e-5)


@pytest.mark.parametrize("n_rungs", [2, 3])
def test_exponential_on_short_ladders_is_exp_of_a_power_law(n_rungs: int) -> None:
    forecast, truth = point("exponential", lambda x: reference_laws.cod_f3(x, 4.0, 0.2), 0.0, n_rungs)
    assert forecast == pytest.approx(truth, abs=1e-5)


def test_pass_rate() -> None:
    forecast, truth = point("passrate", lambda x: reference_laws.cod_f3(x, 9.0, 0.25))
    assert forecast == pytest.approx(truth, abs=1e-9)


def test_direct() -> None:
    forecast, truth = point("direct", lambda x: reference_laws.direct_power_law(x, 6.0, 0.25, 0.25), 0.25)
    assert forecast == pytest.approx(truth, abs=1e-9)


def test_direct_leaves_out_rungs_near_chance() -> None:
    def law(x: np.ndarray) -> np.ndarray:
        return np.where(x < 500, 0.25, reference_laws.direct_power_law(x, 6.0, 0.25, 0.25))

    forecast, truth = point("direct", law, 0.25)
    assert forecast == pytest.approx(truth, abs=1e-9)


def test_direct_falls_back_where_nothing_has_emerged() -> None:
    method = make("direct", 0).fit(score_ladder({"b": np.full(8, 0.25)}, 0.25))
    assert method.points([TARGET])[0, 0] == pytest.approx(0.25)
    assert "last rung unchanged" in method.solutions_[0].facts["fallback"]


def test_fp() -> None:
    forecast, truth = point("fp", lambda x: 0.05 * x**0.12)
    assert forecast == pytest.approx(truth, abs=1e-9)


@pytest.mark.parametrize(("high", "slope", "mid", "chance"), [(0.9, 1.5, 0.3, 0.0), (0.7, 2.5, -0.5, 0.25)])
def test_sigmoid(high: float, slope: float, mid: float, chance: float) -> None:
    def law(x: np.ndarray) -> np.ndarray:
        return laws.sigmoid_of_log_compute(np.log10(x / C[-1]), chance, high, slope, mid)

    forecast, truth = point("sigmoid", law, chance)
    assert forecast == pytest.approx(truth, abs=1e-4)


def test_bnsl_without_break() -> None:
    forecast, truth = point(
        "bnsl", lambda x: 1 - reference_laws.broken_power_law(x, 0.1, 2.0, 0.25, [], [], []), n_rungs=6
    )
    assert forecast == pytest.approx(truth, abs=1e-4)


def test_bnsl_with_one_break() -> None:
    def law(x: np.ndarray) -> np.ndarray:
        return 1 - reference_laws.broken_power_law(x / C[-1], 0.05, 0.35, 0.05, [0.03], [0.25], [0.4])

    forecast, truth = point("bnsl", law)
    assert forecast == pytest.approx(truth, abs=0.02)  # six parameters on eight points


def test_last_rung() -> None:
    forecast, _ = point("last-rung", lambda x: reference_laws.cod_f3(x, 9.0, 0.25))
    assert forecast == pytest.approx(reference_laws.cod_f3(C[-1], 9.0, 0.25))


@pytest.mark.parametrize("name", ["exponential", "passrate", "direct", "fp", "sigmoid", "bnsl", "last-rung"])
@pytest.mark.parametrize("n_rungs", [2, 4, 8])
@pytest.mark.parametrize("kind", ["flat", "falling", "zero", "one", "rising"])
def test_points_are_fractions_whatever_the_scores(name: str, n_rungs: int, kind: str) -> None:
    scores = {
        "flat": np.full(8, 0.3),
        "falling": np.linspace(0.5, 0.2, 8),
        "zero": np.zeros(8),
        "one": np.ones(8),
        "rising": np.linspace(0.02, 0.97, 8),
    }[kind]
    ladder = score_ladder({"b": scores[:n_rungs]}, 0.25, FLOPS[:n_rungs])
    points = make(name, 0).fit(ladder).points([TARGET, Target("near", 2e23)])
    assert points.shape == (2, 1)
    assert np.all((points >= 0) & (points <= 1))


@pytest.mark.parametrize("name", REGISTRY)
def test_every_method_is_a_forecaster_of_its_name(name: str) -> None:
    assert isinstance(make(name, 0), Forecaster)
    assert make(name, 0).name == name
    assert make(f"{name}+bootstrap", 0).name == f"{name}+bootstrap"
    assert isinstance(make(f"{name}+conformal", 0), Forecaster)


def test_names_are_those_that_make_knows() -> None:
    assert len(names()) == 3 * len(REGISTRY) + len(GUESSES)
    for name in names():
        make(name, 1)


@pytest.mark.parametrize("name", ["nonsense", "cod+nonsense", "cod+", "+bootstrap"])
def test_unknown_names_are_told_with_those_that_exist(name: str) -> None:
    with pytest.raises(InputError, match="expected one of: cod, cod-quartic"):
        make(name, 0)


def test_too_few_rungs_are_told() -> None:
    with pytest.raises(InputError, match="'exponential' needs 2 rungs, but ladder 'synthetic' has 1"):
        make("exponential", 0).fit(score_ladder({"b": np.array([0.3])}, flops=FLOPS[:1]))


def test_forecast_has_targets_benchmarks_and_distance() -> None:
    ladder = score_ladder({"x": reference_laws.cod_f3(C, 9.0, 0.25), "y": reference_laws.cod_f3(C, 5.0, 0.2)})
    forecast = make("exponential", 0).fit(ladder).forecast([TARGET])
    assert forecast.benchmarks == ["x", "y"]
    assert forecast.targets == ["target"]
    assert forecast.facts["decades"]["target"] == pytest.approx(np.log10(3.8e24 / 1.4e23))

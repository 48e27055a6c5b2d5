"""Training compute from size and tokens, active parameters and architectures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayes_cod.errors import InputError
from bayes_cod.readers.compute import Architecture, derive_compute, quantity

GPT2 = {"n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257, "gated": False}
MIXTURE = {
    "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
    "intermediate_size": 14336, "vocab_size": 32000, "num_local_experts": 8, "num_experts_per_tok": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [("7.1B", 7.1e9), ("300m", 3e8), ("2 T", 2e12), ("1.5e9", 1.5e9), (12, 12.0), ("6K", 6e3), ("1e21", 1e21)],
)
def test_quantities(text: Any, value: float) -> None:
    assert quantity(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["seven", "7,1B", "1_000", "\uff17B", "7BB", "-3", "inf"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="no number"):
        quantity(text)


def test_a_dense_model_by_hand() -> None:
    model = Architecture.of(GPT2)
    assert model is not None
    per_layer = 4 * 768**2 + 2 * 768 * 4 * 768
    assert model.active_params() == model.total_params() == 12 * per_layer + 50257 * 768
    assert model.flops_per_token() == 6 * model.active_params()


def test_attention_scores_add_with_the_sequence() -> None:
    short, long = Architecture.of(GPT2), Architecture.of(GPT2 | {"sequence_length": 1024})
    assert short is not None and long is not None
    assert long.flops_per_token() - short.flops_per_token() == pytest.approx(3 * 4 * 12 * 768 * 1024 / 2)


def test_a_mixture_of_experts_by_its_published_sizes() -> None:
    """A public 8 x 7B mixture: 12.9 billion active of 46.7 billion parameters (0.13 of them are the embedding)."""
    model = Architecture.of(MIXTURE)
    assert model is not None
    assert model.active_params() == pytest.approx(12.9e9 - 0.13e9, rel=0.01)
    assert model.total_params() == pytest.approx(46.7e9 - 0.13e9, rel=0.01)


def test_order_of_precedence() -> None:
    rows = [
        {"model": "given", "flops": "5e20", "params": "1B", "tokens": "1B"},
        {"model": "described", "params": "124M", "tokens": "1B", **GPT2},
        {"model": "sparse", "params": "47B", "active_params": "13B", "tokens": "1T"},
        {"model": "dense", "params": "2B", "tokens": "40B"},
        {"model": "unknown", "params": "2B"},
    ]
    table, notes = derive_compute(pd.DataFrame(rows))
    flops = table.set_index("model")["flops"].to_dict()
    described = Architecture.of(GPT2)
    assert described is not None
    assert flops["given"] == 5e20
    assert flops["described"] == described.flops_per_token() * 1e9
    assert flops["sparse"] == pytest.approx(6 * 13e9 * 1e12)
    assert flops["dense"] == 6 * 2e9 * 40e9
    assert np.isnan(flops["unknown"])
    assert sum("compute of" in note for note in notes) == 3
    assert any("sparse" in note and "active parameters" in note for note in notes)


def test_total_parameters_of_a_mixture_are_not_taken() -> None:
    table, notes = derive_compute(pd.DataFrame([{"model": "x", "params": "47B", "tokens": "1T", "num_experts": 8}]))
    assert table["flops"].isna().all()
    assert "unknown" in notes[0] and "active" in notes[0]


def test_experts_without_how_many_are_used() -> None:
    with pytest.raises(InputError, match="how many a token uses"):
        Architecture.of({key: value for key, value in MIXTURE.items() if key != "num_experts_per_tok"})


def test_a_text_that_is_no_number_names_its_place() -> None:
    with pytest.raises(InputError, match=r"row 3, column 'tokens': 'many' is no number"):
        derive_compute(pd.DataFrame({"model": ["a", "b"], "params": ["1B", "1B"], "tokens": ["20B", "many"]}))

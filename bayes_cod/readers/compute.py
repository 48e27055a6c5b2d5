"""Training compute from what a team knows of a model: its FLOPs, its size and tokens, or its architecture.

In order of precedence: `flops` as given; FLOPs per token by the architecture, times tokens; 6 x active parameters x
tokens; 6 x parameters x tokens. For a mixture of experts the total number of parameters is never taken for the active
one. Every derived figure is named with its formula.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.ladder.naming import some

_FACTORS = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12}
_QUANTITY = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*([KMBGT]?)\s*", re.ASCII | re.IGNORECASE)
_TRAINING = 3.0
ALIASES = {
    "active_params": ("active_params", "params_active", "n_active_params", "activated_params"),
    "hidden_size": ("hidden_size", "d_model", "n_embd", "dim"),
    "num_hidden_layers": ("num_hidden_layers", "n_layers", "n_layer", "num_layers"),
    "num_attention_heads": ("num_attention_heads", "n_heads", "n_head"),
    "num_key_value_heads": ("num_key_value_heads", "n_kv_heads"),
    "head_dim": ("head_dim",),
    "intermediate_size": ("intermediate_size", "d_ff", "ffn_hidden_size", "ffn_dim"),
    "vocab_size": ("vocab_size",),
    "sequence_length": ("sequence_length", "seq_len", "context_length", "max_position_embeddings"),
    "num_experts": ("num_experts", "num_local_experts", "n_routed_experts", "n_experts"),
    "num_experts_per_tok": ("num_experts_per_tok", "experts_per_token", "moe_top_k", "top_k"),
    "num_shared_experts": ("num_shared_experts", "n_shared_experts"),
    "moe_intermediate_size": ("moe_intermediate_size", "expert_ffn_size"),
    "gated": ("gated", "gated_mlp"),
}
"""Names of an architecture's columns, or keys of a model's ``config.json``."""


def quantity(text: Any) -> float:
    """A number that may end in K, M, B (or G) or T: ``7.1B`` is 7.1e9. NaN where the text is empty.

    Raises
    ------
    ValueError
        If it is no such number.
    """
    if text is None or (isinstance(text, float) and np.isnan(text)) or str(text).strip() in ("", "nan", "NaN", "<NA>"):
        return float("nan")
    match = _QUANTITY.fullmatch(str(text))
    if match is None:
        raise ValueError(f"'{text}' is no number such as 7.1e9 or 7.1B")
    return float(match[1]) * _FACTORS[match[2].upper()]


@dataclass(frozen=True)
class Architecture:
    """A decoder-only transformer, as far as its compute depends on it.

    Attributes
    ----------
    hidden_size, num_hidden_layers, intermediate_size, vocab_size
        Width, layers, width of the feed-forward part, tokens of the vocabulary.
    num_attention_heads, num_key_value_heads, head_dim
        Heads; key and value heads and the width of a head follow from the others where not given.
    sequence_length
        Tokens of a training sequence, for the cost of attention scores; left out of the count where 0.
    num_experts, num_experts_per_tok, num_shared_experts, moe_intermediate_size
        Routed experts of a layer (0 for a dense model), those used for a token, those that are always used, and the
        feed-forward width of one expert.
    gated
        Whether the feed-forward part has a gate (three matrices) or not (two).
    """

    hidden_size: float
    num_hidden_layers: float
    intermediate_size: float
    vocab_size: float
    num_attention_heads: float
    num_key_value_heads: float
    head_dim: float
    sequence_length: float = 0.0
    num_experts: float = 0.0
    num_experts_per_tok: float = 0.0
    num_shared_experts: float = 0.0
    moe_intermediate_size: float = 0.0
    gated: bool = True

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> Architecture | None:
        """From a table's row or a model's ``config.json``; None where width, layers or vocabulary are missing.

        Raises
        ------
        InputError
            If a value is no positive number, or experts are listed without how many a token uses.
        """
        found = {name: value for name in ALIASES if (value := _first(description, ALIASES[name])) is not None}
        if not {"hidden_size", "num_hidden_layers", "vocab_size"} <= found.keys():
            return None
        size = found["hidden_size"]
        heads = found.get("num_attention_heads", max(1.0, size / 128))
        if found.get("num_experts", 0.0) > 1 and "num_experts_per_tok" not in found:
            raise InputError(
                "the model has experts, but how many a token uses is missing; give num_experts_per_tok or active_params"
            )
        feed_forward = found.get("intermediate_size", 4.0 * size)
        return cls(
            hidden_size=size,
            num_hidden_layers=found["num_hidden_layers"],
            intermediate_size=feed_forward,
            vocab_size=found["vocab_size"],
            num_attention_heads=heads,
            num_key_value_heads=found.get("num_key_value_heads", heads),
            head_dim=found.get("head_dim", size / heads),
            sequence_length=found.get("sequence_length", 0.0),
            num_experts=found.get("num_experts", 0.0) if found.get("num_experts", 0.0) > 1 else 0.0,
            num_experts_per_tok=found.get("num_experts_per_tok", 0.0),
            num_shared_experts=found.get("num_shared_experts", 0.0),
            moe_intermediate_size=found.get("moe_intermediate_size", feed_forward),
            gated=bool(found.get("gated", 1.0)),
        )

    def active_params(self) -> float:
        """Parameters that a token passes through, with the output layer and without the embedding's look-up."""
        experts = self.num_experts_per_tok + self.num_shared_experts if self.num_experts else 0.0
        feed_forward = self._feed_forward(experts) + (self.num_experts * self.hidden_size if self.num_experts else 0.0)
        return self.num_hidden_layers * (self._attention() + feed_forward) + self.vocab_size * self.hidden_size

    def total_params(self) -> float:
        """Parameters of the same layers with every expert."""
        experts = self.num_experts + self.num_shared_experts
        feed_forward = self._feed_forward(experts) + (self.num_experts * self.hidden_size if self.num_experts else 0.0)
        return self.num_hidden_layers * (self._attention() + feed_forward) + self.vocab_size * self.hidden_size

    def flops_per_token(self) -> float:
        """FLOPs of training for one token: forward and twice that backward.

        Two FLOPs a parameter that the token passes through, and 2 x 2 x layers x heads x head width x half the
        sequence for causal attention scores and their use.
        """
        attended = 4.0 * self.num_hidden_layers * self.num_attention_heads * self.head_dim * self.sequence_length / 2.0
        return _TRAINING * (2.0 * self.active_params() + attended)

    def _attention(self) -> float:
        queries = self.hidden_size * self.num_attention_heads * self.head_dim
        keys_and_values = 2.0 * self.hidden_size * self.num_key_value_heads * self.head_dim
        return 2.0 * queries + keys_and_values

    def _feed_forward(self, experts: float) -> float:
        matrices = 3.0 if self.gated else 2.0
        if not self.num_experts:
            return matrices * self.hidden_size * self.intermediate_size
        return experts * matrices * self.hidden_size * self.moe_intermediate_size


def _first(description: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    for name in names:
        value = description.get(name)
        if isinstance(value, bool):
            return float(value)
        try:
            number = quantity(value)
        except ValueError as error:
            raise InputError(f"{error}; correct it", column=name) from None
        if np.isfinite(number):
            if number < 0 or number > 1e15:
                raise InputError(f"{number:g} can't be a size of a model; correct it", column=name)
            return number
    return None


def derive_compute(models: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Fill missing FLOPs of a models table, and say how.

    Parameters
    ----------
    models
        model and any of flops, params, active_params, tokens and the columns of an `Architecture`; numbers or texts
        such as ``7.1B``.

    Returns
    -------
    tuple[pandas.DataFrame, list[str]]
        The table with numeric flops, params and tokens (NaN where unknown), and notes naming formulas and models.

    Raises
    ------
    InputError
        Naming row and column of a text that is no number.
    """
    table = models.copy()
    for column in ("flops", "params", "tokens"):
        table[column] = _numbers(table, column)
    active_column = next((name for name in ALIASES["active_params"] if name in table), None)
    active = _numbers(table, active_column) if active_column else pd.Series(np.nan, index=table.index)
    derived: dict[str, list[str]] = {}
    experts = _marks_experts(table)
    flops = table["flops"].to_numpy(dtype=float, copy=True)
    for position, (_, row) in enumerate(table.iterrows()):
        if np.isfinite(flops[position]) or not np.isfinite(row["tokens"]):
            continue
        architecture = Architecture.of({str(name): value for name, value in row.items()})
        size = float(active.iloc[position])
        if architecture is not None:
            flops[position] = architecture.flops_per_token() * row["tokens"]
            formula = "FLOPs per token by the architecture x tokens"
        elif np.isfinite(size):
            flops[position], formula = 6.0 * size * row["tokens"], "6 x active parameters x tokens"
        elif experts.iloc[position]:
            formula = "unknown: a mixture of experts whose active parameters are not given"
        elif np.isfinite(row["params"]):
            flops[position], formula = 6.0 * row["params"] * row["tokens"], "6 x parameters x tokens"
        else:
            continue
        derived.setdefault(formula, []).append(str(row["model"]))
    notes = [f"compute of {some(names)}: {formula}" for formula, names in derived.items()]
    return table.assign(flops=flops), notes


def _marks_experts(table: pd.DataFrame) -> pd.Series:
    """Rows that say they are mixtures of experts."""
    found = pd.Series(False, index=table.index)
    for name in ALIASES["num_experts"]:
        if name in table:
            found |= _numbers(table, name).fillna(0) > 1
    for name in ("moe", "is_moe"):
        if name in table:
            found |= table[name].astype(str).str.lower().isin(["true", "1", "yes"])
    return found


def _numbers(table: pd.DataFrame, column: str) -> pd.Series:
    if column not in table:
        return pd.Series(np.nan, index=table.index, dtype=float)
    values = []
    for position, value in enumerate(table[column]):
        try:
            values.append(quantity(value))
        except ValueError as error:
            raise InputError(f"{error}; correct it", row=position + 2, column=column) from None
    return pd.Series(values, index=table.index, dtype=float)

"""From a ladder to what the domain-loss stage is fitted on: losses of runs whose mixture, size and tokens are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder, Target

type FloatArray = NDArray[np.float64]

SHARE_FLOOR = 1e-4
"""Added to every share: a model without a token of a domain still has a finite loss on it."""

TOTAL_TOLERANCE = 0.05
SAME_MIXTURE = 1e-6

SAME_SIZE = 0.05
"""Range of log sizes below which all runs count as of one size."""

Checkpoints = Literal["final", "late"]


@dataclass(frozen=True)
class LossSettings:
    """Which losses are used.

    Attributes
    ----------
    checkpoints
        "final": the end of every run, right where the learning rate decays; "late": also checkpoints from
        `progress` of a run's tokens on, right where it does not, or where tokens vary too little otherwise.
    progress
        Earliest checkpoint, as a share of the run's tokens.
    most
        Checkpoints of a run at most, spread evenly in log tokens.
    """

    checkpoints: Checkpoints = "final"
    progress: float = 0.2
    most: int = 5


@dataclass(frozen=True)
class Points:
    """Runs (or targets) as the loss stage sees them.

    Attributes
    ----------
    shares
        ``(point, source)``, rows summing to 1.
    log_params, log_tokens
        Natural logs ``(point,)``. Where sizes or tokens are unknown both are half the log of compute.
    ahead
        Log of the run's final tokens over those at the checkpoint ``(point,)``; 0 at the end.
    run
        Number of the run ``(point,)``; checkpoints of one run share it.
    """

    shares: FloatArray
    log_params: FloatArray
    log_tokens: FloatArray
    ahead: FloatArray
    run: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.log_params)

    @property
    def log_shares(self) -> FloatArray:
        """``(point, source)``, of the shares plus the floor."""
        return np.asarray(np.log(self.shares + SHARE_FLOOR))

    @property
    def log_compute(self) -> FloatArray:
        """Log of size times tokens ``(point,)``."""
        return self.log_params + self.log_tokens

    def take(self, rows: NDArray[np.int64] | slice) -> Points:
        """Some of the points."""
        return Points(self.shares[rows], self.log_params[rows], self.log_tokens[rows], self.ahead[rows], self.run[rows])


@dataclass(frozen=True)
class LossEvidence:
    """What the domain-loss stage is fitted on.

    Attributes
    ----------
    models
        Run of every point.
    points
        Mixture, size and tokens.
    log_loss
        Log of the losses ``(point, domain)``.
    domains, sources
        Validation and training domains.
    by_compute
        Whether sizes or tokens are unknown, so that only compute counts.
    notes
        What was decided and the user should know.
    """

    models: tuple[str, ...]
    points: Points
    log_loss: FloatArray
    domains: tuple[str, ...]
    sources: tuple[str, ...]
    by_compute: bool
    notes: tuple[str, ...] = ()

    @property
    def reference(self) -> Points:
        """Mean mixture, geometric mean size and tokens, as one point."""
        shares = np.exp(self.points.log_shares.mean(axis=0))
        return Points(
            (shares / shares.sum())[None],
            self.points.log_params.mean(keepdims=True),
            self.points.log_tokens.mean(keepdims=True),
            np.zeros(1),
            np.zeros(1, dtype=np.int64),
        )

    @property
    def own(self) -> FloatArray:
        """1 where a training domain bears the name of the validation domain, ``(source, domain)``."""
        source, domain = (np.array([_plain(name) for name in names]) for names in (self.sources, self.domains))
        return np.asarray((source[:, None] == domain[None, :]).astype(float))

    @property
    def sized(self) -> bool:
        """Whether the runs differ in size."""
        return bool(np.ptp(self.points.log_params) >= SAME_SIZE)

    @property
    def n_mixtures(self) -> int:
        """Number of different mixtures."""
        return len(np.unique(np.round(self.points.shares / SAME_MIXTURE).astype(np.int64), axis=0))

    @property
    def largest(self) -> tuple[float, float]:
        """Log size and log tokens of the point with the most compute."""
        index = int(np.argmax(self.points.log_compute))
        return float(self.points.log_params[index]), float(self.points.log_tokens[index])


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def gather_losses(ladder: Ladder, settings: LossSettings, pool: Ladder | None = None) -> LossEvidence:
    """Collect the losses of a ladder's runs with their mixtures.

    Parameters
    ----------
    ladder
        With the tables losses and mixtures.
    settings
        Which checkpoints.
    pool
        Other families' runs; used too if they have losses of the same domains and a mixture.

    Returns
    -------
    LossEvidence

    Raises
    ------
    InputError
        If a table is missing, or no run has all losses and a mixture.
    """
    for table, columns in (("losses", "model, domain, loss"), ("mixtures", "model, domain, weight")):
        frame = getattr(ladder, table)
        if frame is None or frame.empty:
            raise InputError(
                f"the method 'bayes-flpm' needs a {table} table ({columns}), which ladder '{ladder.name}' lacks; "
                "add one or choose a method that works on scores"
            )
    evidence = _gather(ladder, settings)
    if pool is None or pool.losses is None or pool.mixtures is None:
        return evidence
    other_domains = set(map(str, pool.losses["domain"].unique()))
    if not set(evidence.domains) <= other_domains:
        return evidence
    other = _gather(pool, settings, domains=evidence.domains)
    sources = tuple(sorted({*evidence.sources, *other.sources}))
    if evidence.by_compute or other.by_compute:
        return replace(evidence, notes=(*evidence.notes, "other families are left out: sizes or tokens are unknown"))
    first, second = (_aligned(part, sources) for part in (evidence, other))
    joined = {name: np.concatenate([getattr(part.points, name) for part in (first, second)]) for name in _FIELDS}
    models = (*first.models, *second.models)
    return LossEvidence(
        models,
        Points(**joined, run=pd.factorize(np.array(models))[0].astype(np.int64)),
        np.concatenate([first.log_loss, second.log_loss]),
        evidence.domains,
        sources,
        by_compute=False,
        notes=(*evidence.notes, f"{len(set(other.models))} runs of other families are used too"),
    )


_FIELDS = ("shares", "log_params", "log_tokens", "ahead")


def _aligned(evidence: LossEvidence, sources: tuple[str, ...]) -> LossEvidence:
    shares = np.zeros((len(evidence.models), len(sources)))
    for column, name in enumerate(evidence.sources):
        shares[:, sources.index(name)] = evidence.points.shares[:, column]
    return replace(evidence, points=replace(evidence.points, shares=shares), sources=sources)


def _gather(ladder: Ladder, settings: LossSettings, domains: Sequence[str] | None = None) -> LossEvidence:
    assert ladder.losses is not None and ladder.mixtures is not None
    notes: list[str] = []
    wide = _wide_losses(ladder, settings, domains, notes)
    mixtures = ladder.mixtures.pivot_table(index="model", columns="domain", values="weight", observed=True)
    mixtures = mixtures.loc[mixtures.index.isin(wide["model"])].fillna(0.0)
    without = sorted(set(wide["model"]) - set(mixtures.index))
    if without:
        notes.append(f"{len(without)} runs without a mixture are left out, such as {without[0]}")
        wide = wide[~wide["model"].isin(without)]
    if wide.empty:
        raise InputError(
            f"no run of ladder '{ladder.name}' has both a mixture and a loss of every domain; give mixtures and losses "
            "under the same model names"
        )
    idle = [str(name) for name in mixtures.columns if float(mixtures[name].max()) <= 0]
    if idle:
        notes.append(f"no run was trained on {', '.join(idle)}: their worth is known from the prior alone")
    names = [column for column in wide.columns if column not in ("model", "tokens", "params", "flops", "ahead")]
    by_compute = bool(wide[["params", "tokens"]].isna().any(axis=None))
    if by_compute:
        half = 0.5 * np.log(wide["flops"].to_numpy(dtype=float))
        if not np.isfinite(half).all():
            raise InputError(f"ladder '{ladder.name}' has runs with losses whose compute is unknown; add flops")
        log_params = log_tokens = half
        notes.append("sizes or tokens are unknown, so losses follow compute alone")
    else:
        log_params = np.log(wide["params"].to_numpy(dtype=float))
        log_tokens = np.log(wide["tokens"].to_numpy(dtype=float))
    shares = mixtures.loc[wide["model"]].to_numpy(dtype=float)
    points = Points(
        shares / shares.sum(axis=1, keepdims=True),
        log_params,
        log_tokens,
        wide["ahead"].to_numpy(),
        pd.factorize(wide["model"])[0].astype(np.int64),
    )
    evidence = LossEvidence(
        tuple(map(str, wide["model"])),
        points,
        np.log(wide[names].to_numpy(dtype=float)),
        tuple(map(str, names)),
        tuple(map(str, mixtures.columns)),
        by_compute,
        tuple(notes),
    )
    return replace(evidence, notes=(*evidence.notes, *_thin_evidence(evidence)))


def _thin_evidence(evidence: LossEvidence) -> list[str]:
    """What rests on the prior because the runs don't tell."""
    found = []
    n_runs, n_sources = len(set(evidence.models)), len(evidence.sources)
    if evidence.n_mixtures == 1:
        found.append("all runs share one mixture: what another mixture does rests on the prior alone")
    elif evidence.n_mixtures <= n_sources:
        found.append(
            f"{evidence.n_mixtures} mixtures of {n_sources} training domains: what each domain does rests in part on "
            "the prior"
        )
    if not evidence.sized:
        found.append(f"{n_runs} runs of one size: how losses fall with size rests on the prior alone")
    return found


def _wide_losses(
    ladder: Ladder, settings: LossSettings, domains: Sequence[str] | None, notes: list[str]
) -> pd.DataFrame:
    """One row a run and checkpoint: model, tokens, params, flops, ahead, then a column a domain."""
    assert ladder.losses is not None
    losses = ladder.losses if domains is None else ladder.losses[ladder.losses["domain"].isin(list(domains))]
    facts = ladder.models.set_index("model")
    losses = losses[losses["model"].isin(facts.index)]
    tokens = losses["tokens"] if "tokens" in losses else losses["model"].map(facts["tokens"])
    losses = losses.assign(tokens=tokens.astype(float).fillna(losses["model"].map(facts["tokens"]).astype(float)))
    if settings.checkpoints == "final":
        losses = losses[losses["is_final"]]
    keyed = losses.assign(key=losses["tokens"].fillna(-1.0))
    wide: pd.DataFrame = keyed.pivot_table(
        index=["model", "key"], columns="domain", values="loss", observed=True, aggfunc="mean"
    )
    complete = wide.notna().all(axis=1)
    if not complete.all():
        notes.append(f"{int((~complete).sum())} of {len(wide)} rows of losses lack a domain and are left out")
    wide = wide[complete].reset_index()
    wide.columns = [str(name) for name in wide.columns]
    wide = wide.rename(columns={"key": "tokens"})
    wide["tokens"] = wide["tokens"].where(wide["tokens"] > 0)
    wide["params"] = wide["model"].map(facts["params"]).astype(float)
    wide["flops"] = wide["model"].map(facts["flops"]).astype(float)
    last = wide.groupby("model")["tokens"].transform("max")
    wide["ahead"] = np.log((last / wide["tokens"]).fillna(1.0).to_numpy(dtype=float))
    return wide if settings.checkpoints == "final" else _late(wide, settings)


def _late(wide: pd.DataFrame, settings: LossSettings) -> pd.DataFrame:
    kept = wide[wide["ahead"] <= -np.log(settings.progress) + 1e-9].sort_values(["model", "tokens"])
    chosen = []
    for _, rows in kept.groupby("model", sort=False):
        wanted = np.linspace(rows["ahead"].max(), 0.0, min(settings.most, len(rows)))
        nearest = np.unique(np.abs(rows["ahead"].to_numpy()[:, None] - wanted[None, :]).argmin(axis=0))
        chosen.append(rows.iloc[nearest])
    late: pd.DataFrame = pd.concat(chosen, ignore_index=True) if chosen else kept
    return late


def check_mixture(mixture: dict[str, float] | None, evidence: LossEvidence, name: str) -> FloatArray:
    """Shares of a target's mixture in the order of the sources, summing to 1.

    Raises
    ------
    InputError
        If it is missing although the runs' mixtures differ, names a domain no run lists, has a share outside [0, 1],
        or does not sum to 1.
    """
    listed = ", ".join(evidence.sources)
    if mixture is None:
        if evidence.n_mixtures == 1:
            return np.asarray(evidence.points.shares[0])
        raise InputError(f"target '{name}' has no mixture, and the runs' mixtures differ; give its shares of: {listed}")
    unknown = sorted(set(mixture) - set(evidence.sources))
    if unknown:
        raise InputError(f"the mixture of '{name}' has the domain '{unknown[0]}', which no run lists; known: {listed}")
    shares = np.array([float(mixture.get(source, 0.0)) for source in evidence.sources])
    if not np.isfinite(shares).all() or (shares < 0).any():
        raise InputError(f"the mixture of '{name}' has a share that is negative or not finite; give shares in 0 to 1")
    total = float(shares.sum())
    if abs(total - 1) > TOTAL_TOLERANCE:
        raise InputError(f"the mixture of '{name}' sums to {total:.4g}, expected 1; give shares of the training tokens")
    return np.asarray(shares / total)


def target_points(targets: Sequence[Target], evidence: LossEvidence) -> tuple[Points, tuple[str, ...]]:
    """Targets as the loss stage sees them, and what was assumed about them.

    A target without size or tokens keeps the tokens per parameter of the largest run.
    """
    shares = np.stack([check_mixture(target.mixture, evidence, target.name) for target in targets])
    log_params, log_tokens, notes = np.zeros(len(targets)), np.zeros(len(targets)), []
    for row, target in enumerate(targets):
        if evidence.by_compute:
            log_params[row] = log_tokens[row] = 0.5 * np.log(target.flops)
        elif target.params is not None and target.tokens is not None:
            log_params[row], log_tokens[row] = np.log(target.params), np.log(target.tokens)
        else:
            params, tokens = evidence.largest
            log_params[row] = 0.5 * (np.log(target.flops / 6) + params - tokens)
            log_tokens[row] = log_params[row] - params + tokens
            notes.append(f"{target.name}: size or tokens not given; as many tokens a parameter as the largest run")
    return Points(shares, log_params, log_tokens, np.zeros(len(targets)), np.arange(len(targets))), tuple(notes)

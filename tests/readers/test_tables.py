"""Tables on disk: every layout the data guide names, and the real folders as they are."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import MODELS, items_text, write_ladder

from bayes_cod import read as read_ladder

FOLDERS = {  # name: (families with two rungs, benchmarks, tables besides models)
    "base_items": (5, 5, {"items"}),
    "code_items": (7, 9, {"items"}),
    "instruct_items": (7, 37, {"items"}),
    "mixture_losses": (0, 0, {"losses", "mixtures"}),
    "olmo_ladder": (1, 20, {"scores", "losses"}),
    "open_model_tasks": (30, 123, {"scores"}),
    "openlm_overtrain": (3, 46, {"scores", "losses"}),
    "pythia_checkpoint_tasks": (3, 130, {"scores"}),
    "pythia_sampling_items": (1, 2, {"items"}),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_real_folders_load_as_they_are(name: str, shared: Path) -> None:
    folder = shared / "data" / name
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}")
    ladder = read_ladder(folder)
    families, benchmarks, tables = FOLDERS[name]
    rungs = ladder.rungs()["family"].value_counts()
    assert int((rungs >= 2).sum()) >= families
    assert len(ladder.benchmark_names) == benchmarks
    present = {table for table in ("items", "scores", "losses", "mixtures") if getattr(ladder, table) is not None}
    assert present == tables
    assert ladder.models["model"].is_unique
    assert (ladder.models["flops"].dropna() > 0).all()
    if benchmarks:
        assert ladder.observed_scores["score"].between(0, 1).all()


def test_csv_gzip_and_parquet_are_one(tmp_path: Path) -> None:
    plain = read_ladder(write_ladder(tmp_path / "a"))
    packed = write_ladder(tmp_path / "b", arith=None, **{"arith.csv.gz": gzip.compress(items_text().encode())})
    table = pd.read_csv(tmp_path / "a" / "arith.csv")
    parquet = write_ladder(tmp_path / "c", arith=None)
    table.to_parquet(parquet / "arith.parquet")
    assert read_ladder(packed).data_hash() == read_ladder(parquet).data_hash() == plain.data_hash()


def test_a_file_alone_can_be_a_ladder(tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    file.write_text("run,task,acc,params,tokens\na,t,0.1,1e6,1e9\nb,t,0.2,1e7,1e9\n")
    ladder = read_ladder(file)
    assert ladder.name == "runs"
    assert list(ladder.rungs()["flops"]) == pytest.approx([6e15, 6e16])
    assert ladder.families == ["all"]
    assert ladder.truth("b", "t") == 0.2


def test_compute_from_size_and_tokens_where_not_given(tmp_path: Path) -> None:
    models = MODELS.replace("tiny,fam,1e18,1e6,1e9", "tiny,fam,,1e6,1e9")
    ladder = read_ladder(write_ladder(tmp_path / "l", models=models))
    assert ladder.target("tiny").flops == pytest.approx(6e15)


def test_settings_from_a_column(tmp_path: Path) -> None:
    table = items_text().replace("chance", "setting").replace(",0.1\n", ",temp1\n")
    ladder = read_ladder(write_ladder(tmp_path / "l", arith=table))
    assert ladder.benchmark_names == ["arith@temp1", "logic"]


def test_several_shots_become_benchmarks(tmp_path: Path) -> None:
    rows = ["model,benchmark,shots,score,flops"]
    rows += [f"m{i},t,{shots},0.{i}{shots},1e{18 + i}" for i in (1, 2) for shots in (0, 5)]
    file = tmp_path / "s.csv"
    file.write_text("\n".join(rows))
    ladder = read_ladder(file)
    assert ladder.benchmark_names == ["t@0shot", "t@5shot"]
    assert "separate benchmarks" in ladder.notes[0]


def test_the_last_checkpoint_is_final(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text("model,benchmark,tokens,score,params\na,t,1e8,0.1,1e6\na,t,1e9,0.4,1e6\nb,t,1e9,0.5,1e7\n")
    ladder = read_ladder(file)
    assert ladder.truth("a", "t") == 0.4
    assert ladder.target("a").flops == pytest.approx(6e15)


def test_untrained_checkpoints_are_set_aside_with_a_note(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text("model,benchmark,step,tokens,flops,score\na,t,0,0,0,0.1\na,t,9,1e9,1e18,0.4\n")
    with_tokens = file.read_text().replace(",0,0,0,0.1", ",0,,0,0.1")
    file.write_text(with_tokens)
    ladder = read_ladder(file)
    assert ladder.scores is not None and len(ladder.scores) == 1
    assert "step 0" in ladder.notes[0]


def test_losses_and_mixtures_in_one_wide_table(tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    file.write_text("model,flops,loss_web,loss_code,mix_web,mix_code\na,1e18,3.0,2.0,0.6,0.41\nb,1e19,2.5,1.8,1,0\n")
    ladder = read_ladder(file)
    assert ladder.losses is not None and ladder.mixtures is not None
    assert len(ladder.losses) == 4
    assert ladder.mixtures.groupby("model")["weight"].sum().to_numpy() == pytest.approx(1.0)
    assert ladder.target("a").mixture == pytest.approx({"web": 0.6 / 1.01, "code": 0.41 / 1.01})


def test_chance_is_joined_from_any_table(tmp_path: Path) -> None:
    arith = items_text().replace(",chance", "").replace(",0.1\n", "\n")
    ladder = read_ladder(write_ladder(tmp_path / "l", arith=arith, benchmarks="benchmark,chance\narith,0.25\n"))
    assert ladder.chance("arith") == 0.25
    assert ladder.chance("logic") == pytest.approx(0.1)
    assert np.isnan(ladder.chance("elsewhere"))


def test_hostile_names_stay_names(tmp_path: Path) -> None:
    models = MODELS + "../../etc/passwd,fam,1e23,,\n<script>alert(1)</script>,fam,1e24,,\n"
    ladder = read_ladder(write_ladder(tmp_path / "l", models=models))
    assert ladder.target("../../etc/passwd").flops == 1e23
    assert ladder.target("<script>alert(1)</script>").flops == 1e24


def test_odd_text_is_read_as_text(tmp_path: Path) -> None:
    text = items_text().replace("q0,", "007,").replace("q1,", '"a, b",').replace("q2,", "Ünïcode 問,")
    ladder = read_ladder(write_ladder(tmp_path / "l", arith="\ufeff" + text.replace("\n", "\r\n")))
    assert {"007", "a, b", "Ünïcode 問"} <= set(ladder.counts("arith", ["tiny"]).questions)

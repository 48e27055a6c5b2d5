"""Tables as teams have them: other names, shapes, units, separators and encodings, each a kind met in the wild."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import write_ladder

from bayes_cod.errors import InputError, InputErrors
from bayes_cod.ladder import Ladder
from bayes_cod.readers.tables import read_tables

MODELS = "model,family,flops\na-1,a,1e18\na-2,a,1e19\na-3,a,1e20\n"
NAMES = ("a-1", "a-2", "a-3")


def ladder(folder: Path, **files: str | bytes) -> Ladder:
    """Read a folder of these files (a name without an ending gets .csv), with a models table unless one is given."""
    texts = {"models": MODELS} | files
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        file = folder / (name if "." in name else f"{name}.csv")
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_tables(folder)


def scores_of(read: Ladder) -> dict[tuple[str, str], float]:
    table = read.observed_scores
    return {(row.model, row.benchmark): round(row.score, 6) for row in table.itertuples()}


def rows(header: str, *lines: str) -> str:
    return "\n".join([header, *lines]) + "\n"


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    "header",
    [
        "task,doc_id,model,n,c",
        "benchmark,question_id,run,n_trials,n_correct",
        "Benchmark,Question ID,Model Name,Num Trials,Num Correct",
        "eval,qid,model_id,n_samples,n_passed",
        "dataset,item,name,attempts,successes",
    ],
)
def test_items_by_the_names_of_others(header: str, tmp_path: Path) -> None:
    lines = [f"t,q{q},{model},8,{q + place}" for q in range(4) for place, model in enumerate(NAMES)]
    read = ladder(tmp_path / "l", results=rows(header, *lines))
    assert read.counts("t", NAMES).n_correct.tolist() == [[q, q + 1, q + 2] for q in range(4)]


@pytest.mark.parametrize(
    "header", ["task,model,acc", "benchmark,name,exact_match", "task,run,value", "eval,model,score"]
)
def test_scores_by_the_names_of_others(header: str, tmp_path: Path) -> None:
    lines = [f"t,{model},0.{place + 2}5" for place, model in enumerate(NAMES)]
    assert scores_of(ladder(tmp_path / "l", scores=rows(header, *lines))) == {
        (model, "t"): 0.25 + place / 10 for place, model in enumerate(NAMES)
    }


def test_the_tables_own_name_wins_over_an_alias(tmp_path: Path) -> None:
    text = rows("model,name,task,score,acc", "a-1,x,t,0.1,0.9", "a-2,y,t,0.2,0.9")
    read = ladder(tmp_path / "l", scores=text)
    assert scores_of(read) == {("a-1", "t"): 0.1, ("a-2", "t"): 0.2}
    assert any("from column 'score', not from acc" in note for note in read.notes)


def test_a_table_that_lacks_columns_is_told_what_it_is_near_to(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nearest to the table of items, which lacks: n_trials, n_correct"):
        ladder(tmp_path / "l", results=rows("benchmark,question_id,model,points", "t,q,a-1,3"))


# ---------------------------------------------------------------- shapes


def test_one_row_a_trial_is_counted(tmp_path: Path) -> None:
    lines = [f"t,q{q},{m},{k},{int(k < q)}" for q in range(3) for m in NAMES for k in range(4)]
    read = ladder(tmp_path / "l", samples=rows("task,doc_id,model,trial,correct", *lines))
    counts = read.counts("t", NAMES)
    assert counts.n_trials.tolist() == [[4] * 3] * 3
    assert counts.n_correct.tolist() == [[q] * 3 for q in range(3)]
    assert any("36 rows of one trial each were counted: 4 trials" in note for note in read.notes)


@pytest.mark.parametrize(
    "right, wrong", [("1", "0"), ("True", "False"), ("correct", "incorrect"), ("C", "I"), ("1.0", "0.0")]
)
def test_right_and_wrong_in_several_words(right: str, wrong: str, tmp_path: Path) -> None:
    lines = [f"t,q{q},{m},{right if q < 2 else wrong}" for q in range(5) for m in NAMES]
    read = ladder(tmp_path / "l", samples=rows("task,doc_id,model,acc", *lines))
    assert scores_of(read) == {(m, "t"): 0.4 for m in NAMES}


def test_a_repeated_trial_and_an_unscored_one_are_refused(tmp_path: Path) -> None:
    header = "task,doc_id,model,trial,correct"
    with pytest.raises(InputError, match="row 3, column 'trial': repeats a trial"):
        ladder(tmp_path / "a", samples=rows(header, "t,q,a-1,0,1", "t,q,a-1,0,0"))
    with pytest.raises(InputError, match="row 3, column 'correct': 1 answers are neither right nor wrong"):
        ladder(tmp_path / "b", samples=rows(header, "t,q,a-1,0,1", "t,q,a-1,1,"))
    with pytest.raises(InputError, match=r"'0.5' is neither right nor wrong"):
        ladder(tmp_path / "c", samples=rows(header, "t,q,a-1,0,1", "t,q,a-1,1,0.5"))


def test_a_rate_with_trials_becomes_a_count(tmp_path: Path) -> None:
    lines = [f"t,q{q},{m},8,{q / 8}" for q in range(4) for m in NAMES]
    read = ladder(tmp_path / "l", items=rows("task,doc_id,model,n_trials,pass_rate", *lines))
    assert read.counts("t", NAMES).n_correct[:, 0].tolist() == [0, 1, 2, 3]


def test_one_column_a_benchmark(tmp_path: Path) -> None:
    text = rows("model,family,flops,lr,arith,logic", "a-1,a,1e18,0.1,.2,.4", "a-2,a,1e19,0.2,.3,.5", "a-3,a,1e20,0.3,,")
    (tmp_path / "wide.csv").write_text(text)
    read = read_tables(tmp_path / "wide.csv")
    assert scores_of(read) == {
        ("a-1", "arith"): 0.2,
        ("a-1", "logic"): 0.4,
        ("a-2", "arith"): 0.3,
        ("a-2", "logic"): 0.5,
    }
    assert [target.name for target in read.larger_models("a", 1e19)] == ["a-3"], "a target without a score stays"
    assert any("arith, logic were read as scores" in note for note in read.notes)


def test_columns_that_look_like_scores_beside_results_are_told(tmp_path: Path) -> None:
    models = rows("model,family,flops,arith", "a-1,a,1e18,0.2", "a-2,a,1e19,0.4")
    read = ladder(tmp_path / "l", models=models, scores=rows("model,task,acc", "a-1,t,0.1", "a-2,t,0.2"))
    assert read.benchmark_names == ["t"]
    assert any("columns arith are not read" in note for note in read.notes)


@pytest.mark.parametrize("name", ["acc", "pass@1"])
def test_metrics_are_never_averaged(name: str, tmp_path: Path) -> None:
    other = {"acc": "acc_norm", "pass@1": "pass@8"}[name]
    lines = [
        f"{m},t,{metric},{v}" for m in NAMES for metric, v in ((name, 0.3), (other, 0.5), (f"{name}_stderr", 0.01))
    ]
    read = ladder(tmp_path / "l", scores=rows("model,benchmark,metric,score", *lines))
    assert scores_of(read) == {(m, f"t@{metric}"): v for m in NAMES for metric, v in ((name, 0.3), (other, 0.5))}
    assert any("_stderr set aside" in note for note in read.notes)
    assert any("separate benchmarks, named task@<metric>" in note for note in read.notes)


def test_one_metric_leaves_the_name_alone(tmp_path: Path) -> None:
    lines = [f"{m},{t},{metric},0.3" for m in NAMES for t, metric in (("t", "acc"), ("u", "f1"))]
    assert ladder(tmp_path / "l", scores=rows("model,task,metric,value", *lines)).benchmark_names == ["t", "u"]


def test_filters_and_metrics_together(tmp_path: Path) -> None:
    cells = [("em", "strict", 0.2), ("em", "flexible", 0.4), ("f1", "strict", 0.5)]
    lines = [f"{m},t,{metric},{one},{v}" for m in NAMES for metric, one, v in cells]
    read = ladder(tmp_path / "l", scores=rows("model,task,metric,filter,value", *lines))
    assert read.benchmark_names == ["t@em,flexible", "t@em,strict", "t@f1,strict"]


def test_pass_at_k_in_columns(tmp_path: Path) -> None:
    read = ladder(tmp_path / "l", scores=rows("model,task,pass@1,pass@8", *[f"{m},t,0.2,0.6" for m in NAMES]))
    assert read.benchmark_names == ["t@pass@1", "t@pass@8"]


def test_two_scores_that_nothing_tells_apart_are_asked_about(tmp_path: Path) -> None:
    text = rows("model,task,score,source", "a-1,t,0.1,x", "a-1,t,0.3,y", "a-2,t,0.2,x")
    with pytest.raises(InputError, match=r"'a-1' has 2 scores on 't' \(0.1, 0.3\); they differ in source"):
        ladder(tmp_path / "l", scores=text)


# ---------------------------------------------------------------- checkpoints


def test_the_last_step_is_final_where_there_are_no_tokens(tmp_path: Path) -> None:
    lines = [
        f"{m},t,{step},0.{place + 1}{step // 1000}" for place, m in enumerate(NAMES) for step in (1000, 4000, 2000)
    ]
    read = ladder(tmp_path / "l", scores=rows("model,benchmark,step,score", *lines))
    assert scores_of(read) == {(m, "t"): pytest.approx((place + 1) / 10 + 0.04) for place, m in enumerate(NAMES)}


def test_tokens_of_the_model_do_not_hide_its_steps(tmp_path: Path) -> None:
    lines = [f"{m},t,{step},1e9,0.{step}" for m in NAMES for step in (1, 4, 2)]
    assert set(scores_of(ladder(tmp_path / "l", s=rows("model,task,step,tokens,acc", *lines))).values()) == {0.4}


@pytest.mark.parametrize("last", ["step143000", "main", "final"])
def test_named_checkpoints_are_not_mixed(last: str, tmp_path: Path) -> None:
    lines = [f"{m},t,{name},{v}" for m in NAMES for name, v in (("step13000", 0.2), (last, 0.5))]
    assert set(scores_of(ladder(tmp_path / "l", s=rows("model,task,revision,acc", *lines))).values()) == {0.5}


def test_checkpoints_without_an_order_are_asked_about(tmp_path: Path) -> None:
    lines = [f"{m},t,{name},0.2" for m in NAMES for name in ("alpha", "beta")]
    with pytest.raises(InputError, match=r"several checkpoints \(alpha, beta\) and nothing tells which is final"):
        ladder(tmp_path / "l", s=rows("model,task,checkpoint,acc", *lines))


def test_items_of_several_steps_score_by_the_last(tmp_path: Path) -> None:
    lines = [f"t,q{q},{m},{step},4,{step}" for q in range(3) for m in NAMES for step in (1, 3)]
    read = ladder(tmp_path / "l", i=rows("task,doc_id,model,step,n,c", *lines))
    assert set(scores_of(read).values()) == {0.75}
    assert read.counts("t", NAMES).n_correct.tolist() == [[3] * 3] * 3


def test_rows_without_tokens_are_kept(tmp_path: Path) -> None:
    reading = rows("model,task,acc,tokens", *[f"{m},reading,0.3,1e9" for m in NAMES])
    spelling = rows("model,task,acc", *[f"{m},spelling,0.5" for m in NAMES])
    read = ladder(tmp_path / "l", reading=reading, spelling=spelling)
    assert scores_of(read) == {(m, t): v for m in NAMES for t, v in (("reading", 0.3), ("spelling", 0.5))}


def test_an_early_checkpoint_never_stands_for_the_last(tmp_path: Path) -> None:
    lines = ["a-1,t,1e9,0.2", "a-1,t,4e9,0.4", "a-1,u,1e9,0.1", "a-2,t,4e9,0.5", "a-2,u,4e9,0.6"]
    read = ladder(tmp_path / "l", s=rows("model,task,tokens,acc", *lines))
    assert ("a-1", "u") not in scores_of(read)
    assert any("no result at the model's last checkpoint, so none is used: a-1 on u" in note for note in read.notes)


# ---------------------------------------------------------------- numbers and units


@pytest.mark.parametrize(
    "header, line, flops",
    [
        ("model,params,tokens", "{m},7B,2T", 6 * 7e9 * 2e12),
        ("model,params,tokens", "{m},150m,30 B", 6 * 150e6 * 30e9),
        ("model,params_b,tokens_t", "{m},7,2", 6 * 7e9 * 2e12),
        ("name,Model Size (B),Data Size (T)", "{m},7,2", 6 * 7e9 * 2e12),
        ("model,log10_flops", "{m},22", 1e22),
        ("model,FLOPs (1E21)", "{m},10", 1e22),
        ("model,total_params,active_params,tokens", "{m},70e9,7e9,2e12", 6 * 7e9 * 2e12),
    ],
)
def test_sizes_with_units_where_they_are_plain(header: str, line: str, flops: float, tmp_path: Path) -> None:
    models = rows(header, *[line.format(m=m) for m in NAMES])
    read = ladder(tmp_path / "l", models=models, s=rows("model,task,acc", *[f"{m},t,0.3" for m in NAMES]))
    assert read.models["flops"].to_numpy() == pytest.approx(flops)
    assert any("derived as 6 x" in note or "was read as" in note for note in read.notes)


@pytest.mark.parametrize(
    "header, line, says",
    [
        ("model,params,tokens", "{m},0.15,30", "column 'params': '0.15' can't be a number of parameters"),
        ("model,params,tokens", "{m},7e9,2", "column 'tokens': '2.0' can't be a number of training tokens"),
        ("model,flops", "{m},22.3", "column 'flops': '22.3' can't be the FLOPs of a training"),
        ("model,compute", "{m},0.5", "column 'compute': '0.5' can't be the FLOPs"),
        ("model,flops", "{m},5e-324", "can't be the FLOPs"),
        ("model,flops", "{m},1e308", "can't be the FLOPs"),
        ("model,flops", "{m},1e999", "must be finite"),
        ("model,flops", "{m},1_000_000_000", "'1_000_000_000' must be a number"),
        ("model,flops", "{m},１２３４５６７８９０", "must be a number"),
        ("model,flops", "{m},7 billions", "must be a number"),
    ],
)
def test_sizes_that_can_not_be_say_how_to_tell(header: str, line: str, says: str, tmp_path: Path) -> None:
    models = rows(header, *[line.format(m=m) for m in NAMES])
    with pytest.raises(InputError) as caught:
        ladder(tmp_path / "l", models=models, s=rows("model,task,acc", *[f"{m},t,0.3" for m in NAMES]))
    assert f"models.csv, row 2, {says}" in str(caught.value) or says in str(caught.value)


@pytest.mark.parametrize(
    "column, cells", [("acc", ("28.4", "0.9", "39.1", "68")), ("score_percent", ("0.4", "0.9", "1", "1"))]
)
def test_percent_where_it_can_be_nothing_else(column: str, cells: tuple[str, ...], tmp_path: Path) -> None:
    lines = [f"{m},t{place},{cell}" for m in NAMES for place, cell in enumerate(cells)]
    read = ladder(tmp_path / "l", s=rows(f"model,task,{column}", *lines))
    assert scores_of(read)["a-1", "t0"] == pytest.approx(float(cells[0]) / 100)
    assert any("read as" in note for note in read.notes)


def test_percent_signs(tmp_path: Path) -> None:
    assert set(
        scores_of(ladder(tmp_path / "l", s=rows("model,task,acc", *[f"{m},t,0.8%" for m in NAMES]))).values()
    ) == {0.008}


def test_one_score_in_points_among_fractions_is_asked_about(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"row 3, column 'acc': '40.0' must be a fraction"):
        ladder(tmp_path / "l", s=rows("model,task,acc", "a-1,t,0.3", "a-2,t,40", "a-3,t,0.5"))


# ---------------------------------------------------------------- text


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_separators(separator: str, tmp_path: Path) -> None:
    text = rows("model,task,acc", *[f"{m},t,0.25" for m in NAMES]).replace(",", separator)
    assert set(scores_of(ladder(tmp_path / "l", s=text)).values()) == {0.25}


def test_decimal_commas(tmp_path: Path) -> None:
    models = rows("model;family;flops", *[f"{m};a;1,{i}E+18" for i, m in enumerate(NAMES)])
    read = ladder(tmp_path / "l", models=models, s=rows("model;task;acc", *[f"{m};t;0,312" for m in NAMES]))
    assert set(scores_of(read).values()) == {0.312}
    assert read.models["flops"].tolist() == pytest.approx([1e18, 1.1e18, 1.2e18])
    with pytest.raises(InputError, match="1,234 may have a decimal comma or one for thousands"):
        ladder(tmp_path / "m", models=rows("model;family;params;tokens", *[f"{m};a;1,234;5,678" for m in NAMES]))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    text = rows("model,task,acc", *[f"{m},tâche,0.25" for m in NAMES])
    assert ladder(tmp_path / "l", s=text.encode(encoding)).benchmark_names == ["tâche"]


@pytest.mark.parametrize(
    "name", ["s.tsv", "S.CSV", "s.csv.gz", "s.jsonl", "s.json", "s.parquet", "s.ndjson", "s.TSV.GZ"]
)
def test_endings(name: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"model": NAMES, "task": "t", "acc": [0.25] * 3})
    folder = tmp_path / "l"
    folder.mkdir()
    low = name.lower()
    if "json" in low:
        table.to_json(folder / name, orient="records", lines=not low.endswith(".json"))
    elif low.endswith("parquet"):
        table.to_parquet(folder / name)
    else:
        text = table.to_csv(index=False, sep="\t" if ".tsv" in low else ",").encode()
        (folder / name).write_bytes(gzip.compress(text) if low.endswith("gz") else text)
    read = ladder(folder)
    assert set(scores_of(read).values()) == {0.25}
    assert read.sources is not None and name in set(read.sources["file"])


@pytest.mark.parametrize("times", [1, 2])
def test_gzip_without_its_ending(times: int, tmp_path: Path) -> None:
    data = rows("model,task,acc", *[f"{m},t,0.25" for m in NAMES]).encode()
    for _ in range(times):
        data = gzip.compress(data)
    assert set(scores_of(ladder(tmp_path / "l", s=data)).values()) == {0.25}


def test_gzip_in_several_members(tmp_path: Path) -> None:
    lines = rows("model,task,acc", *[f"{m},t,0.25" for m in NAMES]).encode().splitlines(keepends=True)
    data = b"".join(gzip.compress(line) for line in lines)
    assert len(scores_of(ladder(tmp_path / "l", **{"s.csv.gz": data}))) == 3


def test_quotation_marks_that_are_never_closed(tmp_path: Path) -> None:
    lines = [f"t,{q},{m},4,1" for m in NAMES for q in ("apple", '"pear', "fig", '"plum', "nut")]
    read = ladder(tmp_path / "l", i=rows("benchmark,question_id,model,n_trials,n_correct", *lines))
    assert read.items is not None and len(read.items) == 15
    assert '"pear' in set(read.items["question_id"])
    assert any("quotation marks that are never closed (rows 3" in note for note in read.notes)


def test_quoted_fields_may_hold_separators_and_quotes(tmp_path: Path) -> None:
    lines = [f't,"a, ""b"" {q}",{m},4,1' for m in NAMES for q in range(2)]
    read = ladder(tmp_path / "l", i=rows("benchmark,question_id,model,n_trials,n_correct", *lines))
    assert list(read.counts("t", NAMES).questions) == ['a, "b" 0', 'a, "b" 1']


def test_words_for_nothing_are_ids(tmp_path: Path) -> None:
    words = ["nil", "null", "none", "NA", "nan", "void", "N/A"]
    lines = [f"t,{q},{m},4,1" for m in NAMES for q in words]
    read = ladder(tmp_path / "l", i=rows("benchmark,question_id,model,n_trials,n_correct", *lines))
    assert set(read.counts("t", NAMES).questions) == set(words)


def test_a_repeated_header_is_skipped_and_told(tmp_path: Path) -> None:
    table = rows(
        "benchmark,question_id,model,n_trials,n_correct", *[f"t,q{q},{m},10,4" for q in range(3) for m in NAMES]
    )
    second = table.replace("t,q", "u,q")
    read = ladder(tmp_path / "l", i=table + second)
    assert len(scores_of(read)) == 6
    assert any("header stands again in row 11; skipped" in note for note in read.notes)


def test_columns_without_a_name(tmp_path: Path) -> None:
    commas = rows("model,task,acc,,,", *[f"{m},t,0.25,,," for m in NAMES])
    assert set(scores_of(ladder(tmp_path / "a", s=commas)).values()) == {0.25}
    index = pd.DataFrame({"model": NAMES, "task": "t", "acc": 0.25}).to_csv()
    assert set(scores_of(ladder(tmp_path / "b", s=index)).values()) == {0.25}
    with pytest.raises(InputError, match="row 2: the row has 6 fields"):
        ladder(tmp_path / "c", s=commas.replace("0.25,,,", "0.25,x,,"))


def test_rows_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    lines = ["", 'a-1,"t",0.1', "", "", "a-2,t,7x", "a-3,t,0.3"]
    with pytest.raises(InputError, match=r"s\.csv, row 6, column 'acc': '7x' must be a number"):
        ladder(tmp_path / "l", s=rows("model,task,acc", *lines))


def test_blanks_around_names_make_no_second_name(tmp_path: Path) -> None:
    text = rows("model,task,acc", "a-1 ,t,0.1", "a-2,t ,0.2", " a-3, t,0.3")
    assert ladder(tmp_path / "l", s=text).benchmark_names == ["t"]
    e = rows("model,task,acc", "a-1,caf\u00e9,0.1", "a-2,cafe\u0301,0.2")
    assert ladder(tmp_path / "m", s=e).benchmark_names == ["café"]


# ---------------------------------------------------------------- files


def test_files_in_the_way_are_named_and_left(tmp_path: Path) -> None:
    folder = tmp_path / "l"
    (folder / "sub").mkdir(parents=True)
    files = {
        "s.csv": rows("model,task,acc", *[f"{m},t,0.25" for m in NAMES]),
        "notes.csv": "who,what\nme,keep\n",
        "._s.csv": b"\0\5\x16\7\xff",
        "results.xlsx": b"PK\3\4",
        "config.json": json.dumps({"results": {"t": {"acc": 1}}}),
    }
    read = ladder(folder, **files)
    assert len(scores_of(read)) == 3
    assert read.sources is not None
    left = set(read.sources.loc[read.sources["table"] == "–", "file"])
    assert left == {"notes.csv", "._s.csv", "results.xlsx", "config.json", "sub/"}
    for name in left:
        assert any(note.startswith(f"{name}: not read") for note in read.notes)


def test_all_files_faults_are_told_at_once(tmp_path: Path) -> None:
    bad = rows("benchmark,question_id,model,n_trials,n_correct", "t,q,a-1,4,9", "t,r,a-1,x,1")
    with pytest.raises(InputErrors) as caught:
        ladder(tmp_path / "l", i=bad, s=rows("model,task,acc", "a-1,u,2x"), z="", models=MODELS + "a-4,a,-3\n")
    told = str(caught.value).split("\n")
    assert len(told) == len(caught.value.faults) == 4
    for says in (
        "i.csv, row 3, column 'n_trials'",
        "s.csv, row 2, column 'acc'",
        "z.csv: the file is empty",
        "models.csv, row 5",
    ):
        assert any(says in line for line in told), says


def test_a_file_a_model_is_no_sampling_setting(tmp_path: Path) -> None:
    table = {m: rows("benchmark,question_id,model,n_trials,n_correct", f"t,q,{m},4,1") for m in NAMES}
    read = ladder(tmp_path / "l", **{f"org{m[-1]}__{m}.csv": text for m, text in table.items()})
    assert read.benchmark_names == ["t"]
    assert not any("setting" in note for note in read.notes)
    odd = ladder(tmp_path / "m", **{f"x__y{m}.csv": text for m, text in table.items()})
    assert odd.benchmark_names == ["t"] and any(
        "'x' was not taken for a sampling setting" in note for note in odd.notes
    )


def test_parquet_with_index_levels(tmp_path: Path) -> None:
    folder = tmp_path / "l"
    folder.mkdir()
    frame = pd.DataFrame([("t", q, m, 4, 1) for q in range(3) for m in NAMES])
    frame.columns = pd.Index(["benchmark", "question_id", "model", "n_trials", "n_correct"])
    frame.set_index(["benchmark", "question_id"]).to_parquet(folder / "i.parquet")
    assert len(scores_of(ladder(folder))) == 3


def test_families_are_not_guessed_in_silence(tmp_path: Path) -> None:
    models = rows("model,flops", *[f"{m},1e{18 + i}" for i, m in enumerate(NAMES)])
    read = ladder(tmp_path / "l", models=models, s=rows("model,task,acc", *[f"{m},t,0.2" for m in NAMES]))
    assert read.families == ["all"]
    assert any("3 models have no family and are taken as one, 'all'" in note for note in read.notes)


def test_a_second_table_fills_a_family_and_compute(tmp_path: Path) -> None:
    text = rows("model,family,flops,task,acc", *[f"{m},a,1e{18 + i},t,0.2" for i, m in enumerate(NAMES)])
    read = ladder(tmp_path / "l", models="model,flops\na-1,\na-2,1e19\na-3,\n", s=text)
    assert read.models["flops"].tolist() == [1e18, 1e19, 1e20]
    assert read.families == ["a"]


# ---------------------------------------------------------------- large


def test_large_trial_tables_are_counted_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bayes_cod.readers.tables import sources

    random = np.random.default_rng(1)
    table = pd.DataFrame(
        [("t", f"q{q}", m, k, int(random.random() < 0.5)) for q in range(5) for m in NAMES for k in range(6)],
        columns=["task", "doc_id", "model", "trial", "correct"],
    )
    folder = write_ladder(tmp_path / "l", models=MODELS, arith=None, logic=None)
    table.to_csv(folder / "samples.csv", index=False)
    small = read_tables(folder)
    monkeypatch.setattr(sources, "AGGREGATED_FROM", 0)
    monkeypatch.setattr(sources, "ROWS_ON_DISK", 1)
    large = read_tables(folder)
    (folder / "samples.csv").unlink()
    table.to_parquet(folder / "samples.parquet")
    packed = read_tables(folder)
    for read in (large, packed):
        assert (read.counts("t", NAMES).n_correct == small.counts("t", NAMES).n_correct).all()
        assert any("90 rows of one trial each" in note for note in read.notes)
    table.assign(correct=0.5).to_parquet(folder / "samples.parquet")
    with pytest.raises(InputError, match=r"'0.5' is neither right nor wrong"):
        read_tables(folder)

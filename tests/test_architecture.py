"""The shape of the house: what may import what, who may print, how long a module is."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
PACKAGE = REPOSITORY / "bayes_cod"
TRAINING = PACKAGE / "datasets" / "microladder" / "training"  # scripts that made the data; they need torch
MODULES = sorted(file for file in PACKAGE.rglob("*.py") if not file.is_relative_to(TRAINING))
LONGEST = 450
WITHOUT_PYMC = [
    "ladder",
    "ladder.request",
    "ladder.inspection",
    "forecasts",
    "readers",
    "laws",
    "difficulty",
    "published",
]
WITHOUT_PYMC += ["plots", "registry", "scoring.proper", "cli"]


def name_of(file: Path) -> str:
    if not file.is_relative_to(REPOSITORY):
        return file.stem
    parts = file.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(file): file for file in MODULES}


def imports_of(file: Path, *, at_load: bool = False) -> set[str]:
    """Modules of the package that a module imports anywhere but for type checking; `at_load`: not in functions."""
    found: set[str] = set()
    pending: list[ast.AST] = list(ast.parse(file.read_text()).body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & set(NAMES)
            found |= submodules or {node.module}
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            pending += node.orelse
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and at_load:
            continue
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("import_module", "_lazily") and node.args:
            first = node.args[0]
            found |= {first.value} if isinstance(first, ast.Constant) and isinstance(first.value, str) else set()
            pending += list(ast.iter_child_nodes(node))
        else:
            pending += list(ast.iter_child_nodes(node))
    return (found & set(NAMES)) - {name_of(file)}


def circle(graph: dict[str, set[str]]) -> str:
    """A circle among modules that import one another; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " → ".join(error.args[1])
    return ""


def is_script(file: Path) -> bool:
    """Whether a module is a program of its own (it has a main guard), which may print."""
    tests = [ast.dump(node.test) for node in ast.parse(file.read_text()).body if isinstance(node, ast.If)]
    return any("__main__" in test for test in tests)


def with_packages(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Whoever imports a module loads the packages it lies in first."""
    return {
        name: {
            package
            for one in imported
            for package in (".".join(one.split(".")[:depth]) for depth in range(2, one.count(".") + 2))
            if package in NAMES and package != name and not name.startswith(f"{package}.")
        }
        for name, imported in graph.items()
    }


def test_no_circular_imports_lazy_ones_included() -> None:
    """The face of the package (`bayes_cod/__init__`) imports by name, for whoever asks, and is nobody's import."""
    graph = {name: imports_of(file) for name, file in NAMES.items() if name != "bayes_cod"}
    assert not circle({name: found - {"bayes_cod"} for name, found in graph.items()})
    assert not circle(with_packages(graph))


def test_an_import_inside_a_function_that_closes_a_circle_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "late.py"
    file.write_text("def late():\n    from bayes_cod.registry import make\n    return make\n")
    assert imports_of(file) == {"bayes_cod.registry"} and imports_of(file, at_load=True) == set()
    graph = {name: imports_of(place) - {"bayes_cod"} for name, place in NAMES.items() if name != "bayes_cod"}
    graph["bayes_cod.stacking.forecaster"] |= imports_of(file)
    assert "bayes_cod.registry" in circle(graph)


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_modules_have_a_docstring_and_stay_short(file: Path) -> None:
    text = file.read_text()
    assert ast.get_docstring(ast.parse(text)), "a module says what it is about"
    assert text.count("\n") <= LONGEST, f"split it: more than {LONGEST} lines"


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_only_the_command_line_prints(file: Path) -> None:
    if file == PACKAGE / "cli.py" or file.is_relative_to(PACKAGE / "commands") or is_script(file):
        return
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"line {node.lineno} prints"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            assert not any(name.split(".")[0] in ("rich", "typer") for name in names), f"line {node.lineno}"


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_nothing_below_the_command_line_knows_it(file: Path) -> None:
    if file == PACKAGE / "cli.py" or file.is_relative_to(PACKAGE / "commands"):
        return
    known = [name for name in imports_of(file) if name.startswith(("bayes_cod.cli", "bayes_cod.commands"))]
    assert known == []


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_no_error_is_swallowed(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: name the exception"
            empty = all(isinstance(inner, (ast.Pass, ast.Continue)) for inner in node.body)
            broad = isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
            assert not (empty and broad), f"line {node.lineno}: an exception is swallowed"


def loaded_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(' '.join({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    return set(done.stdout.split())


def test_numerics_that_need_no_pymc_do_not_load_it() -> None:
    statement = "\n".join(f"import bayes_cod.{name}" for name in WITHOUT_PYMC)
    assert not loaded_after(statement) & {"pymc", "pytensor", "torch", "arviz"}


def test_nothing_loads_torch() -> None:
    statement = "import bayes_cod.cli, bayes_cod.results.result, bayes_cod.report.build"
    statement += "\nfrom bayes_cod.models.cod.forecaster import BayesianCOD"
    statement += "\nfrom bayes_cod.datasets import microladder\nmicroladder()"
    assert "torch" not in loaded_after(statement)


def test_the_map_of_the_rooms_is_complete() -> None:
    text = (REPOSITORY / "docs" / "architecture.md").read_text()
    expected = {str(file.relative_to(PACKAGE)) for file in MODULES if file.name != "__init__.py"}
    listed = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `") and ".py`" in line}
    assert listed == expected, f"missing: {sorted(expected - listed)}; gone: {sorted(listed - expected)}"

"""Write the tables of modules in docs/architecture.md anew, each from the first line of the module's docstring.

``python docs/studies/inventory.py``; what stands above ``<!-- inventory -->`` is kept.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "bayes_cod"
TRAINING = PACKAGE / "datasets" / "microladder" / "training"
MARK = "<!-- inventory -->"


def first_line(file: Path) -> str:
    """First line of a module's docstring."""
    return (ast.get_docstring(ast.parse(file.read_text())) or "").splitlines()[0]


def inventory() -> str:
    """One table a folder, in alphabetical order."""
    rooms: dict[str, list[Path]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        if not file.is_relative_to(TRAINING):
            rooms.setdefault(file.parent.relative_to(PACKAGE).as_posix(), []).append(file)
    parts = []
    for room, files in sorted(rooms.items()):
        opening = next((first_line(file) for file in files if file.name == "__init__.py"), "")
        rows = [
            f"| `{file.relative_to(PACKAGE)}` | {first_line(file)} |" for file in files if file.name != "__init__.py"
        ]
        if rows:
            title = "bayes_cod/" if room == "." else f"{room}/"
            parts.append(
                "\n".join([f"## {title}", "", opening, "", "| module | what it is about |", "|---|---|", *rows])
            )
    return "\n\n".join(parts)


def main() -> None:
    """Rewrite the file."""
    page = ROOT / "docs" / "architecture.md"
    above = page.read_text().partition(MARK)[0]
    page.write_text(f"{above}{MARK}\n\n{inventory()}\n")


if __name__ == "__main__":
    main()

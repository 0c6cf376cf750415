"""The house rules that no linter knows: sizes, one name in four places, and documents that are true.

``python -m tests.house`` prints every breach with its place and exits 1 when there is one.
"""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST_FILE = 500
LONGEST_FUNCTION = 60
PRODUCT = ("adapters", "canonical", "hub", "mappings", "sandbox", "silta")
GUIDE = "adapters/ADDING_A_SYSTEM.md"
DOCUMENTS = (GUIDE, "README.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md")


def tracked(pattern: str) -> list[Path]:
    """Files git knows or would add, by glob (``*`` goes into folders too)."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", pattern],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def sizes() -> list[str]:
    """Files and functions past the point where they want splitting."""
    wrong = []
    for file in tracked("*.py"):
        if "/migrations/versions/" in str(file):
            continue  # a migration is a list of statements, and is never changed again
        text = file.read_text("utf-8")
        lines = text.count("\n")
        if lines > LONGEST_FILE:
            wrong.append(f"{file.relative_to(ROOT)}: {lines} lines (at most {LONGEST_FILE})")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                length = node.end_lineno - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    wrong.append(f"{file.relative_to(ROOT)}:{node.lineno}: {node.name} has {length} lines")
    return wrong


def unfinished() -> list[str]:
    """Marks of unfinished work in the product."""
    mark = re.compile(r"\b(TODO|FIXME|XXX)\b|raise NotImplementedError")
    wrong = []
    for folder in PRODUCT:
        for file in tracked(f"{folder}/*.py"):
            for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
                if mark.search(line):
                    wrong.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    return wrong


def undocumented() -> list[str]:
    """Public modules, classes and functions of the product without a docstring (methods of a documented class may do
    without)."""
    wrong = []
    for folder in PRODUCT:
        for file in tracked(f"{folder}/*.py"):
            if "/migrations/versions/" in str(file):
                continue  # written by Alembic's template: what it did stands in its head
            tree = ast.parse(file.read_text("utf-8"))
            place = str(file.relative_to(ROOT))
            if tree.body and ast.get_docstring(tree) is None:
                wrong.append(f"{place}: the module has no docstring")
            for node in tree.body:
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    continue
                if not node.name.startswith("_") and ast.get_docstring(node) is None:
                    wrong.append(f"{place}:{node.lineno}: {node.name} has no docstring")
    return wrong


def one_name() -> list[str]:
    """A system's name is the same word in adapters, mappings, sandbox and tests, and it has a manual."""
    wrong = []
    parts = [p.parent.name for p in (ROOT / "mappings").glob("*/__init__.py")]
    systems = [name for name in parts if name not in ("engine", "tool")]
    for system in systems:
        for folder in ("adapters", "sandbox", "tests/adapters", "tests/mappings", "tests/golden"):
            if not (ROOT / folder / system).is_dir():
                wrong.append(f"mappings/{system} has no {folder}/{system}")
        if not (ROOT / "sandbox" / system / "INTERFACE.md").is_file():
            wrong.append(f"sandbox/{system} has no manual (INTERFACE.md)")
    return wrong


def links() -> list[str]:
    """Links and file names in the documents that lead nowhere."""
    wrong = []
    for file in tracked("*.md"):
        text = file.read_text("utf-8")
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            if "://" not in target and not (file.parent / target).exists():
                wrong.append(f"{file.relative_to(ROOT)}: link to {target}, which is not there")
        if file.name in DOCUMENTS:
            for name in re.findall(r"`([a-z_]+/[A-Za-z0-9_./-]+\.(?:py|md|toml|csv))`", text):
                if not (ROOT / name).exists():
                    wrong.append(f"{file.relative_to(ROOT)}: names {name}, which is not there")
    return wrong


def commands() -> list[str]:
    """`make` targets and `silta` commands that the documents name and that do not exist."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    from silta.cli import app

    known = {info.name or (info.callback.__name__ if info.callback else "") for info in app.registered_commands}
    wrong = []
    for name in DOCUMENTS:
        file = ROOT / name
        text = file.read_text("utf-8") if file.exists() else ""
        wrong += [f"{name}: make {t} does not exist" for t in re.findall(r"`make ([a-z-]+)", text) if t not in targets]
        wrong += [f"{name}: silta {c} does not exist" for c in re.findall(r"`silta ([a-z]+)", text) if c not in known]
    return wrong


def moves(text: str) -> list[str]:
    """What a picture of the journal's states (lines of ``state ──▶ state | state``, a final one's ``.``) says and the
    table in `hub/journal/states.py` does not, and the other way round."""
    from hub.journal.states import MOVES

    drawn = {
        state: frozenset(re.findall(r"[a-z-]+", after))
        for state, after in re.findall(r"^([a-z-]+) +──▶ ([a-z |.-]+)$", text, re.MULTILINE)
    }
    table = {state.value: frozenset(one.value for one in after) for state, after in MOVES.items()}
    wrong = [f"ARCHITECTURE.md: no state {state}" for state in sorted(table.keys() - drawn.keys())]
    wrong += [f"ARCHITECTURE.md: {state} is no state" for state in sorted(drawn.keys() - table.keys())]
    for state in sorted(table.keys() & drawn.keys()):
        wrong += [f"ARCHITECTURE.md: {state} does not become {one}" for one in sorted(drawn[state] - table[state])]
        wrong += [f"ARCHITECTURE.md: {state} may become {one}" for one in sorted(table[state] - drawn[state])]
    return wrong


def fields() -> list[str]:
    """Field tables (``mappings/<system>/FIELDS.md``) that are not what the mappings say."""
    from mappings.tool import fields, systems

    stale = [one for name in systems.names() if fields.is_stale(one := systems.system(name))]
    return [f"mappings/{one.name}/FIELDS.md: not up to date: silta map doc {one.name}" for one in stale]


def decisions(files: dict[str, str]) -> list[str]:
    """Decision records (text by file name) that do not count 1, 2, 3 …, each in its name as in its title."""
    wrong = []
    for number, (name, text) in enumerate(sorted(files.items()), 1):
        if not name.startswith(f"{number:04}-") or not text.startswith(f"# {number}. "):
            wrong.append(f"docs/adr/{name}: it is the {number}. of the records, by its place")
    return wrong


def guide(text: str) -> list[str]:
    """What the guide of the adapter kit names and is not there: dotted names of ours, errors, methods of the port, the
    kit's commands, and files of the template; and methods of the port that it leaves out."""
    from adapters import base, errors
    from adapters.cli import app

    known = {info.name or (info.callback.__name__ if info.callback else "") for info in app.registered_commands}
    wrong = [f"silta adapter {c}" for c in re.findall(r"silta adapter ([a-z]+)", text) if c not in known]
    wrong += [name for name in re.findall(r"`((?:adapters|canonical)\.[A-Za-z_.]+)", text) if not _is_there(name)]
    cells = "".join(re.findall(r"(?m)^\| (`[A-Z][A-Za-z`, ]+) \| ", text.partition("## 4")[2].partition("## 5")[0]))
    wrong += [name for name in re.findall(r"`([A-Za-z]+)`", cells) if not hasattr(errors, name)]
    port = set(base.Adapter.__abstractmethods__)
    told = set(re.findall(r"(?m)^\| `([a-z_]+)[(`]", text.partition("## 3")[2].partition("The words")[0]))
    wrong += [f"the port's {name}" for name in sorted(told ^ port)]
    template = {file.name.removesuffix(".tmpl") for file in (ROOT / "adapters" / "kit" / "template").rglob("*.*")}
    files = re.findall(r"`(?:src/…/|tests/|mock/)?([A-Za-z_]+\.(?:py|csv|md))`", text)
    wrong += [file for file in files if file not in template]
    return [f"{GUIDE}: {one}: one of the two does not know it" for one in wrong]


def _is_there(dotted: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = dotted.rstrip(".").split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for name in parts[cut:]:
            found = getattr(found, name, None)
        return found is not None
    return False


def main() -> int:
    """Every rule; the exit status."""
    wrong = [*sizes(), *unfinished(), *undocumented(), *one_name(), *links(), *commands(), *fields()]
    wrong += moves((ROOT / "ARCHITECTURE.md").read_text("utf-8"))
    wrong += guide((ROOT / GUIDE).read_text("utf-8"))
    wrong += decisions({file.name: file.read_text("utf-8") for file in tracked("docs/adr/*.md")})
    for line in wrong:
        print(line)
    print(f"house: {len(wrong)} breaches" if wrong else "house: in order")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

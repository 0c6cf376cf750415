"""The field tables in the systems' documentation: ``mappings/<system>/FIELDS.md``.

Those of rules are the rules. Those of a mapping in Python are what was seen of it over the repository's samples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from mappings.engine.mapping import Message
from mappings.engine.rules import Rule
from mappings.tool.covering import corpus, plain
from mappings.tool.explaining import explain
from mappings.tool.systems import System

FOLDER: Final = Path(__file__).parents[1]
BEGIN: Final = "<!-- made by `silta map doc`: do not edit below -->"
END: Final = "<!-- end of what is made -->"
_HEAD: Final = ("Source", "FHIR", "Conversion", "Table", "Condition", "Note", "Rule")


def file_of(of: System) -> Path:
    """Where a system's field tables stand."""
    return FOLDER / of.name / "FIELDS.md"


def written(of: System) -> str:
    """The document as it should be: what people wrote around the block stays."""
    file = file_of(of)
    text = file.read_text("utf-8") if file.exists() else f"# {of.name}: fields\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{_tables(of)}\n{END}{rest.partition(END)[2]}"


def is_stale(of: System) -> bool:
    """Whether the document is not what the rules say."""
    file = file_of(of)
    return not file.exists() or file.read_text("utf-8") != written(of)


def _tables(of: System) -> str:
    parts = []
    for name, message in of.messages().items():
        title = name if name == message.root else f"{name} (`{message.root}`)"
        ways = "read" if message.only_reads else "read and written"
        parts += [f"## {title}: {message.kind}, {ways}", "", *_table(message), ""]
    return "\n".join(parts + _seen(of))


def _seen(of: System) -> list[str]:
    """What each function of a mapping in Python made of which places, over the samples."""
    rows: dict[tuple[str, str], dict[str, None]] = {}
    for file in corpus(of.name, ()):
        with suppress(ValueError):  # a message that is only written
            for one in explain(file.read_bytes(), of).made:
                for step in one.steps:
                    if step.element and ".toml:" not in step.rule:
                        made = step.element if "." in step.element or "," in step.element else f"{step.element}.*"
                        function = f"{step.rule.rpartition(':')[0]} {step.by}"
                        rows.setdefault((made, function), {}).update((plain(place), None) for place, _ in step.sources)
    lines = ["| FHIR | Source | Function |", "| --- | --- | --- |"]
    for (made, function), sources in sorted(rows.items()):
        lines.append(f"| `{made}` | {' '.join(f'`{one}`' for one in sorted(sources))} | `{function}` |")
    return ["## In Python, as seen over the samples of the repository", "", *lines, ""] if rows else []


def _table(message: Message) -> list[str]:
    rows = [_HEAD, ["---"] * len(_HEAD), *_rows(message.rules, "")]
    return [f"| {' | '.join(row)} |" for row in rows]


def _rows(rules: Sequence[Rule], prefix: str) -> Iterator[Sequence[str]]:
    for rule in rules:
        paths = [path if path == "." else prefix + path for path, _ in rule.sources]
        marks = {"!": " **must**", "?": " *missed*", "": ""}
        source = " + ".join(f"`{path}`{marks[mark]}" for path, (_, mark) in zip(paths, rule.sources, strict=True))
        condition = " = ".join(part for part in rule.condition or () if part)
        yield [
            ("" if source == "`.`" else source) + (" each" if rule.each else ""),
            f"`{rule.to.partition('.')[2]}`" if rule.to else "(inside)" if rule.rows else "–",
            f"`{rule.call}`" if rule.call else "",
            f"`{rule.told_table}`" if rule.told_table else "",
            condition,
            re.sub(r"\|", "\\|", rule.note),
            f"{Path(rule.at.rpartition(':')[0]).name}:{rule.at.rpartition(':')[2]}",
        ]
        yield from _rows(rule.rows, f"{paths[0]}/")

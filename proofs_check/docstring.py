"""A claim's docstring: the statement first, then short sections under fixed headings."""

from __future__ import annotations

import inspect
import re

HEADINGS = ("In the paper", "Repairs", "Proof", "Tight at", "Counterexample", "Notes")

_HEADING = re.compile(rf"^({'|'.join(HEADINGS)}):\s*")


def parse_docstring(text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Split a docstring into the statement and its (heading, text) sections; line breaks inside a paragraph go."""
    statement: list[str] = []
    sections: list[tuple[str, list[str]]] = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        for line_group in _by_heading(paragraph.splitlines()):
            match = _HEADING.match(line_group[0])
            if match:
                line_group[0] = line_group[0][match.end() :]
                sections.append((match[1], []))
            body = " ".join(line.strip() for line in line_group if line.strip())
            if body:
                (sections[-1][1] if sections else statement).append(body)
    return "\n\n".join(statement), tuple((name, "\n\n".join(body)) for name, body in sections)


def _by_heading(lines: list[str]) -> list[list[str]]:
    groups: list[list[str]] = []
    for line in lines:
        if not groups or _HEADING.match(line):
            groups.append([line])
        else:
            groups[-1].append(line)
    return groups or [[""]]

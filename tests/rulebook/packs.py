"""Packs to spoil: copies of Phase 1 in a folder of their own, with some text of a file put in place of other text."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path
from typing import Any

import yaml

from pbr.errors import Fault, Faults
from pbr.rulebook.load import load_pack, packs_folder


class Plainly(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes a value out each time, where YAML would let it stand for another."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def as_yaml(data: Any) -> str:
    return str(yaml.dump(data, Dumper=Plainly, allow_unicode=True, sort_keys=False))


def copy_of_phase_1(folder: Path) -> Path:
    """A copy with an id of its own, `spoilt`."""
    copy = Path(shutil.copytree(packs_folder() / "phase-1", folder / "spoilt"))
    put(copy / "pack.yaml", "id: phase-1", "id: spoilt")
    return copy


def free_copy_of_phase_1(folder: Path) -> Path:
    """A copy in which nothing is fixed."""
    copy = copy_of_phase_1(folder)
    for file in copy.glob("*.yaml"):
        file.write_text(file.read_text(encoding="utf-8").replace("    fixed: true\n", ""), encoding="utf-8")
    return copy


def put(file: Path, old: str, new: str) -> None:
    """Replace one piece of a file's text; the piece must be there."""
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{file.name} has no {old!r}"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def line_of(file: Path, text: str) -> int:
    """The number of the first line that holds the text."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def faults_of(folder: Path) -> tuple[Fault, ...]:
    """What loading a folder reports; nothing when it loads."""
    try:
        load_pack(folder)
    except Faults as faults:
        return faults.faults
    return ()


_READ_BY_ROUTES = ("attendance_improved", "asb_reduced", "progress_to_work_made", "moved_into_work")


def with_result(folder: Path, test: str, **figures: str) -> Path:
    """A copy of Phase 1 with one result more, `tried`, flags that read it and others, and the figures that it reads.

    A figure is written as its unit and values: `share 15%`, or `count 3; 0 from 2014-04-01`.
    """
    pack = copy_of_phase_1(folder)
    entry = "\n".join(f"      {line}" for line in textwrap.dedent(test).strip().splitlines())
    put(
        pack / "results.yaml",
        "\nroutes:\n",
        f"\n  tried:\n    title: t\n    citation: nobody says so\n    standing: local\n    test:\n{entry}\n\nroutes:\n",
    )
    with (pack / "flags.yaml").open("a", encoding="utf-8") as flags:
        flags.write("\n  trying:\n    title: t\n    citation: nobody says so\n    kind: condition\n")
        flags.write("    when: {criterion: tried}\n")
        flags.write("\n  others:\n    title: t\n    citation: nobody says so\n    kind: condition\n    when:\n")
        flags.write("      any_of: [" + ", ".join(f"{{criterion: {name}}}" for name in _READ_BY_ROUTES) + "]\n")
    with (pack / "parameters.yaml").open("a", encoding="utf-8") as parameters:
        for name, written in figures.items():
            unit, values = written.split(" ", 1)
            parameters.write(f"\n  {name}:\n    title: t\n    unit: {unit}\n    values:\n")
            for value in values.split("; "):
                figure, _, start = value.partition(" from ")
                parameters.write(f"      - {{from: {start or '2012-04-01'}, value: {figure}, ")
                parameters.write("standing: local, citation: nobody says so}\n")
    return pack

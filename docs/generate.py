"""The parts of the docs that come from the code: the commands' help, what they print, and the list of fault codes.

In come the command tree of `pbr.cli.main` and the source text of `pbr/`; out go lines of Markdown. `make docs` has cog
put them into README.md and docs/*.md, and a test asks whether what stands there is in step.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from pbr.jobs.demo import make_authority

ROOT = Path(__file__).resolve().parent.parent
CODE = re.compile(r"E[1-9]\d\d")
WIDTH = 100


# -------------------------------------------------------------------------------------------------------- commands


def commands(command: click.Command, path: tuple[str, ...] = ("pbr",)) -> Iterator[tuple[str, click.Command]]:
    """Every command and group, by its full name (`pbr claim prepare`), in the order of the help."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            child = command.get_command(click.Context(command), name)
            if child is not None and not child.hidden:
                yield from commands(child, (*path, name))


def help_text(name: str, command: click.Command) -> str:
    """What `NAME --help` prints on a terminal of a fixed width, whatever the width of this one."""
    parent = None
    *groups, last = name.split(" ")
    for group in groups:
        parent = click.Context(click.Group(), info_name=group, parent=parent)
    context = type(command).context_class(command, info_name=last, parent=parent, terminal_width=WIDTH)
    context.help_option_names = ["-h", "--help"]
    return command.get_help(context)


def command_list(command: click.Command) -> str:
    """A table of the commands that do something: name and what it does."""
    rows = [
        f"| `{name}` | {child.get_short_help_str(limit=200)} |"
        for name, child in commands(command)
        if not isinstance(child, click.Group)
    ]
    return "\n".join(["| command | what it does |", "|---|---|", *rows])


def example(*lines: str, families: int = 200, seed: int = 1) -> str:
    """What a person sees who types these commands beside a new synthetic authority in `demo`.

    A line may end in ` | head -N`: then only so many lines of its output are shown. `BUNDLE` stands for the bundle.
    """
    shown = []
    with TemporaryDirectory() as folder:
        make_authority(Path(folder) / "demo", families, seed)
        for line in lines:
            bundle = next((path for path in Path(folder).glob("demo/batches/E*")), None)
            typed = line.replace("BUNDLE", str(bundle.relative_to(folder)) if bundle else "")
            command, _, most = typed.partition(" | head -")
            done = subprocess.run(
                [sys.executable, "-m", "pbr.cli.main", *shlex.split(command)[1:]],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            printed = [text.rstrip() for text in done.stdout.strip("\n").split("\n")]
            shown.append("\n".join([f"$ {typed}", *printed[: int(most) if most else None]]))
    return "```console\n" + "\n\n".join(shown) + "\n```"


def command_help(command: click.Command) -> str:
    """The help of every command, each under a heading."""
    return "\n\n".join(f"## {name}\n\n```text\n{help_text(name, child)}\n```" for name, child in commands(command))


# ---------------------------------------------------------------------------------------------------------- faults


@dataclass(frozen=True, order=True)
class Use:
    """One place in the code where a fault code stands, with the texts beside it (`…` where a value comes in)."""

    code: str
    room: str
    place: str
    texts: tuple[str, ...]


def uses(package: Path = ROOT / "pbr") -> list[Use]:
    """Every place in the package where a fault code stands, in order of code and place."""
    found: list[Use] = []
    for path in sorted(package.rglob("*.py")):
        module = path.relative_to(package)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        beside = {id(part): node for node in ast.walk(tree) if isinstance(node, ast.Call) for part in _parts(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                call = beside.get(id(node))
                texts = tuple(filter(None, map(_text, _parts(call)))) if call else ()
                place = f"pbr/{module.as_posix()}:{node.lineno}"
                found.append(Use(node.value, module.parts[0].removesuffix(".py"), place, texts))
    return sorted(found)


def meanings(page: Path = ROOT / "docs" / "errors.md") -> list[tuple[str, str]]:
    """The rows of docs/errors.md in their order: code, and what it means."""
    return re.findall(r"^\| (E\d{3}) \| (.+?) \|", page.read_text(encoding="utf-8"), re.MULTILINE)


def drafts() -> str:
    """A row for every code that docs/errors.md does not list, drafted from what the code says: a person finishes it."""
    listed = {code for code, _ in meanings()}
    rows: dict[str, tuple[str, ...]] = {}
    for use in uses():
        texts = tuple(text for text in use.texts if not CODE.fullmatch(text))
        if use.code not in listed and len(texts) >= len(rows.get(use.code, ())):
            rows[use.code] = texts
    return "\n".join(f"| {' | '.join((code, *texts))} |" for code, texts in rows.items())


def _parts(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _text(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_text(value) or "…" for value in values)
        case _:
            return ""


if __name__ == "__main__":
    print(drafts())

"""The house itself: its shape, its words, its docs, its lock and its wheel.

In come the tracked files; each test is one house rule that a reviewer would otherwise have to watch for.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import click
import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pbr.cli.main import main

ROOT = Path(__file__).resolve().parent.parent


def _generate():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate"] = module
    spec.loader.exec_module(module)
    return module


generate = _generate()


def _run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False)


def _files() -> list[Path]:
    """Tracked files, and new ones that nobody told git to ignore. In a source distribution, where no git is, all."""
    listed = _run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    if listed.returncode:
        return [path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()]
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


FILES = _files()
MODULES = [path for path in FILES if path.suffix == ".py"]
PAGES = [path for path in FILES if path.suffix == ".md"]
COMMANDS = dict(generate.commands(main))
LEAVES = [name for name, command in COMMANDS.items() if not isinstance(command, click.Group)]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


# -------------------------------------------------------------------------------------------------------- commands


@pytest.mark.parametrize("name", LEAVES)
def test_a_command_says_what_it_does_and_shows_an_example_of_itself(name: str) -> None:
    said = COMMANDS[name].help or ""
    assert len(said.splitlines()[0]) > 15, "the first line says what the command does"
    assert re.search(rf"^\s*(?:Examples?:\s+)?{name}\b", said, re.MULTILINE), f"no line says 'Example: {name} …'"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_group_and_option_has_help(name: str) -> None:
    command = COMMANDS[name]
    silent = [
        parameter.opts[0]
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden and not parameter.help
    ]
    assert command.help
    assert silent == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_to_h(name: str) -> None:
    ran = _run(sys.executable, "-m", "pbr.cli.main", *name.split()[1:], "-h") if name == "pbr" else None
    assert "-h" in generate.help_text(name, COMMANDS[name])
    assert ran is None or (ran.returncode == 0 and ran.stdout.startswith("Usage: "))


# ------------------------------------------------------------------------------------------------------------ docs


def test_what_the_docs_generate_is_in_step_with_the_code() -> None:
    pages = [page for page in PAGES if "[[[cog" in (ROOT / page).read_text(encoding="utf-8")]
    assert Path("README.md") in pages
    checked = _run(sys.executable, "-m", "cogapp", "--check", "-I", "docs", *pages)
    assert checked.returncode == 0, f"{checked.stdout}{checked.stderr}Run `make docs`."


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_links_only_to_what_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", (ROOT / page).read_text(encoding="utf-8"))
    gone = [link for link in links if "://" not in link and not (ROOT / page.parent / link).exists()]
    assert gone == []


def test_make_help_lists_everything_that_can_be_made() -> None:
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    listed = re.findall(r"^make ([\w-]+) +\S", _run("make", "-s", "help").stdout, re.MULTILINE)
    assert phony is not None
    assert sorted(listed) == sorted(phony.group(1).split())


# ---------------------------------------------------------------------------------------------------------- faults


def test_every_fault_code_is_listed_once_and_in_order() -> None:
    listed = [code for code, _ in generate.meanings()]
    assert listed == sorted({use.code for use in generate.uses()}), (
        f"docs/errors.md lists other codes than pbr/ uses. Drafts of what is missing:\n{generate.drafts()}"
    )


def test_no_two_fault_codes_mean_the_same() -> None:
    said = [meaning for _, meaning in generate.meanings()]
    assert len(said) == len(set(said))


# A digit belongs to its rooms; jobs and the command line put rooms together and may speak for any of them.
ROOMS = {
    "1": {"workspace", "sources"},
    "2": {"rulebook"},
    "3": {"linkage"},
    "4": {"measures", "engines"},
    "5": {"claims"},
    "6": {"ledger"},
    "7": {"audit", "reports"},
}


def test_a_fault_code_belongs_to_the_room_of_its_first_digit() -> None:
    strays = [use for use in generate.uses() if use.room not in ROOMS[use.code[1]] | {"jobs", "cli"}]
    assert strays == []


def test_a_fault_code_is_raised_by_one_room() -> None:
    rooms: dict[str, set[str]] = {}
    for use in generate.uses():
        if use.texts:
            rooms.setdefault(use.code, set()).add(use.room)
    assert {code: found for code, found in rooms.items() if len(found) > 1} == {}


# ------------------------------------------------------------------------------------------------------- the house


def test_the_top_of_the_house_holds_what_is_expected() -> None:
    folders = {path.parts[0] for path in FILES if len(path.parts) > 1}
    assert folders == {".ci", "claims", "docs", "fixtures", "pbr", "rules", "tests"}


def test_no_module_has_a_name_that_says_nothing() -> None:
    idle = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "base", "core", "lib"}
    assert [path for path in MODULES if idle & {path.stem, *path.parent.parts}] == []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_opens_with_what_it_is_for(path: Path) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    said = ast.get_docstring(ast.parse(text))
    if path.parts[0] == "tests" and path.name == "__init__.py" and not text:
        return
    assert said, f"{path} has no docstring"
    assert said[0].isupper() or said.startswith(("`", "pbr")), f"{path}: the docstring is a sentence"


FORBIDDEN = {
    "a package index": r"pypi\.(?:org|python)|pythonhosted\.org|npmjs\.(?:com|org)|deb\.debian\.org|crates\.io",
    "a folder of one machine": r"(?<![\w.*}-])/(?:work|root|home|opt|Users)/|\.pyenv|site-packages/",
    "papers that do not travel with the project": r"shared/(?:spec|design|style|domain|librar|durable)|\.library/"
    r"|(?<![\w/-])(?:domain|libraries|durable-rules|design|style)\.md\b|\bspec [1-4]\b",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    found = []
    for path in FILES:
        if path == Path("tests/test_house.py"):
            continue
        text = (ROOT / path).read_bytes().decode("utf-8", errors="ignore")
        found += [f"{path}: {hit.group()}" for hit in re.finditer(FORBIDDEN[what], text)]
    assert found == []


def test_only_the_command_line_reads_the_clock() -> None:
    clocks = {"now", "utcnow", "today", "localtime", "gmtime", "time_ns"}
    found = []
    for path in MODULES:
        if path.parts[0] != "pbr" or path.parts[1] == "cli":
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=of, attr=name)) if name in clocks or (
                    name == "time" and isinstance(of, ast.Name) and of.id == "time"
                ):
                    found.append(f"{path}:{node.lineno}")
    assert found == []


def test_no_float_stands_between_evidence_and_claim() -> None:
    found = []
    for path in MODULES:
        if path.parts[0] != "pbr" or path.parts[1] not in {"rulebook", "measures", "engines", "claims", "values.py"}:
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            match node:
                case ast.Constant(value=float()) | ast.Attribute(attr="Float32" | "Float64"):
                    found.append(f"{path}:{node.lineno}")
                case ast.Call(func=ast.Name(id="float")):
                    found.append(f"{path}:{node.lineno}")
    assert found == []


# ------------------------------------------------------------------------------------------------- lock and wheel


def _locked(name: str) -> dict[str, tuple[str, int]]:
    """What a lock file pins: name → (requirement, how many hashes)."""
    text = re.sub(r"#.*", "", (ROOT / name).read_text()).replace("\\\n", " ")
    pins = {}
    for line in filter(str.strip, text.splitlines()):
        requirement, *hashes = line.split("--hash=sha256:")
        pins[canonicalize_name(Requirement(requirement.strip()).name)] = (requirement.strip(), len(hashes))
    return pins


LOCKS = {
    "requirements.txt": PROJECT["project"]["dependencies"],
    "requirements-build.txt": PROJECT["dependency-groups"]["build"],
    "requirements-dev.txt": PROJECT["dependency-groups"]["dev"],
}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_every_package_with_hashes(lock: str) -> None:
    assert {name: pin for name, (pin, hashes) in _locked(lock).items() if not hashes or "==" not in pin} == {}


@pytest.mark.parametrize("lock", LOCKS)
def test_what_is_locked_is_what_is_declared(lock: str) -> None:
    pins = _locked(lock)
    for declared in map(Requirement, LOCKS[lock]):
        pin = Requirement(pins[canonicalize_name(declared.name)][0])
        version = next(iter(pin.specifier)).version
        assert version in declared.specifier, f"{declared} is locked at {version}: run `make lock`"


def test_the_locks_agree_on_every_package_they_share() -> None:
    pins: dict[str, set[str]] = {}
    for lock in LOCKS:
        for name, (pin, _) in _locked(lock).items():
            pins.setdefault(name, set()).add(str(Requirement(pin).specifier))
    assert {name: found for name, found in pins.items() if len(found) > 1} == {}


def test_everything_that_pbr_imports_is_declared() -> None:
    known = {
        "dateutil": "python-dateutil",
        "durable": "durable-rules",
        "durable_rules_engine": "durable-rules",
        "pydantic_core": "pydantic",
        "stdnum": "python-stdnum",
        "yaml": "pyyaml",
    }
    declared = {canonicalize_name(Requirement(line).name) for line in PROJECT["project"]["dependencies"]}
    imported = set()
    for path in MODULES:
        if path.parts[0] == "pbr":
            for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
                match node:
                    case ast.Import(names=names):
                        imported |= {name.name.split(".")[0] for name in names}
                    case ast.ImportFrom(module=str(module), level=0):
                        imported.add(module.split(".")[0])
    foreign = imported - set(sys.stdlib_module_names) - {"pbr"}
    assert {canonicalize_name(known.get(name, name)) for name in foreign} <= declared


def test_the_wheel_carries_packs_contract_and_generator(tmp_path: Path) -> None:
    built = _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path)
    assert built.returncode == 0, built.stdout + built.stderr
    names = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    moved = [path for path in FILES if path.parts[0] in {"rules", "claims"} or path == Path("fixtures/make.py")]
    assert {path.parts[0] for path in moved} == {"rules", "claims", "fixtures"}
    assert {f"pbr/_data/{path.as_posix()}" for path in moved} <= names
    assert {path.as_posix() for path in FILES if path.parts[0] == "pbr"} <= names
    assert "pbr/py.typed" in names
    assert {name.split("/")[0] for name in names} == {"pbr", "pbr-0.1.0.dist-info"}


def test_an_editable_install_copies_nothing_that_could_go_stale(tmp_path: Path) -> None:
    built = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["editable"]))
    names = zipfile.ZipFile(built).namelist()
    assert "_pbr.pth" in names
    assert [name for name in names if name.startswith("pbr/")] == []


# ---------------------------------------------------------------------------------------------- the first minute


def _python(tmp_path: Path, version: str) -> Path:
    """A stand-in for a Python of some version, which has everything else."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\ncase $2 in *version_info*) echo {version} ;; esac\n")
    python.chmod(0o755)
    return python


@pytest.mark.parametrize("version", ["3.11", "3.12"])
def test_a_machine_with_all_it_needs_hears_nothing(tmp_path: Path, version: str) -> None:
    ran = _run(".ci/machine", _python(tmp_path, version), CC="true")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize("version", ["2.7", "3.10", "3.13", "3.110"])
def test_a_python_that_the_lock_is_not_for_is_named_with_its_version(tmp_path: Path, version: str) -> None:
    ran = _run(".ci/machine", _python(tmp_path, version), CC="true")
    assert ran.returncode == 1
    assert f"is Python {version};" in ran.stderr
    assert "make PYTHON=" in ran.stderr


def test_a_machine_without_python_is_told_which_to_install() -> None:
    ran = _run(".ci/machine", "no-such-python")
    assert ran.returncode == 1
    assert "no 'no-such-python' here. Install Python 3.11 or 3.12" in ran.stderr


def test_a_machine_without_a_c_compiler_is_told_why_it_needs_one(tmp_path: Path) -> None:
    ran = _run(".ci/machine", _python(tmp_path, "3.11"), CC="no-such-compiler")
    assert ran.returncode == 1
    assert "no C compiler ('no-such-compiler'), and durable-rules is built from source" in ran.stderr

# Everything a developer does, by name. `make help` lists it.

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
FAMILIES ?= 200
SEED ?= 1

bin := $(VENV)/bin
pip := $(bin)/python -m pip --disable-pip-version-check -qq
uv := $(bin)/uv --no-config
environment := $(VENV)/.environment
installed := $(VENV)/.installed

.DELETE_ON_ERROR:
.PHONY: help demo test lint types layers tests mutants lowest bench bench-linkage docs lock clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(installed) ## set up, make a synthetic authority in demo/, and take it from extracts to a claim
	rm -rf demo
	$(bin)/pbr demo demo --families $(FAMILIES) --seed $(SEED)

test: lint types layers tests ## everything: lint, types, import layers, tests

lint: $(installed) ## style and layout of the code
	$(bin)/ruff check .
	$(bin)/ruff format --check .

types: $(installed) ## mypy, strict, over pbr/
	$(bin)/mypy

layers: $(installed) ## who may import whom
	$(bin)/lint-imports --no-logo

tests: $(installed) ## the tests, and the examples in docstrings and in the README
	$(bin)/pytest -n $(WORKERS) --dist worksteal

mutants: $(installed) ## every small mistake that could be made in a rule pack, and whether one of its cases tells it
	$(bin)/python -m tests.rulebook.mutants

lowest: $(installed) ## the tests again, on the lowest versions that pyproject.toml admits
	mkdir -p build
	$(uv) pip compile -q --resolution lowest-direct --python $(bin)/python pyproject.toml -o build/lowest.txt
	$(uv) venv -q --clear --python $(bin)/python build/lowest
	$(uv) pip install -q --python build/lowest -r build/lowest.txt --editable . \
		build cogapp hatchling hypothesis packaging pytest pytest-xdist xlsxwriter
	build/lowest/bin/python -m pytest -n $(WORKERS) --dist worksteal

bench: $(installed) ## where time and memory go, beside the floor of a bare query
	$(bin)/python -m tests.bench

bench-linkage: $(installed) ## how well and how fast records are linked, beside splink alone
	$(bin)/python -m tests.bench.linkage

docs: $(installed) ## write again the parts of the docs that come from the code
	$(bin)/cog -r -I docs README.md docs/*.md

# The lock is for every platform and Python at once, with the hash of every file of a release, and names no index.
lock: $(installed) ## resolve the dependencies again, to the newest that fit
	$(uv) pip compile $(compile) pyproject.toml -o requirements.txt
	$(uv) pip compile $(compile) --group build -o requirements-build.txt
	$(uv) pip compile $(compile) --group dev -c requirements.txt -c requirements-build.txt -o requirements-dev.txt

compile := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"

clean: ## remove the environment, caches and everything made
	rm -rf $(VENV) build dist demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------------------------------------- the environment

$(environment): requirements-build.txt requirements.txt requirements-dev.txt
	@.ci/machine $(PYTHON)
	test -x $(bin)/python || $(PYTHON) -m venv $(VENV)
	$(pip) install --require-hashes -r requirements-build.txt
	$(pip) install --require-hashes --no-build-isolation -r requirements.txt -r requirements-dev.txt
	touch $@

$(installed): $(environment) pyproject.toml
	$(pip) install --no-build-isolation --no-deps --editable .
	touch $@

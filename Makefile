# Every verb sets up what it needs first; `make setup` alone does nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
BIN := .venv/bin
FLOOR := 90
RULES := core/retrust/approval/policies.py,core/retrust/approval/required.py,core/retrust/approval/rules.py,core/retrust/approval/standing.py,core/retrust/approval/decisions.py,core/retrust/trust/verdicts.py,core/retrust/runs/plan.py
export DO_NOT_TRACK := 1

.PHONY: help setup demo test test-fast test-all test-pythons coverage format lint bench scale-test docs lock clean

help:
	@echo "make demo [YES=1]   the whole story in the lab, end to end"
	@echo "make test           before a commit: all but whole stories and long searches, the browser included"
	@echo "make test-fast      the core's rules: no browser, no server of any kind, no process of the command line"
	@echo "make test-all       every test, as CI runs them"
	@echo "make test-pythons   test-fast on every other supported Python that is found"
	@echo "make coverage       how much of the core its own tests reach, with a floor"
	@echo "make format         ruff format over the whole tree"
	@echo "make lint           format checked, ruff, mypy, import-linter"
	@echo "make bench          figures beside their peers, into benchmarks/RESULTS.md"
	@echo "make scale-test     many sites, many workers, killed at random"
	@echo "make docs           what is generated from the code, generated again"
	@echo "make setup          .venv from the lock, and Chromium; every verb above calls it"

setup: .venv/.ready

.venv/.ready: requirements.lock requirements-dev.lock pyproject.toml setup.sh
	@./setup.sh
	@touch $@

demo: setup
	@exec $(BIN)/retrust demo $(if $(YES),--yes)

TEST := $(BIN)/pytest -n 2 --dist loadgroup
CORE := -m "not browser and not prefect and not slow" -k "not postgresql" tests/core
FAST := $(CORE) --ignore=tests/core/cli --ignore=tests/core/ssh

test: setup
	@$(TEST) -m "not slow"

test-fast: setup
	@$(TEST) $(FAST)

test-all: setup
	@RETRUST_THOROUGH=1 $(TEST)

test-pythons: setup
	@.ci/pythons $(FAST)

coverage: setup
	@$(TEST) -q $(CORE) --cov --cov-report=
	@$(BIN)/coverage report --include="core/retrust/*" --omit="core/retrust/cli/*,core/retrust/testing/*" --fail-under=$(FLOOR)
	@$(BIN)/coverage report -m --include="$(RULES)" --fail-under=100

format: setup
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --select I .

lint: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: setup
	@PYTHONPATH=tests $(BIN)/python -m benchmarks

scale-test: setup
	@PYTHONPATH=tests $(BIN)/python -m benchmarks.scale

docs: setup
	@$(BIN)/python -m docs.generate

lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --group dev -c requirements.lock -o requirements-dev.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --no-deps --group scale -c requirements.lock -o requirements-scale.lock

clean:
	rm -rf .venv

# Every verb sets up what it needs first; `make setup` alone does nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
BIN := .venv/bin
export DO_NOT_TRACK := 1

.PHONY: help setup demo test format lint bench scale-test docs lock clean

help:
	@echo "make demo [YES=1]   the whole story in the lab, end to end"
	@echo "make test           every test, the browser's included"
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

test: setup
	@$(BIN)/pytest -n 2 --dist loadgroup

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

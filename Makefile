# Everything a newcomer needs. Only Python 3.11+ and make are asked for.
PYTHON ?= python3
PORT ?= 8080
STATE ?= demo
BIN := .venv/bin
TESTS ?= tests
# One more than cores: half of the tests' time is waiting for processes, limits and servers.
WORKERS ?= 3

.DEFAULT_GOAL := help

help:  ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

.venv/runtime: requirements/runtime.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Sotesilta needs Python 3.11 or newer; name one with PYTHON=")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: .venv/runtime requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

setup: .venv/runtime  ## The environment from the lock file, with .venv/bin/silta

demo: setup  ## Sandbox and hub on SQLite, no server needed (PORT=8080 STATE=demo)
	$(BIN)/silta demo --port $(PORT) --state $(STATE)

check: .venv/dev  ## Lint, format, types, import contracts, sizes, documents
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.house

test: .venv/dev  ## All tests (PostgreSQL and RabbitMQ when SILTA_TEST_POSTGRES / SILTA_TEST_RABBITMQ name them)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not long" --durations=25 $(TESTS)

test-long: .venv/dev  ## The longer suites: a million schedules, all rounds of the races
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m long $(TESTS)

bench: .venv/dev  ## How fast it is here; prints its conditions
	$(BIN)/python -m tests.bench

lock:  ## Make the lock files again (needs uv)
	uv pip compile $(LOCK) --group build -o requirements/runtime.lock
	uv pip compile $(LOCK) --group build --group dev -c requirements/runtime.lock -o requirements/dev.lock
LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet pyproject.toml

clean:  ## Remove what was made
	rm -rf .venv demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.PHONY: help setup demo check test test-long bench lock clean

# `make demo` and `make test` do all the set-up. Everything made lives in .venv, node_modules, .build.
.DEFAULT_GOAL := help
SHELL := /bin/bash
export UV_PYTHON_DOWNLOADS := never
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 18,20

UV := .build/tools/bin/uv
BIN := .venv/bin

.PHONY: help install check test demo bench lock build clean format events

help:            ## Show this list.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 12

install: .build/stamps/install  ## Make .venv, node_modules and the embedded AWS's environment.

.build/stamps/tools: requirements/tools.txt
	@mkdir -p .build/stamps
	@python3 bootstrap.py
	@touch $@

.build/stamps/install: .build/stamps/tools requirements/dev.txt requirements/emulator.txt package-lock.json pyproject.toml
	@echo "Installing Python packages…"
	@$(UV) pip install -q --compile-bytecode --python .venv/bin/python --require-hashes -r requirements/dev.txt
	@$(UV) pip install -q --python .venv/bin/python --no-deps --no-build-isolation -e .
	@$(UV) pip install -q --compile-bytecode --python .build/emulator/bin/python --require-hashes -r requirements/emulator.txt
	@echo "Installing the CDK command line…"
	@npm ci --silent --no-audit --no-fund
	@touch $@

build: install   ## Build what is deployed: layers, model package.
	@$(BIN)/python -m ops.build

lock: .build/stamps/tools  ## Lock every requirements/*.in again.
	@for name in tools dev core vision emulator model; do \
	  $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make lock" requirements/$$name.in -o requirements/$$name.txt; done
	@for name in weights portraits; do \
	  $(UV) pip compile -q --universal --python-version 3.11 --no-deps --generate-hashes \
	    --custom-compile-command "make lock" requirements/$$name.in -o requirements/$$name.txt; done

format: install  ## Format the code.
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

check: install   ## Format, lint, types, import contracts, unit and contract tests. Under a minute.
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q tests/unit tests/contract

test: check build  ## Everything that CI runs.
	@# The template's tests and the running system's side by side: it saves a minute on two cores.
	@log=.build/test-infrastructure.log; $(BIN)/pytest tests/infrastructure >$$log 2>&1 & pid=$$!; \
	  $(BIN)/pytest --durations=8 tests/integration; integration=$$?; \
	  wait $$pid; infrastructure=$$?; cat $$log; exit $$((integration + infrastructure))

events: install  ## Write docs/events.md and the JSON schemas from the event models.
	@$(BIN)/python -m ops.events

demo: install    ## The main job: video in, BMS commands out, on the embedded AWS.
	@$(BIN)/headcount demo

bench: install   ## CPU costs, as ratios measured in one run.
	@$(BIN)/python -m bench

clean:           ## Remove everything that was made.
	rm -rf .venv .build node_modules cdk.out

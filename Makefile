# `make demo` and `make test` do all the set-up. Everything made lives in .venv, node_modules, .build.
.DEFAULT_GOAL := help
SHELL := /bin/bash
export UV_PYTHON_DOWNLOADS := never
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 18,20

UV := .build/tools/bin/uv
BIN := .venv/bin

TRAINING := .build/training/bin/python

.PHONY: help install check test demo bench lock build clean format events training launch train-demo

help:            ## Show this list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 12

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
	@echo "Installing the CDK command line and a browser for tests…"
	@npm ci --silent --no-audit --no-fund
	@touch $@

# Torch is installed by pip and without a hash: docs/adr/0010-two-environments.md says why.
.build/stamps/training: .build/stamps/install requirements/training.txt requirements/torch.in
	@python3 bootstrap.py training
	@echo "Installing the training environment…"
	@$(UV) pip install -q --compile-bytecode --python $(TRAINING) --no-deps --require-hashes -r requirements/training.txt
	@$(TRAINING) -m pip install -q --disable-pip-version-check -r requirements/torch.in >.build/training-pip.log 2>&1 \
	  || { cat .build/training-pip.log; exit 1; }
	@$(UV) pip install -q --python $(TRAINING) --no-deps --no-build-isolation -e .
	@touch $@

.build/stamps/launch: .build/stamps/install requirements/launch.txt
	@python3 bootstrap.py launch
	@$(UV) pip install -q --compile-bytecode --python .build/launch/bin/python --require-hashes -r requirements/launch.txt
	@$(UV) pip install -q --python .build/launch/bin/python --no-deps --no-build-isolation -e .
	@touch $@

training: .build/stamps/training  ## Make the training environment, with torch.

launch: .build/stamps/launch  ## Make the environment of training/launch.py, with the SageMaker SDK.

build: install   ## Build what is deployed: layers, model package.
	@$(BIN)/python -m ops.build

lock: .build/stamps/tools  ## Lock every requirements/*.in again.
	@for name in tools dev core numeric vision emulator model launch; do \
	  $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make lock" requirements/$$name.in -o requirements/$$name.txt; done
	@for name in training job; do \
	  $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --excludes requirements/training.excludes \
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
	@$(BIN)/pytest -q -n auto -m "not slow" tests/unit tests/contract

test: check build training  ## Everything that CI runs.
	@$(BIN)/python -c "from local.portraits import fetch_portraits; fetch_portraits()"
	@$(BIN)/pytest -q -n auto -m slow tests/unit
	@# The template's tests beside those of training, a core to each.
	@log=.build/test-infrastructure.log; $(BIN)/pytest tests/infrastructure >$$log 2>&1 & pid=$$!; \
	  $(TRAINING) -m pytest -q tests/training; training=$$?; \
	  wait $$pid; infrastructure=$$?; cat $$log; exit $$((training + infrastructure))
	@# Much of it is waiting: two workers, a module to each. What plays in real time goes first, while
	@# the other worker has little to do.
	@$(BIN)/pytest --durations=8 -n 2 --dist loadfile --no-loadscope-reorder \
	  tests/integration/test_demo_run.py tests/integration

events: install  ## Write docs/events.md and the JSON schemas from the event models.
	@$(BIN)/python -m ops.events

demo: install    ## The main job: video in, BMS commands out, on the embedded AWS.
	@$(BIN)/headcount demo

train-demo: .build/stamps/training  ## Train for a drift, compare, gate. FACES=DIR: on photographs.
	@$(BIN)/python -m training.train_demo $(if $(FACES),--faces $(FACES)) $(ARGS)

bench: install   ## CPU costs, as ratios measured in one run.
	@$(BIN)/python -m bench

clean:           ## Remove everything that was made.
	rm -rf .venv .build node_modules cdk.out

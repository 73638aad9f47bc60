# `make demo` and `make test` work in a fresh clone with Python 3.11, Node 20, JDK 17, Maven, and Debian's apt-get or a
# redis-server 7 on the PATH. No root is needed; everything else is installed below this folder: `.venv`,
# `tests/sdk/node_modules`, `.cache` with Elasticsearch, Redis and the command lines of other systems.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
TESTING := $(VENV)/.testing-installed
SDK := tests/sdk/node_modules/.installed
PYTEST := $(BIN)/python -m pytest
UBIDOTS_CLI := .cache/ubidots-cli/.installed
ANSWERS := .cache/answers
AWS_CLI := .cache/aws-cli/bin/aws
WORKERS ?= 2

# The tests start some hundreds of servers: without its bytecode each of them compiles the product for two seconds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install serve demo docs check format test soak bench elasticsearch redis aws-cli clean

help:  ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): pyproject.toml | $(BIN)/python
	@echo "installing device-manager into $(VENV)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(TESTING): pyproject.toml | $(BIN)/python
	@echo "installing device-manager and what its tests need into $(VENV)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ $(RUNTIME)

$(SDK): tests/sdk/package.json tests/sdk/package-lock.json
	@echo "installing the official SDK into tests/sdk/node_modules"
	npm ci --prefix tests/sdk --no-audit --no-fund --loglevel=error
	@touch $@

$(AWS_CLI):
	@echo "installing the command line of AWS into .cache/aws-cli"
	$(PYTHON) -m venv .cache/aws-cli
	.cache/aws-cli/bin/python -m pip install --quiet --disable-pip-version-check 'awscli>=1.46,<2'

aws-cli: $(AWS_CLI)

$(UBIDOTS_CLI): | $(BIN)/python
	@echo "installing the command line of Ubidots into $(@D): it cannot share an environment with the tests"
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check 'ubidots-cli==2.0.2'
	@touch $@

elasticsearch: $(TESTING)
	$(BIN)/python tests/elasticsearch_node/start.py --build

redis: $(TESTING)
	@$(BIN)/python tests/redis_server/build.py >/dev/null

install: $(RUNTIME)  ## Install the server and its command into .venv

serve: $(RUNTIME)  ## Start the server on port 7512 with the embedded store in ./data
	$(BIN)/device-manager serve

demo: $(RUNTIME)  ## Link 3,376 airports to their weather stations on a server of its own, take in a year of temperatures, show it
	$(BIN)/device-manager demo

check: $(TESTING)  ## Lint, formatting, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=tests/elasticsearch:tests/tasks/victim:tests/cli/incumbent $(BIN)/mypy --explicit-package-bases tests examples benchmarks
	$(BIN)/lint-imports

docs: $(RUNTIME)  ## Write the pages of docs/ that follow from the code
	$(BIN)/python docs/reference.py

format: $(TESTING)  ## Format the code and apply the safe fixes of the linter
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: $(TESTING) $(SDK) elasticsearch redis aws-cli  ## Run all tests on both stores, the official SDK's included
	rm -rf $(ANSWERS)
	$(PYTEST) -m "not soak and not alone and not whole_suite" -n $(WORKERS) --dist loadfile --answers=$(ANSWERS) --durations=15
	$(PYTEST) -m "alone and not soak" --answers=$(ANSWERS)
	$(PYTEST) -m whole_suite --answers=$(ANSWERS)

soak: $(TESTING) $(SDK) $(UBIDOTS_CLI) elasticsearch redis  ## Run the long crash and load tests, and look for new counterexamples
	$(PYTEST) -m soak
	$(PYTEST) -m "hypothesis and not soak" --hypothesis-profile=searching

bench: $(TESTING) elasticsearch  ## Measure and print the table of docs/benchmarks.md
	$(BIN)/python -m benchmarks

clean:  ## Remove everything that was installed or built
	rm -rf $(VENV) .cache tests/sdk/node_modules build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache

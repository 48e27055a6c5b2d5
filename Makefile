# bayes-cod: `make demo` shows a forecast, `make test` runs every check. Both set up .venv by themselves;
# the machine needs Python 3, pip, make and git.

UV := $(shell uv --version >/dev/null 2>&1 && echo uv || echo .bootstrap/bin/uv)
VENV := .venv
RUN := $(VENV)/bin
READY := $(VENV)/.ready
PYTHON_VERSION := $(shell cat .python-version)
PYTEST_ARGS ?= -n 2 --durations 15 --cov=bayes_cod --cov-report=term:skip-covered

export OMP_NUM_THREADS ?= 1
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

.DEFAULT_GOAL := help
.PHONY: help demo test fast lint format docs bench lock clean

help: ## Show the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

demo: $(READY) ## Forecast the bundled micro ladder's target into demo/
	$(RUN)/bayes-cod demo --out demo

test: lint docs $(READY) ## Style, types, documentation, notebooks and all tests
	$(RUN)/pytest $(PYTEST_ARGS)

fast: lint $(READY) ## Style, types and the quick tests
	$(RUN)/pytest -n 2 -m "not slow"

lint: $(READY) ## Style and types
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy

format: $(READY) ## Put the style right
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

bench: $(READY) ## Speed, as ratios measured in one run
	$(RUN)/python -m tests.benchmarks

docs: $(READY) ## Build the documentation into docs/_build/html; warnings are errors
	$(RUN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

lock: $(READY) ## Renew requirements.lock from pyproject.toml
	$(UV) pip compile pyproject.toml --group dev --group docs --python-version $(PYTHON_VERSION) --upgrade \
	  --no-header --no-annotate --quiet --output-file requirements.lock

clean: ## Remove what the targets above made
	rm -rf $(VENV) .bootstrap demo docs/_build .pytest_cache .mypy_cache .ruff_cache

$(READY): requirements.lock pyproject.toml .python-version | $(filter .bootstrap/%,$(UV))
	$(UV) venv --quiet --allow-existing --python $(PYTHON_VERSION) $(VENV)
	$(UV) pip install --quiet --compile-bytecode --requirement requirements.lock
	$(UV) pip install --quiet --no-deps --editable .
	touch $(READY)

.bootstrap/bin/uv:
	python3 -m venv .bootstrap
	.bootstrap/bin/pip install --quiet uv

# Everything a newcomer needs: `make lesson`, `make test`. Needs Python 3.11 or newer, and make.
PYTHON ?= python3
VENV ?= .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
# Small matrices: two BLAS threads that wait for each other cost more than they give.
export OPENBLAS_NUM_THREADS ?= 1
export PYTHONHASHSEED ?= 0

LESSON ?= c1w2-logistic-regression
OUT ?= out/$(LESSON)
ARGS ?=
JOBS ?= 2
# Lessons that `make test` tests: those that changed first, then others, chosen by the commit.
LESSONS ?= 12
QUICK = $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal -m "not slow and not torch"

.PHONY: help lesson test test-all lint types format wheel benchmark site clean

help:
	@echo "make lesson     environment, then one lesson  (LESSON=$(LESSON) OUT=$(OUT) ARGS=--fast)"
	@echo "make test       environment, then tests, linters and types  (LESSONS=$(LESSONS) of them)"
	@echo "make test-all   all lessons, and what is long: configurations, notebooks, oracle, soak"
	@echo "make benchmark  training steps side by side with what else is installed"
	@echo "make site       the site, in build/site, with lessons run fast  (LESSONS=full, none or names)"
	@echo "make clean      remove the environment and what was made"

lesson: $(VENV)/.lesson
	$(BIN)/tinygrad-dls lesson $(LESSON) --out $(OUT) $(ARGS)

test: $(VENV)/.dev lint types
	$(QUICK) --lessons $(LESSONS)

test-all: $(VENV)/.dev lint types
	$(QUICK) --hypothesis-profile fresh
	$(BIN)/python tools/test_matrix.py

lint: $(VENV)/.dev
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .

wheel: $(VENV)/.dev
	$(BIN)/python -m build --wheel --outdir dist .

benchmark: $(VENV)/.dev
	$(BIN)/tinygrad-dls benchmark $(ARGS)

# Lessons are run once, and kept in build/site-cache.
site: LESSONS = fast
site: $(VENV)/.site
	$(BIN)/python tools/website --lessons $(LESSONS) --jobs $(JOBS)

# The environment is made once, and again when what it needs has changed. A second run needs no
# network.
$(VENV)/.lesson: setup.cfg pyproject.toml tools/install.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "installing packages into $(VENV): about 750 MB, a few minutes the first time ..."
	$(BIN)/python tools/install.py lessons viz
	@touch $@

$(VENV)/.dev: $(VENV)/.lesson
	$(BIN)/python tools/install.py dev
	@touch $@

$(VENV)/.site: $(VENV)/.lesson
	$(BIN)/python tools/install.py site
	@touch $@

clean:
	rm -rf $(VENV) build dist out *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

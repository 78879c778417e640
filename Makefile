# `make demo` to look, `make test` to check. Both set up .venv by themselves; Python 3.11+ and make are all they assume.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Half of the tests wait for other processes: four workers keep two cores busy, in the order that tests/conftest.py makes.
PYTEST_ARGS ?= -n 4 --dist loadfile --no-loadscope-reorder

.PHONY: demo test check format pictures fuzz chaos soak clean

demo: $(VENV)/.demo
	@$(BIN)/v2g-console demo $(ARGS)

test: check
	@$(BIN)/python -m pytest -q $(PYTEST_ARGS)

check: $(VENV)/.test
	@$(BIN)/ruff format --check --quiet . || { echo "run 'make format'"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.test
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "v2g_console needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Set PYTHON=python3.11 (Debian: apt-get install python3.11)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "this Python has no ensurepip: install its venv package (Debian: apt-get install python3-venv)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo]'
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,test]'
	@touch $@ $(VENV)/.demo

pictures: $(VENV)/.test
	@$(BIN)/python docs/make_pictures.py

MINUTES ?= 5
# ARGS="--only ack" for one target. atheris has wheels for some systems only; without it the examples are damaged at random.
fuzz: $(VENV)/.test
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fuzz]' || echo "no atheris here: going on without coverage"
	@$(BIN)/python -m tests.fuzz.run --minutes $(MINUTES) $(ARGS)

SEEDS ?= 20
FIRST ?= 1
# Real brokers, engine and vehicles, and what goes wrong between them; a table at the end. ARGS=--mutants: a broken engine must be caught.
chaos: $(VENV)/.test
	@CHAOS_LONG=1 $(BIN)/python -m pytest -q -n 0 tests/chaos
	@$(BIN)/python -m tests.chaos --seeds $(SEEDS) --first $(FIRST) $(ARGS)

# make soak MINUTES=10: a large fleet, dispatch after dispatch, a dying broker; memory, tasks, threads and files must not grow.
soak: $(VENV)/.test
	@$(BIN)/python -m tests.chaos.soak --minutes $(MINUTES) $(ARGS)

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .hypothesis .import_linter_cache

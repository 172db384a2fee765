# make setup | demo | test | lint | clean. Everything lives in .venv and runs/; nothing is installed outside this folder.

PYTHON ?= python3
EXTRAS ?= train,ray,reports,accuracy,dev
VENV := .venv
BIN := $(VENV)/bin
DEMO := runs/demo
# Test files run side by side on so many processors.
TEST_WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest --numprocesses $(TEST_WORKERS) --dist loadfile
# A set-up is done again only when what it was made from has changed.
STAMP := $(VENV)/.installed-$(shell { cat pyproject.toml constraints.txt; echo '$(EXTRAS)'; } | cksum | cut -d' ' -f1)

.PHONY: setup demo test test-all lint format lock clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "prefixrl needs Python 3.11 or newer; this is $$($(PYTHON) --version). Name another one: make setup PYTHON=python3.12" >&2; exit 2; }
	@if command -v uv >/dev/null 2>&1; then \
	  { test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) $(VENV); } && \
	  uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[$(EXTRAS)]'; \
	else \
	  { test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV); } && \
	  PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]'; \
	fi
	@rm -f $(VENV)/.installed-* && touch $@
	@echo "set up in $(VENV); try: $(BIN)/prefixrl doctor"

# Trains on a real 16-bit adder, shows the front against the textbook's adders, exports the best netlist with its proof.
demo: setup
	@rm -rf $(DEMO) $(DEMO)-export
	$(BIN)/prefixrl train --preset demo --out $(DEMO)
	$(BIN)/prefixrl pareto $(DEMO) --plot $(DEMO)/front.png
	$(BIN)/prefixrl export $(DEMO) --pick knee --out $(DEMO)-export

test: setup lint
	$(PYTEST) -m 'not slow'

test-all: setup lint
	$(PYTEST)

lint: setup
	$(BIN)/ruff check prefixrl tests
	$(BIN)/ruff format --check prefixrl tests
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix prefixrl tests
	$(BIN)/ruff format prefixrl tests

# Renew constraints.txt from the newest versions that fit together, in a scratch environment.
lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet --editable '.[train,ray,reports,accuracy,dev]'
	{ head -n 1 constraints.txt; .venv-lock/bin/pip freeze --exclude-editable | sed 's/+[a-z0-9.]*$$//' | grep -v -i -e '^nvidia' -e '^cuda' -e '^triton'; } > constraints.new
	mv constraints.new constraints.txt && rm -rf .venv-lock

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis $(DEMO) $(DEMO)-export
	find prefixrl tests -name __pycache__ -type d -exec rm -rf {} +

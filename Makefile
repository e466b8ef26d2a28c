# Every target sets up its own virtual environment; nothing else needs to be installed or activated.
PYTHON ?= python3
VENV ?= .venv
# Real plates for the tests that need them; without the folder those tests are skipped.
PLATEFLOW_TEST_DATA ?= $(shell cd ../shared/data 2>/dev/null && pwd)

ifneq ($(strip $(PLATEFLOW_TEST_DATA)),)
export PLATEFLOW_TEST_DATA
endif
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Reaches the build's own environment too, which --constraint does not.
export PIP_CONSTRAINT := constraints.txt

BIN = "$(VENV)/bin"
PIP_INSTALL = $(BIN)/python -m pip install -qq --constraint constraints.txt
PINS = import json, sys; [print(p["name"].lower().replace("_", "-") + "==" + p["version"]) \
  for p in (i["metadata"] for i in json.load(open(sys.argv[1]))["install"])]
EXTRAS := dev,gui,gui-pyside,dask,web,measure,bench
# A virtual environment is tied to the folder it was made in: a copied or moved checkout makes its own again.
HERE := $(shell printf '%s' '$(CURDIR)/$(VENV)' | cksum | cut -d ' ' -f 1)
MADE := $(VENV)/.stamp-venv-$(HERE)
RUNTIME := $(VENV)/.stamp-runtime
DEV := $(VENV)/.stamp-dev
BENCH := $(VENV)/.stamp-bench
QT := $(VENV)/.stamp-qt
INTEROP := $(VENV)-interop
TEST_GUI = QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest -p pytestqt.plugin tests/gui -n auto --dist loadfile
QT_LIBRARIES := libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0 fonts-dejavu-core
X_LIBRARIES := xvfb libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-shape0 \
  libxcb-xkb1 libxkbcommon-x11-0
NEEDS_ROOT = [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "$(1) needs libraries of the system; as root: \
	apt-get install $(2)" >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help demo test slow test-gui test-gui-pyside qt-libraries x-libraries interop interop-constraints chaos lint format bench bench-gui schema pictures screenshots constraints clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1|/p' Makefile | awk -F '|' '{printf "make %-15s %s\n", $$1, $$2}'

demo: $(RUNTIME) ## make a small plate, run a pipeline over it and show its live progress (results in demo/)
	@$(BIN)/plateflow demo demo

test: $(DEV) ## run the tests; those on real plates need PLATEFLOW_TEST_DATA
	@$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"

slow: $(DEV) ## run the tests that make test leaves out, whole plates and ended processes
	@$(BIN)/python -m pytest -n auto --dist loadfile -m slow

test-gui: $(QT) ## run the tests of the window with PyQt6, drawn offscreen; a whole plate too, so it takes minutes
	@QT_API=pyqt6 PYTEST_QT_API=pyqt6 $(TEST_GUI)

test-gui-pyside: $(QT) ## run the same tests with PySide6
	@QT_API=pyside6 PYTEST_QT_API=pyside6 $(TEST_GUI)

interop: $(RUNTIME) ## open results with ngio, ome-zarr-py, napari-ome-zarr, pandas and pycytominer, in an environment of their own
	@"$(VENV)/bin/python" -m venv $(if $(wildcard $(INTEROP)/.stamp-*),,--clear) "$(INTEROP)"
	@[ -e "$(INTEROP)/.stamp-$(HERE)" ] || { echo "Installing what opens the results into $(INTEROP) ..."; \
	  PIP_CONSTRAINT=tests/interop/constraints.txt "$(INTEROP)/bin/python" -m pip install -qq -r tests/interop/requirements.txt \
	  && touch "$(INTEROP)/.stamp-$(HERE)"; }
	@results=$$(mktemp -d) && trap 'rm -rf "$$results"' EXIT && $(BIN)/python -m tests.interop.make_results "$$results" \
	  && PLATEFLOW_RESULTS="$$results/results" "$(INTEROP)/bin/python" -m pytest -q --noconftest -c /dev/null --rootdir tests/interop \
	  -p no:cacheprovider --disable-warnings tests/interop

interop-constraints: $(RUNTIME) # resolve tests/interop/requirements.txt anew; make interop first
	@PIP_CONSTRAINT= "$(INTEROP)/bin/python" -m pip install -qq --dry-run --ignore-installed --report "$(INTEROP)/resolved.json" \
	  -r tests/interop/requirements.txt
	@{ grep '^#' tests/interop/constraints.txt; $(BIN)/python -c '$(PINS)' "$(INTEROP)/resolved.json" | sort; } > "$(INTEROP)/constraints.txt"
	@mv "$(INTEROP)/constraints.txt" tests/interop/constraints.txt

chaos: $(DEV) ## prove the promises under faults, counted; PLATEFLOW_CHAOS=full makes the whole counts
	@$(BIN)/python -m pytest tests/chaos -n auto --dist loadfile -rP --timeout 900

lint: $(DEV) ## check style, types and layers
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/lint-imports --no-logo

format: $(DEV) ## mend what the linter can mend, and format
	@$(BIN)/python -m ruff check --fix .
	@$(BIN)/python -m ruff format .

bench: $(BENCH) ## measure against the targets, each beside its peer or floor
	@$(BIN)/python -m bench

bench-gui: $(QT) ## measure the window against its goals, on an X server of its own; --long by ARGS=--long
	@command -v Xvfb >/dev/null || $(MAKE) --no-print-directory x-libraries
	@$(BIN)/python -m bench.gui $(ARGS)

schema: $(DEV) ## write docs/progress.schema.json from the message types
	@$(BIN)/python -c "from plateflow.progress.schema import schema_text; print(schema_text(), end='')" > docs/.schema.tmp
	@mv docs/.schema.tmp docs/progress.schema.json

pictures: $(DEV) ## make the pictures of README (needs real plates)
	@$(BIN)/python docs/pictures/make.py

screenshots: $(QT) ## make the pictures of docs/plate-manager.md from the real window, drawn offscreen
	@QT_QPA_PLATFORM=offscreen PYTHONPATH=. $(BIN)/python docs/pictures/gui/make.py

constraints: $(MADE) ## resolve every extra anew and write constraints.txt
	@$(BIN)/python -m pip install -qq --dry-run --ignore-installed --report "$(VENV)/resolved.json" '.[$(EXTRAS)]'
	@{ grep '^#' constraints.txt; $(BIN)/python -c '$(PINS)' "$(VENV)/resolved.json" | grep -v '^plateflow==' | sort; } > "$(VENV)/constraints.txt"
	@mv "$(VENV)/constraints.txt" constraints.txt

clean: ## remove caches, build results and demo/ (the virtual environment stays)
	rm -rf demo build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests bench examples -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE):
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "plateflow needs Python 3.11 or newer, \
	but '$(PYTHON)' is not: $$("$(PYTHON)" --version 2>&1 | tail -n 1). Name another: make PYTHON=python3.11" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(if $(wildcard $(VENV)/.stamp-venv-*),--clear) "$(VENV)"
	@touch "$@"

$(RUNTIME): $(MADE) pyproject.toml constraints.txt
	@echo "Installing plateflow into $(VENV) ..."
	@$(PIP_INSTALL) --editable .
	@touch "$@"

$(DEV): $(MADE) pyproject.toml constraints.txt
	@echo "Installing plateflow and its development tools into $(VENV) ..."
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch "$(RUNTIME)" "$@"

$(QT): $(DEV)
	@$(PIP_INSTALL) --editable '.[dev,gui,gui-pyside]'
	@$(BIN)/python -c 'import PyQt6.QtWidgets' 2>/dev/null || $(MAKE) --no-print-directory qt-libraries
	@touch "$@"

qt-libraries: # of the system; needs root and Debian's apt
	@$(call NEEDS_ROOT,Qt,$(QT_LIBRARIES))
	@apt-get update -qq && apt-get install -y -qq --no-install-recommends $(QT_LIBRARIES) >/dev/null

x-libraries: # of the system, for a display without a screen
	@$(call NEEDS_ROOT,bench-gui,$(X_LIBRARIES))
	@apt-get update -qq && apt-get install -y -qq --no-install-recommends $(X_LIBRARIES) >/dev/null

$(BENCH): $(DEV)
	@echo "Installing the peers to measure against into $(VENV) ..."
	@$(PIP_INSTALL) --editable '.[dev,bench]'
	@touch "$@"

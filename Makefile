# Two commands: `make demo` installs what the library needs and runs its main job on the bundled
# simulated market; `make test` installs the developer's tools and runs every check.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: -c constraints.txt
# Real data beside the checkout is used when it is there, and then its tests may not be skipped.
ifneq ($(wildcard ../shared/data/olmedo2026),)
export ARBMODELS_DATA ?= $(CURDIR)/../shared/data
endif
ifneq ($(ARBMODELS_DATA),)
export ARBMODELS_REQUIRE_DATA := 1
endif

.PHONY: demo test test-fast lint types tests docs gallery figures notebooks benchmarks distribution constraints clean

demo: $(VENV)/base
	$(BIN)/arbmodels demo --output output/demo.png --force

# Everything, as continuous integration runs it: about ten minutes on two cores.
test: lint types tests

# For daily work: style, types, and all tests that take at most a few seconds.
test-fast: lint types
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadgroup -m "not slow"

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/deptry .

types: $(VENV)/dev
	$(BIN)/mypy

tests: $(VENV)/dev
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadgroup

# The site, in build/site; a warning is an error. Notebooks are shown as they are committed.
docs: $(VENV)/dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

# The pictures of the site, on the simulated market.
gallery: $(VENV)/dev
	$(BIN)/python docs/_site/draw_gallery.py

figures: $(VENV)/dev
	$(BIN)/python -m paper_figures

# Run the notebooks, each on its own market, and keep what they show.
notebooks: $(VENV)/dev
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace \
	  --ExecutePreprocessor.record_timing=False notebooks/*.ipynb

# Wheel and source distribution, in dist; the wheel runs the demo from an empty environment.
distribution: $(VENV)/dev
	$(PIP) -e ".[distribution]"
	rm -rf dist build/empty
	$(BIN)/python -m build --installer pip
	$(BIN)/python -m twine check --strict dist/*
	$(PYTHON) -m venv build/empty
	build/empty/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
	  -c constraints.txt dist/*.whl
	cd build/empty && bin/arbmodels formulations list && bin/arbmodels formulations show template && \
	  bin/arbmodels demo --output demo.png

benchmarks: $(VENV)/dev
	$(BIN)/python -m benchmarks.frontier_against_grid_search

# Resolve the newest versions anew and pin them.
constraints:
	$(PYTHON) -m venv $(VENV)-pins
	$(VENV)-pins/bin/python -m pip install --quiet --only-binary :all: -e ".[dev,distribution]"
	( echo "# Versions the tests pass with; made by 'make constraints'."; \
	  $(VENV)-pins/bin/python -m pip freeze --exclude-editable ) > constraints.txt
	rm -rf $(VENV)-pins

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "arbmodels needs Python 3.11 or newer; say which with: make demo PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "No virtual environment could be made. On Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/base: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing arbmodels into $(VENV) ..."
	@$(PIP) -e .
	@touch $@

$(VENV)/dev: $(VENV)/base
	@echo "Installing the developer's tools into $(VENV) ..."
	@$(PIP) -e ".[dev]"
	@touch $@

clean:
	rm -rf $(VENV) output build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

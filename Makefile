# make setup  .venv with the newest of Python 3.13 to 3.10 (PYTHON=PATH, TORCH=cpu|cuda to choose)
# make demo   install, then the whole chain on scikit-learn's digits
# make test   install, then all tests
# make test-3.10  the same on that Python, in a separate environment (3.10 to 3.13)
# make test-long  the statistical batteries, fuzzing and searches that take minutes to hours
# make site   the documents and the reference of the Python API as web pages, build/site/index.html
# make tutorial  run docs/tutorial.ipynb, into build/tutorial.ipynb
# make certificate  print the certificate of the sampler, docs/sampler.md
# make check  install, then all that CI checks: lint, format, types, import rules, docs, tests

VENV := .venv
export VENV
BIN := $(VENV)/bin
STAMP := $(VENV)/stamp
DEMO_OUT := build/demo
PACKAGES := network chip evaluation float_models train emulator export lava_procs energy report workflows cli
WORKERS := 2
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup
CODE := $(PACKAGES) hw_tests tests scripts benchmarks ipvae/__init__.py

.DEFAULT_GOAL := help
# Compiled tests are kept: pytest rewrites 200 files otherwise, in every process.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help setup demo test test-long site tutorial certificate check lint types lock clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

setup: $(STAMP)

$(STAMP): $(wildcard requirements/*.txt) pyproject.toml scripts/setup scripts/find_python
	@sh scripts/setup

demo: $(STAMP)
	$(BIN)/ipvae demo --out $(DEMO_OUT)

test: $(STAMP)
	$(PYTEST) tests hw_tests

test-3.%:
	@python=$$(sh scripts/find_python 3.$*) || { echo "make: no Python 3.$* was found" >&2; exit 1; }; \
		$(MAKE) test VENV=build/venv-3.$* PYTHON=$$python

test-long: $(STAMP)
	$(PYTEST) -m long --timeout 0 tests hw_tests

site: $(STAMP)
	$(BIN)/python scripts/build_site.py build/site

tutorial: $(STAMP)
	$(BIN)/python scripts/run_tutorial.py

certificate: $(STAMP)
	@$(BIN)/python scripts/certify_sampler.py

check: lint types test

lint: $(STAMP)
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

types: $(STAMP)
	$(BIN)/pyright --pythonpath $(BIN)/python

# Resolve requirements/*.in again. Needs the network.
lock: $(STAMP)
	$(BIN)/python scripts/make_locks.py

clean:
	rm -rf build $(VENV)

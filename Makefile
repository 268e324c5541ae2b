# `make demo` and `make test` do all their own set-up; nothing but Python 3.11 or later and make is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check bench bench-science faults lock setup clean

demo: $(READY)
	$(BIN)/router demo

# A file's tests run in one process, after each other; four processes at most, each with a server of its own.
PYTEST := pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test: $(READY)
	$(BIN)/python -m $(PYTEST)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/coverage erase
	$(BIN)/coverage run -m $(PYTEST)
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --fail-under=90

bench: $(READY)
	$(BIN)/python -m tests.bench

bench-science: $(READY)
	$(BIN)/python -m tests.science

faults: $(READY)
	$(BIN)/python -m tests.faults

setup: $(READY)

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Everything for development; then, of the same versions, what the image runs and what it is built with.
LOCK = $(PYTHON) -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet
lock:
	$(PYTHON) -m pip install --quiet uv
	$(LOCK) pyproject.toml --extra dev --extra science -o requirements.txt
	$(LOCK) pyproject.toml --constraints requirements.txt -o deploy/requirements.txt
	echo 'setuptools>=77' | $(LOCK) - --constraints requirements.txt -o deploy/build-requirements.txt

clean:
	rm -rf $(VENV)

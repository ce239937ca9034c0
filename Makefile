# The verbs of the house. A fresh machine needs python3 (3.11 or later) and make, nothing else.
#
#   make demo        build the example, look at a packed sequence, train a tiny model on it
#   make test        the tests (ARGS="--slow -k wheel" is passed on to pytest)
#   make check       format, lint, types, generated documents, the rules of the house
#   make fix         let the formatter and the safe lint fixes change the files
#   make types       types alone
#   make docs        write the generated documents again
#   make prove       list the proofs; `make prove NAME` runs one and keeps its dated output
#   make clean       remove what was made here

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check fix types docs prove clean

help:
	@sed -n 's/^#   //p' Makefile

# ---- the environment ---------------------------------------------------------------------------
# Made again only when what it is made from has changed; the development set contains the training set.

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/train.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[train]'
	@touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/train.stamp

# ---- verbs -------------------------------------------------------------------------------------

demo: $(VENV)/train.stamp
	$(BIN)/taskc build examples/quickstart --out artifacts
	$(BIN)/taskc inspect artifacts/quickstart/quickstart --index 0
	$(BIN)/taskc train examples/quickstart --out runs/quickstart

test: $(VENV)/dev.stamp
	$(BIN)/pytest --numprocesses 2 $(ARGS)

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python tools/typecheck.py
	$(BIN)/python tools/documents.py --check
	$(BIN)/pytest --quiet tests/test_house.py

fix: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/dev.stamp
	$(BIN)/python tools/typecheck.py

docs: $(VENV)/dev.stamp
	$(BIN)/python tools/documents.py

prove: $(VENV)/dev.stamp
	@$(BIN)/python tools/prove.py $(PROOF) $(ARGS)

# `make prove NAME`: the second word is the proof's name, not a goal of its own.
ifeq ($(firstword $(MAKECMDGOALS)),prove)
PROOF := $(word 2,$(MAKECMDGOALS))
ifneq ($(PROOF),)
ifneq ($(filter $(PROOF),help demo test check fix types docs clean),)
$(error a proof can not be called `$(PROOF)`, which is a verb of this Makefile)
endif
.PHONY: $(PROOF)
$(PROOF): prove
	@:
endif
endif

clean:
	rm -rf $(VENV) build dist *.egg-info artifacts runs .mypy_cache .pytest_cache .ruff_cache .hypothesis

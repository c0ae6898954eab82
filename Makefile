# Two commands to know: `make demo` and `make test`. Both set up all they need in .venv.

PYTHON ?= python3
PORT ?= 8000
DATA ?= .demo
OFSTED ?=
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help install demo test chromium validators check bench screenshots lock derived clean

help: ## say what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

install: .venv/installed ## make .venv with the exchange in it, from the hash-locked list

demo: .venv/installed ## the whole exchange with an invented England: PORT=8000 DATA=.demo OFSTED=file
	$(BIN)/placefeed demo --port $(PORT) --data $(DATA) $(if $(OFSTED),--ofsted "$(OFSTED)")

test: .venv/installed-dev validators chromium ## every test, on SQLite and on a real PostgreSQL that the tests start
	$(BIN)/python -m pytest -n 3 --dist worksteal $(TESTS)

chromium: .venv/installed-chromium ## the browser in which pages are tried

validators: .venv/installed-validators ## the official validators that some tests ask (needs Node.js)

check: .venv/installed-dev ## ruff, mypy strict, import-linter, alembic check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/placefeed db check

bench: .venv/installed-bench ## intake and list figures beside their limits and peers, in one run
	$(BIN)/python -m tests.bench $(ARGS)

screenshots: .venv/installed-dev chromium ## take the pictures of the README anew
	$(BIN)/python -m tests.browser.screenshots

lock: .venv/installed-dev ## resolve requirements anew (needs uv)
	uv pip compile pyproject.toml requirements/build.in --extra service $(LOCK) -o requirements/base.txt
	uv pip compile requirements/dev.in requirements/base.txt $(LOCK) -o requirements/dev.txt
	uv pip compile requirements/bench.in $(LOCK) -o requirements/bench.txt

LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links

derived: .venv/installed ## make anew what is derived from the schemas: checksums and TypeScript types
	$(BIN)/python -m placefeed.schema.compatibility checksums
	$(BIN)/python clients/typescript/generate.py

clean: ## remove .venv, the demo's data and caches
	rm -rf .venv .bench tests/validators/node_modules $(DATA) .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Placefeed needs Python 3.11 or newer; $(PYTHON) is older. Install one, or say which: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python cannot make virtual environments: install python3-venv (apt-get install python3-venv) and try again."; exit 1; }
	$(PYTHON) -m venv .venv

# The build backend comes from the same locked list, so nothing is fetched that is not hashed.
.venv/installed: .venv/bin/python requirements/base.txt pyproject.toml
	$(PIP) install --require-hashes -r requirements/base.txt
	$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

.venv/installed-dev: .venv/installed requirements/dev.txt
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

# Made only when it went well, so that it is tried again; without it the tests say what they skip.
.venv/installed-validators: .venv/bin/python tests/validators/package-lock.json
	@tests/validators/install.sh "$(CURDIR)/$@"

.venv/installed-chromium: .venv/bin/python
	@tests/browser/install.sh "$(CURDIR)/$@"

# The peers stand apart: what they need must not change what we run.
.venv/installed-bench: .venv/installed-dev requirements/bench.txt
	$(PYTHON) -m venv .venv/bench
	.venv/bench/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/bench.txt
	@touch $@

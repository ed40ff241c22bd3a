# The daily verbs. Each sets up what it needs in .venv first, from the lock files; the second time that is quick.
#   PYTHON=...  the interpreter of a new .venv (default: the newest that is found, 3.11 at least)
#   ARGS=...    handed on to the verb's command

.DEFAULT_GOAL := help
.PHONY: help set-up set-up-tests set-up-faults run test faults check lint types tests bench schema page lock findings clean

# Where it is set, every process would compile every file anew, and pytest every test.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?=
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
OURS := protocol agent server clients configs
TESTS := -n 4 --dist loadscope --no-loadscope-reorder
NPM := tests/support/npm/acp tests/support/npm/ag_ui tests/support/npm/bun tests/support/npm/chromium tests/support/npm/clients tests/support/npm/mcp tests/support/npm/packages tests/support/npm/postgres tests/support/npm/prove tests/support/npm/vscode tests/support/npm/wscat tests/unit/clients/web
COMPILED := -q -j 0 -x '/test_[a-z_]*\.py$$' $(OURS) tests
FAULTS := tests/faults tests/properties tests/hostile tests/deploy tests/docs tests/contract/test_sandboxes.py tests/contract/test_openai_api.py tests/unit/protocol tests/unit/clients \
	tests/unit/benchmarks tests/unit/agent/sandbox tests/unit/agent/workspace \
	tests/unit/agent/tools/mcp tests/unit/agent/tools/hub tests/browser tests/integration tests/unit/server/http \
	tests/unit/server/websocket tests/unit/server/journal/postgres

help:
	@echo 'make run      set up and serve                    make run ARGS="--port 8000"'
	@echo 'make test     set up, check, run every test       make test ARGS="tests/unit/agent -k undo"'
	@echo 'make faults   kill, cut and starve it for long    HOLDFAST_FAULTS_SEED=N repeats a run'
	@echo 'make check    lint, format, imports and types'
	@echo 'make bench    measure speed and memory            make bench nodes ARGS="--ahead"'
	@echo 'make schema   write what is generated from the code'
	@echo 'make page     write the script of the page, and the types of the JavaScript package, from their modules'
	@echo 'make lock     pin the dependencies anew           make lock ARGS=--upgrade'
	@echo 'make findings what other software does otherwise than one would guess; needs the registries'
	@echo 'make clean    remove the environment and caches'

run: set-up
	@$(BIN)/python -m compileall -q $(OURS)
	@exec $(BIN)/holdfast serve $(ARGS)

# The types are checked beside the tests: that takes a minute of one processor.
test: set-up-tests lint
	@$(MAKE) --no-print-directory --jobs=2 types tests

tests: set-up-tests
	@$(BIN)/python -m compileall $(COMPILED)
	$(BIN)/python -m pytest $(if $(ARGS),$(ARGS),$(TESTS))

faults: set-up-faults
	@$(BIN)/python -m compileall $(COMPILED)
	HOLDFAST_FAULTS=long $(BIN)/python -m pytest $(if $(ARGS),$(ARGS),$(FAULTS) $(TESTS))

check: lint types

lint: set-up
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/lint-imports --no-logo

types: set-up
	$(BIN)/python -m mypy

bench: set-up
	@$(BIN)/python -m compileall -q $(OURS) benchmarks
	$(BIN)/python -m benchmarks $(FIGURES) $(ARGS)

schema: set-up
	$(BIN)/holdfast schema --write

# What follows `bench` are names of figures. One of them, page, is a verb besides.
ifeq ($(firstword $(MAKECMDGOALS)),bench)
FIGURES := $(filter-out bench,$(MAKECMDGOALS))
.PHONY: $(FIGURES)
$(FIGURES): bench
	@:
else
page: set-up-tests
	$(BIN)/python scripts/bundle.py
	$(BIN)/python scripts/js_types.py
endif

# The environment's own Python sets it up again, so that one that is there is kept; PYTHON comes before it.
SET_UP = for python in $(or $(PYTHON),$(BIN)/python python3.13 python3.12 python3.11 python3 python); do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			exec "$$python" -I scripts/set_up.py $(1); \
		fi; \
	done; \
	echo 'Holdfast needs Python 3.11 or newer, and $(or $(PYTHON),the PATH) has none. Install one, or name one:' \
		'make $(or $(firstword $(MAKECMDGOALS)),run) PYTHON=/path/to/python' >&2; \
	exit 1

set-up:
	@$(call SET_UP)

set-up-tests: set-up
	@$(call SET_UP,--tests)

set-up-faults: set-up
	@$(call SET_UP,--tests --faults)

# Locks name versions and hashes, no registry: any mirror serves them.
LOCKING := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command 'make lock'

lock:
	@command -v uv >/dev/null || { echo 'make lock needs uv: https://docs.astral.sh/uv/' >&2; exit 1; }
	$(LOCKING) $(ARGS) --group dev pyproject.toml -o requirements.lock
	$(LOCKING) $(ARGS) tests/support/npm/node.in -o tests/support/npm/node.lock
	for folder in $(NPM); do (cd $$folder && \
		npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund) || exit 1; done

findings:
	python3 scripts/findings.py $(ARGS)

clean:
	rm -rf $(VENV) $(NPM:=/node_modules) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

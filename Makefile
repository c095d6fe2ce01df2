# Thin: each target sets up what it needs and calls one command.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
EXAMPLES ?= 500
LAWS ?= tests
# one more than processors: tests often wait for a process, a disk or a server
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
LOCKED := --quiet --disable-pip-version-check --no-deps --require-hashes
.PHONY: docs docs-links help test-all every-test test-law setup demo serve test lint format bench bench-cli bench-log bench-freshness bench-pgsync bench-ranking bench-threads bench-web dagster lock clean elasticsearch elasticsearch-stop services services-stop services-clear bench-elasticsearch bench-connect

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

setup: .venv/.installed  ## create .venv from the lock file

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Stet needs Python 3.11 to 3.13; call: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@awk '/^[^ ]/ {uv = /^uv==/} uv' requirements.lock > .venv/uv.lock
	$(BIN)/python -m pip install $(LOCKED) -r .venv/uv.lock
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --require-hashes -r requirements.lock \
		|| $(BIN)/python -m pip install $(LOCKED) -r requirements.lock  # if only pip is told of a mirror
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup  ## import the sample, run the rebuild job, show what came of it
	@DAGSTER_HOME=$(CURDIR)/dagster_home $(BIN)/python -m app.demo

serve: setup  ## serve the archive at hand, the sample if there is none (PORT=8000)
	@PORT=$(or $(PORT),8000) $(BIN)/python -m app.serve_sample

test: setup lint  ## lint, check types and contracts, run the quick tests: no server needed
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not slow and not server"

test-all: setup lint docs every-test  ## everything: also kills, corpora, the laws on many examples, real servers, the docs

every-test: setup  ## all tests, without lint and docs, which CI runs while the servers start
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

test-law: setup  ## the laws of LAWS=tests, all of them, on EXAMPLES=500 generated examples each
	EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -n $(WORKERS) -k "on_many_examples or OnManyExamples" $(LAWS)

elasticsearch:  ## start a real Elasticsearch for the tests, on http://127.0.0.1:9200
	@$(PYTHON) tests/servers/elasticsearch_server.py start

elasticsearch-stop:  ## stop it
	@$(PYTHON) tests/servers/elasticsearch_server.py stop

services: setup  ## start PostgreSQL, Kafka and Kafka Connect for the tests, on the loopback address
	@$(BIN)/python tests/servers/services.py start

services-stop: setup  ## stop them
	@$(BIN)/python tests/servers/services.py stop

services-clear: setup  ## stop them, and remove all that they keep
	@$(BIN)/python tests/servers/services.py clear

lint: setup  ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup  ## measure on a generated archive (about five minutes)
	@$(BIN)/python -m benchmarks.main

bench-cli: setup  ## measure what a person waits for: each command beside search (about 40 minutes)
	@$(BIN)/python -m benchmarks.cli

bench-log: setup  ## measure the event log beside eventsourcing and UmaDB (about ten minutes)
	@$(BIN)/python -m benchmarks.log

bench-pgsync: setup elasticsearch  ## measure PGSync beside Stet (needs PostgreSQL and Redis installed)
	@$(BIN)/python -m benchmarks.pgsync

bench-ranking: setup  ## compare ways of asking Elasticsearch on judged queries (it must run)
	@$(BIN)/python -m benchmarks.ranking

bench-freshness: setup elasticsearch  ## measure how soon a change is searched, and what it costs
	@ELASTICSEARCH_URL=$${ELASTICSEARCH_URL:-http://127.0.0.1:9200} $(BIN)/python -m benchmarks.freshness

bench-web: setup elasticsearch  ## measure the server beside Elasticsearch and datasette (about ten minutes)
	@ELASTICSEARCH_URL=$${ELASTICSEARCH_URL:-http://127.0.0.1:9200} $(BIN)/python -m benchmarks.web

bench-connect: setup services  ## measure tables to log to search, and log to Kafka (about twenty minutes)
	@PYTHONPATH=tests/servers $(BIN)/python -m benchmarks.connect $(BENCH)

bench-elasticsearch: setup elasticsearch  ## measure loading an Elasticsearch beside other ways
	@$(BIN)/python -m benchmarks.elasticsearch

docs: setup  ## build the documentation into build/docs; every warning is an error
	$(BIN)/python -m sphinx -q -W --keep-going -n -b html -d build/doctrees docs build/docs

docs-links: setup  ## follow the documentation's links to other sites (needs a network; CI does not)
	$(BIN)/python -m sphinx -q -b linkcheck -d build/doctrees docs build/links

bench-threads: setup  ## measure a rebuild with one thread and with two (about two minutes)
	@$(BIN)/python -m benchmarks.threads

dagster: setup  ## open the Dagster UI on http://127.0.0.1:3000
	DAGSTER_HOME=$(CURDIR)/dagster_home DAGSTER_DISABLE_TELEMETRY=1 $(BIN)/dagster dev -h 127.0.0.1 -m pipelines.definitions

lock: setup  ## write requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--all-extras --group bench --group docs --upgrade pyproject.toml -o requirements.lock

clean:  ## remove the environment and the default archive
	rm -rf .venv stet-home

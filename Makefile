# Tomodeck: make run · test · lint · bench · demo. Each target is one line of ordinary commands.
PYTHON ?= python3.11
PORT ?= 8501
PROJECT ?=
VENV := .venv
PY := $(VENV)/bin/python

.PHONY: run test lint bench demo setup setup-dev

run: setup ; @$(PY) -m dashboard.app --port $(PORT) $(if $(PROJECT),--project "$(PROJECT)")
test: setup-dev ; @sh .ci/browser.sh && $(PY) -m pytest $(TESTS)
lint: setup-dev ; $(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy
bench: setup-dev ; @set -e; export PYTHONPATH=.; for script in benchmarks/*.py; do echo "== $$script"; $(PY) $$script; done
demo: setup ; @$(PY) -m engine demo demo

# Stamps make a second start immediate: pip runs only when a requirements file changed.
setup: $(VENV)/run.stamp
setup-dev: $(VENV)/dev.stamp
$(VENV)/run.stamp: requirements.txt ; @sh .ci/venv.sh $(VENV) $(PYTHON) requirements.txt && touch $@
$(VENV)/dev.stamp: requirements.txt requirements-dev.txt ; @sh .ci/venv.sh $(VENV) $(PYTHON) requirements-dev.txt && touch $@ $(VENV)/run.stamp

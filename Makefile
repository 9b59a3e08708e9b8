# Needs git, make and python3-venv. Everything else is put into .venv; the tests install Debian packages when run as root.
PYTHON ?= python3
JOBS ?= 2
LAB ?= /tmp/opsconsole-lab
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest

.PHONY: help install demo test check lab lab-seed lab-down bench fuzz soak docs clean
.DELETE_ON_ERROR:

help:
	@echo 'make demo      the console on an embedded world; needs nothing else'
	@echo 'make install   the command, as $(BIN)/opsconsole'
	@echo 'make test      every check and test (as root also those on real servers)'
	@echo 'make check     formatting, lint, types, layers, spelling, dependencies'
	@echo 'make lab       real servers to try the console on, in $(LAB) (root; LAB=DIR to choose)'
	@echo 'make lab-seed  failed, waiting, delayed and stuck jobs for them;  make lab-down ends them'
	@echo 'make bench     figures;  make fuzz  long generated input;  make soak  half an hour of load'
	@echo 'make docs      the generated pages and the picture in the README'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The runtime set alone: the working tree is found by a path file, so no build tool is needed.
$(VENV)/runtime.stamp: requirements.txt | $(BIN)/python
	$(PIP) install --require-hashes -r requirements.txt
	pwd > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/opsconsole-tree.pth"
	printf '#!%s\nfrom console.__main__ import main\n\nmain()\n' "$$(pwd)/$(BIN)/python" > $(BIN)/opsconsole
	chmod +x $(BIN)/opsconsole
	touch $@

$(VENV)/dev.stamp: requirements-dev.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r requirements-dev.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

install: $(VENV)/runtime.stamp
	@echo "$$(pwd)/$(BIN)/opsconsole"

demo: $(VENV)/runtime.stamp
	$(BIN)/python -m console demo

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/deptry .

test: check
	$(BIN)/python -m tests.lab packages
	# Tests with deadlines fail on a machine that is too busy; what failed side by side is judged once more, alone.
	$(PYTEST) -n $(JOBS) || $(PYTEST) --last-failed --last-failed-no-failures none -p no:randomly

lab: $(VENV)/dev.stamp
	$(BIN)/python -m tests.lab up $(LAB)

lab-seed: $(VENV)/dev.stamp
	$(BIN)/python -m tests.lab seed $(LAB)

lab-down: $(VENV)/dev.stamp
	$(BIN)/python -m tests.lab down $(LAB)

bench: $(VENV)/dev.stamp
	$(BIN)/python -m tests.lab packages
	$(PYTEST) -m bench -p no:randomly -p no:xdist --timeout=1800 -s

fuzz: $(VENV)/dev.stamp
	$(PYTEST) -m fuzz -n $(JOBS) --timeout=3600

soak: $(VENV)/dev.stamp
	$(BIN)/python -m tests.lab packages
	$(PYTEST) -m soak -p no:randomly -p no:xdist --timeout=7200 -s

docs: $(VENV)/dev.stamp
	$(BIN)/python -m console.cli.reference docs/configuration.md
	$(BIN)/python -c 'from console.ui.commands import keys_document; print(keys_document(), end="")' > docs/keys.new
	mv docs/keys.new docs/keys.md
	$(PYTEST) tests/snapshots/test_screenshot.py --snapshot-update

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis

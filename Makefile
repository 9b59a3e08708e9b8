# Needs git, make and python3-venv. Everything else is put into .venv; the tests install Debian packages when run as root.
PYTHON ?= python3
# Tests wait for servers more than they compute: four side by side keep two cores busy.
JOBS ?= 4
LAB ?= /tmp/opsconsole-lab
# Without compiled files every process of the tests would compile the console anew.
unexport PYTHONDONTWRITEBYTECODE
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest
# The oldest Python that is supported makes the lock: a newer one leaves out what only that one needs.
LOCK_PYTHON ?= /usr/bin/python3
LOCK := build/lock/bin/pip-compile --quiet --generate-hashes --allow-unsafe --no-strip-extras --no-emit-index-url \
	--no-emit-trusted-host --no-emit-find-links $(UPGRADE)

.PHONY: help install demo test check lab lab-seed lab-down bench fuzz soak docs lock clean
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
	@echo 'make lock      requirements*.txt, after a change of what they are made from (UPGRADE=--upgrade: newest of all)'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The runtime set and what the demo needs: the working tree is found by a path file, so no build tool is needed.
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
	# On a machine that is too busy tests with deadlines fail: those, and no others, are run once more, alone.
	$(BIN)/python -m tests.deadlines -n $(JOBS)

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
	$(BIN)/python -c 'from console.ui.command_index import keys_document; print(keys_document(), end="")' > docs/keys.new
	mv docs/keys.new docs/keys.md
	$(BIN)/python -c 'from console.present.verdict_page import verdict_page; print(verdict_page(), end="")' > docs/health.new
	mv docs/health.new docs/health.md
	$(PYTEST) tests/snapshots/test_screenshot.py --snapshot-update

# Without its extras a package would be looked for anew: pip takes `x[extra]` for something else than a locked `x`.
lock:
	$(LOCK_PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "make lock needs Python 3.11")'
	$(LOCK_PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip --quiet --disable-pip-version-check install pip-tools==7.6.2
	CUSTOM_COMPILE_COMMAND='make lock' $(LOCK) --extra demo --output-file requirements.txt pyproject.toml
	CUSTOM_COMPILE_COMMAND='make lock' $(LOCK) --extra demo --output-file requirements-dev.txt pyproject.toml requirements-dev.in

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis

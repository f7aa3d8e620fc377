# Thông Suốt. `make run` measures this machine and shows it; `make help` lists the rest.
SHELL := bash
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOFLAGS_BUILD := -trimpath -ldflags "-s -w -X main.version=$(VERSION)"
export CGO_ENABLED ?= 0
CHECKERS := go tool -modfile=tools/go.mod

.PHONY: help run demo build dist assets test bench deps lint check fuzz clean

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

run: ## build, then measure this machine and show it at a local page
	@deploy/run/announce.sh
	@$(MAKE) --no-print-directory build
	@deploy/run/run.sh

demo: assets ## the centre with a simulated province at a local page
	go build $(GOFLAGS_BUILD) -o bin/ ./cmd/thongsuot-lab
	@bin/thongsuot-lab demo

build: assets ## the programs, into bin/
	go build $(GOFLAGS_BUILD) -o bin/ ./cmd/...

dist: ## static agents for linux on amd64, arm64, armv7 and mipsle, into dist/
	@deploy/dist/build.sh $(VERSION)

assets: ## font and zoomable charts for the pages, by npm (left out without Node)
	@if command -v npm >/dev/null; then cd dashboards/assets && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error; } && npm run --silent build; \
	else echo "no npm here: the pages use the system's font and server-drawn charts"; fi

deps: ## what the tests need beside Go (as root by apt)
	@deploy/test/deps.sh

test: deps assets ## all tests
	go vet ./...
	go test -count=1 -timeout 15m ./... # tests that build the programs must not be answered from the cache

bench: deps build ## figures beside their bars and beside peers, some forty minutes; as root: all of them
	@deploy/bench/deps.sh
	@bin/thongsuot-lab bench

lint: ## formatting, vet, staticcheck, layers
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	go vet ./...
	$(CHECKERS) staticcheck ./...

check: lint ## lint, race tests, sample configurations, and nothing left changed
	CGO_ENABLED=1 go test -race -timeout 30m ./...
	go run ./cmd/thongsuot-central check-config -config deploy/run/central.yaml
	git diff --exit-code

fuzz: ## every decoder for 20 s
	deploy/test/fuzz.sh 20s

clean: ## remove what was built (not data/)
	rm -rf bin dist dashboards/static/vendor dashboards/assets/node_modules

include .ci/tools.mk

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAIN        := ./cmd/smart-factory-backend
BIN         := bin/smart-factory-backend
TOOLS       := $(CURDIR)/bin/tools
LINT        := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT      ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
DATE        ?= $(shell git log -1 --format=%cI 2>/dev/null || echo unknown)
CLI         := smart-factory-backend/app/cli
# These keep unused code out of the binary: pgx's types for the text protocol
# (1.4 MB), HTTP/2 in net/http, which only the admin port and the commands use
# (0.5 MB), and function alignment beyond the 16 bytes that arm64 has (0.2 MB).
TAGS        := nopgxregisterdefaulttypes,nethttpomithttp2
STAMP       := -X $(CLI).version=$(VERSION) -X $(CLI).commit=$(COMMIT) -X $(CLI).date=$(DATE)
LDFLAGS     := -s -w -funcalign=16 $(STAMP)
# The image tag that Compose and the manifests name.
RELEASE     := 1.0.0
FUZZTIME    ?= 20s
BENCHFLAGS  ?=
DOCKER      ?= docker
BUILDFLAGS  ?=

# Node.js may be there; see .ci/setup.
export PATH := $(TOOLS):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help dev dev-cluster build start start-single setup unit test race integration fuzz bench lint fmt image manifests web web-dev container-test kube-test powercut-test systemd-test ci clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

dev: ## run from source with one worker, fault injection and debug logs
	CLUSTER_WORKERS=1 FAULT_INJECTION=true LOG_LEVEL=debug go run -ldflags '$(STAMP)' $(MAIN)

dev-cluster: ## run from source with one worker per core, fault injection and debug logs
	FAULT_INJECTION=true LOG_LEVEL=debug go run -ldflags '$(STAMP)' $(MAIN)

build: ## build the static binary into bin/
	CGO_ENABLED=0 go build -tags $(TAGS) -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) $(MAIN)

start: build ## build and run the binary with one worker per core
	$(BIN)

start-single: build ## build and run the binary with one worker
	CLUSTER_WORKERS=1 $(BIN)

setup:
	@.ci/setup

unit: ## run go vet and the unit tests, without servers, Node.js, network or root
	go vet ./...
	go test -short ./...

test: setup ## install what the tests need and run all tests
	go vet ./...
	go test -timeout 15m -tags integration ./...

# The system and browser tests run a binary that is built without the race detector.
race: ## run the tests under the race detector
	@.ci/setup race
	go test -timeout 30m -race -tags integration $$(go list ./... | grep -v -e /app/test/system -e /app/test/browser)

integration: setup ## run only the tests that start real servers
	go test -timeout 15m -tags integration -run Integration $$(go list ./... | grep -v /app/test/)
	go test -timeout 15m -tags integration ./app/test/...

fuzz: ## fuzz each decoder for FUZZTIME
	.ci/fuzz $(FUZZTIME)

bench: setup ## run the benchmarks, with BENCHFLAGS for app/bench
	go test -run '^$$' -bench . -benchmem ./...
	go run ./app/bench $(BENCHFLAGS)

$(LINT):
	GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv $(TOOLS)/golangci-lint $@

lint: $(LINT) ## run the linters
	$(LINT) run --build-tags integration,container,kube,powercut,systemd

fmt: $(LINT) ## format the code
	$(LINT) fmt

image: ## build the container image; PLATFORM=linux/arm64 sets another platform
	DOCKER_BUILDKIT=1 $(DOCKER) build $(if $(PLATFORM),--platform $(PLATFORM)) $(BUILDFLAGS) \
		--build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) --build-arg DATE=$(DATE) \
		$(if $(GOPROXY),--build-arg GOPROXY=$(GOPROXY)) -t smart-factory-backend -t smart-factory-backend:$(RELEASE) .

web: ## build the live page and the manual into app/web/built
	@.ci/setup web
	go test -tags integration -count=1 ./app/web -run BuiltFiles -update

web-dev: ## serve the page's sources, with the data of the server on port 3000
	@.ci/setup web
	cd app/web/page && npx vite

manifests: ## generate k8s/smart-factory.yaml from k8s/base, check all deployment files
	cd app/test/manifests && go test -run FilesAndBase . -update
	cd app/test/manifests && go vet ./... && go test -count=1 ./...

container-test: ## build the image and test it and Compose on a container engine
	.ci/container-test

kube-test: ## test rollout, failures and resizing on the cluster that kubectl talks to
	.ci/kube-test

powercut-test: setup ## test power cuts and disk failures on a real file system; as root
	PATH=$$PATH:/usr/sbin:/sbin go test -count=1 -timeout 10m -tags integration,powercut -run 'PowerCut|ReadOnlyDisk' ./app/test/system

systemd-test: ## test the printed units under systemd in a container
	.ci/systemd-test

ci: ## run what CI runs
	.ci/run

clean: ## remove build results
	rm -rf bin

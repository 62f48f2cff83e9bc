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
# Left out of the binary, since nothing uses it: the types that pgx needs for its
# text protocol (1.4 MB); HTTP/2 in net/http, which serves the admin port and the
# commands alone (0.5 MB); padding of functions to more than the 16 bytes that
# arm64 has as well (0.2 MB).
TAGS        := nopgxregisterdefaulttypes,nethttpomithttp2
LDFLAGS     := -s -w -funcalign=16 -X $(CLI).version=$(VERSION) -X $(CLI).commit=$(COMMIT) -X $(CLI).date=$(DATE)
# The tag that Compose and the manifests ask for.
RELEASE     := 1.0.0
FUZZTIME    ?= 20s
BENCHFLAGS  ?=
DOCKER      ?= docker
BUILDFLAGS  ?=

.DEFAULT_GOAL := help
.PHONY: help dev dev-cluster build start start-single setup test race integration fuzz bench lint fmt image manifests container-test kube-test powercut-test systemd-test ci clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

dev: ## run from source with one worker, faults and debug log on
	CLUSTER_WORKERS=1 FAULT_INJECTION=true LOG_LEVEL=debug go run $(MAIN)

dev-cluster: ## run from source with a worker for each core, faults and debug log on
	FAULT_INJECTION=true LOG_LEVEL=debug go run $(MAIN)

build: ## build the static binary into bin/
	CGO_ENABLED=0 go build -tags $(TAGS) -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) $(MAIN)

start: build ## run the built binary with a worker for each core
	$(BIN)

start-single: build ## run the built binary with one worker
	CLUSTER_WORKERS=1 $(BIN)

setup:
	@.ci/setup

test: setup ## install what the tests need, run them all
	go vet ./...
	go test -timeout 15m -tags integration ./...

race: setup ## run all tests under the race detector
	go test -timeout 30m -race -tags integration ./...

integration: setup ## run the tests that start real servers only
	go test -timeout 15m -tags integration -run Integration ./...

fuzz: ## fuzz every decoder for FUZZTIME each
	.ci/fuzz $(FUZZTIME)

bench: setup ## measure this server beside its peers; see BENCHFLAGS
	go test -run '^$$' -bench . -benchmem ./...
	go run ./app/bench $(BENCHFLAGS)

$(LINT):
	GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv $(TOOLS)/golangci-lint $@

lint: $(LINT) ## run the linters
	$(LINT) run --build-tags integration,container,kube,powercut

fmt: $(LINT) ## format the code
	$(LINT) fmt

image: ## build the container image; PLATFORM=linux/arm64 for another machine
	DOCKER_BUILDKIT=1 $(DOCKER) build $(if $(PLATFORM),--platform $(PLATFORM)) $(BUILDFLAGS) \
		--build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) --build-arg DATE=$(DATE) \
		$(if $(GOPROXY),--build-arg GOPROXY=$(GOPROXY)) -t smart-factory-backend -t smart-factory-backend:$(RELEASE) .

manifests: ## write k8s/smart-factory.yaml from k8s/base, then check all of k8s/, Compose and the Dockerfile
	cd app/test/manifests && go test -run FilesAndBase . -update
	cd app/test/manifests && go vet ./... && go test -count=1 ./...

container-test: ## build the image and run it, and Compose with all its profiles, for real
	.ci/container-test

kube-test: ## roll out, break and resize it on the Kubernetes that kubectl talks to
	.ci/kube-test

powercut-test: setup ## cut the power of a file system below the server, and break it; as root
	PATH=$$PATH:/usr/sbin:/sbin go test -count=1 -timeout 10m -tags integration,powercut -run 'TestPowerCut|TestDiskThatCanOnlyBeRead' ./app/test/system

systemd-test: ## run the printed units under a systemd in a container, and break them
	.ci/systemd-test

ci: ## run what CI runs
	.ci/run

clean: ## remove what was built
	rm -rf bin

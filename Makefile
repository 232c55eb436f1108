# Every target installs what it needs from Debian's packages itself (scripts/need) and says so.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
GO      := $(shell command -v go || echo /usr/local/go/bin/go)
TOOL    := $(GO) tool -modfile=tools/go.mod
LAB     ?= lab

.PHONY: help build test lint generate lab lab-down bench torture deb e2e

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

build: ## bin/waddled, bin/waddle, bin/waddle-lab
	scripts/need go
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

test: ## all tests that run without the appliance VM, with the race detector
	scripts/need go gcc git iptables nft ip nsenter curl jq setpriv sshd ssh-keygen systemctl dbus-daemon
	test/all.sh

lint: ## gofmt, go vet, staticcheck, shellcheck, breaking changes of the contract
	scripts/need go gcc shellcheck
	unformatted=$$(gofmt -l $$(git ls-files '*.go'))
	if [ -n "$$unformatted" ]; then echo "not gofmt-ed:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags lab ./cmd/waddled
	$(TOOL) staticcheck ./...
	shellcheck scripts/* .ci/run $$(git ls-files '*.sh')
	api/breaking.sh

generate: ## everything that is generated; commit what it changes
	scripts/need go
	$(GO) generate ./...

lab: build ## the lab with the example platform applied as far as its four VMs, and the proof
	scripts/need iptables nft ip nsenter curl jq
	CGO_ENABLED=0 $(GO) build -trimpath -tags lab -ldflags '$(LDFLAGS)' -o bin/lab/ ./cmd/waddled # with stand-ins for ZFS and the iSCSI target
	test/lab.sh $(LAB)

lab-down: build ## take the lab away
	bin/waddle-lab down --name $(LAB)

deb: ## dist/waddle_VERSION_ARCH.deb
	scripts/need go git
	deb/build.sh

e2e: ## the tests in the appliance VM: Debian with real ZFS and LIO under QEMU
	scripts/need go git
	test/appliance/build.sh
	WADDLE_E2E=1 $(GO) test -count=1 -timeout 120m -parallel 2 -v ./test/appliance/

bench: ## ratios, measured side by side; those of the appliance VM take an hour (WADDLE_SIDEBYSIDE=short: minutes)
	scripts/need go iptables nft ip
	test/bench.sh

torture: ## the long forms of the tests that try many random cases; TORTURE=short takes two minutes
	scripts/need go gcc iptables nft ip unshare nsenter
	test/torture.sh

# make lists the targets.
.PHONY: help test lint fuzz bench cpu ci release

help:
	@sed -n "s/^\([a-z]*\):.*## /\1\t/p" Makefile

test: ## the tests of the root module, as README.md runs them
	go test ./...

lint: ## format, tidy, vet and golangci-lint of every module
	STEPS="format|tidy|lint|errors of ranges" .ci/run

fuzz: ## every fuzz target for FUZZTIME, 3s unless it is set
	STEPS="fuzz" .ci/run

bench: ## measures other SDKs and calls by hand, and writes the table of docs/performance.md
	cd benchmarks && go run . -write

cpu: ## the CPU that each package of the root module takes for its tests, held to the limits of CONTRIBUTING.md
	.ci/cpu

ci: ## everything that a change must pass
	.ci/run

release: ## what a release needs besides: make release VERSION=vX.Y.Z
	.ci/release $(VERSION)

.PHONY: bench

# bench compares metlo with other SDKs and with calls by hand, and writes the tables of README.md and docs/performance.md.
bench:
	cd benchmarks && go run . -write

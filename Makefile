.PHONY: bench

# bench prints the table of docs/performance.md: metlo beside other SDKs and calls by hand.
bench:
	cd benchmarks && go run .

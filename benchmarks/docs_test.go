package main

// Blocks of docs/networks.md use it; the suite that runs them takes its version from here.
import _ "go.opentelemetry.io/otel/sdk/trace/tracetest"

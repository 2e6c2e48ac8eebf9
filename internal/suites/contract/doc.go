// Package contract tests what users rely on, against the fake server or, if METLO_HOST and METLO_COLLECTOR_HOST are set,
// against a live instance.
package contract

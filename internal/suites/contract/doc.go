// Package contract has one set of tests that run against the fake server, and against a live instance where METLO_HOST
// and METLO_COLLECTOR_HOST name one.
package contract

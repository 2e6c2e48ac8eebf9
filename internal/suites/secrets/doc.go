// Package secrets searches errors, logs, panics and all other text of the SDK for the keys that its calls use.
package secrets

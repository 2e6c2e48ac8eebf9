// Package secrets plants keys and looks for them in errors, logs, panics and all other text that the SDK makes.
package secrets

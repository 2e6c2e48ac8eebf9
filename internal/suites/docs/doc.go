// Package docs tests the documents as a reader uses them: Go blocks compile, links lead somewhere, and the promises of
// SECURITY.md name tests that exist.
package docs

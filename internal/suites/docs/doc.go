// Package docs tests the documents as a reader uses them: Go blocks compile, links lead somewhere, and the promises of
// SECURITY.md name tests that exist. Dependabot watches every module, llms.txt names every document, and workflows are
// confined.
//
// Each test changes to the module's folder, from which documents are named. TestMain would be too early: go test reads from
// what a test opens whether a cached result still holds, and begins to record it when the tests run.
package docs

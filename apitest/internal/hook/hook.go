// Package hook lets apitestt run each step of a test in a subtest.
package hook

import "context"

// Report is the result of a step.
type Report struct {
	// Reasons holds the reasons why the step did not pass. It is empty if the step passed.
	Reasons []string
	// Note is text to log in any case.
	Note string
}

// Step is called for each step. The step's request is sent only if Step calls run.
type Step func(name string, run func() Report)

type key struct{}

// With returns a context in which runs call f for each step.
func With(ctx context.Context, f Step) context.Context { return context.WithValue(ctx, key{}, f) }

// From returns the function that With stored in ctx, or nil.
func From(ctx context.Context) Step {
	f, _ := ctx.Value(key{}).(Step)
	return f
}

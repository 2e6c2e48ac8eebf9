// Package hook lets apitestt see the steps of a run while they happen.
package hook

import "context"

// Report is what became of a step.
type Report struct {
	// Reasons says why the step did not pass. It is empty for a step that did.
	Reasons []string
	// Note is printed in any case.
	Note string
}

// Step runs a step, or does not: then nothing is sent.
type Step func(name string, run func() Report)

type key struct{}

// With gives a context whose runs go through f.
func With(ctx context.Context, f Step) context.Context { return context.WithValue(ctx, key{}, f) }

// From gives what With has set, or nil.
func From(ctx context.Context) Step {
	f, _ := ctx.Value(key{}).(Step)
	return f
}

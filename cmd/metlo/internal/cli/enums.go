package cli

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
)

// enum describes a set of flag values: how to parse one, and the values for completion and errors.
type enum[T ~string] struct {
	parse  func(string) (T, error)
	values []T
}

var (
	riskScores    = enum[metlo.RiskScore]{metlo.ParseRiskScore, highestFirst()}
	alertStatuses = enum[metlo.AlertStatus]{metlo.ParseAlertStatus, metlo.AlertStatuses()}
	alertTypes    = enum[metlo.AlertType]{metlo.ParseAlertType, metlo.AlertTypes()}
	methods       = enum[metlo.RestMethod]{metlo.ParseRestMethod, metlo.RestMethods()}
	hostTypes     = enum[metlo.HostType]{metlo.ParseHostType, metlo.HostTypes()}
	keyTypes      = enum[metlo.APIKeyType]{metlo.ParseAPIKeyType, metlo.APIKeyTypes()}
	authStates    = words(metlo.AuthenticationRequired, metlo.AuthenticationNone, metlo.AuthenticationUnknown)
)

func highestFirst() []metlo.RiskScore {
	scores := metlo.RiskScores()
	slices.Reverse(scores)
	return scores
}

// words returns an enum of plain words.
func words[T ~string](values ...T) enum[T] {
	return enum[T]{func(text string) (T, error) {
		i := slices.IndexFunc(values, func(v T) bool { return strings.EqualFold(string(v), text) })
		if i < 0 {
			return "", fmt.Errorf("unknown value %q", text)
		}
		return values[i], nil
	}, values}
}

func (e enum[T]) names() []string {
	names := make([]string, len(e.values))
	for i, v := range e.values {
		names[i] = string(v)
	}
	return names
}

func (e enum[T]) read(text string) (T, error) {
	value, err := e.parse(text)
	if err != nil {
		return value, fmt.Errorf("unknown value %q%s (use %s)", text, didYouMean(text, e.names()), oneOf(e.names()))
	}
	return value, nil
}

// choosing returns the values that a user has typed, of all values. like returns the values of one typed text. A text
// behind ! is an exclusion, and exclusions alone select all other values.
func choosing[T comparable](typed []string, all []T, like func(pattern string) ([]T, error)) ([]T, error) {
	var chosen, left []T
	excluded := 0
	for _, text := range typed {
		pattern, exclude := strings.CutPrefix(text, "!")
		found, err := like(pattern)
		if err != nil {
			return nil, err
		}
		if exclude {
			excluded++
			left = append(left, found...)
		} else {
			chosen = append(chosen, found...)
		}
	}
	if excluded == len(typed) {
		chosen = slices.Clone(all)
	}
	return slices.DeleteFunc(chosen, func(value T) bool { return slices.Contains(left, value) }), nil
}

// choose returns the values that a user has typed: values, patterns such as *PII*, and exclusions such as !*PII*.
// Exclusions alone select all other values.
func (e enum[T]) choose(typed []string) ([]T, error) {
	chosen, err := choosing(typed, e.values, e.like)
	if err != nil {
		return nil, err
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("%s excludes every value (use %s)", strings.Join(typed, ","), oneOf(e.names()))
	}
	return chosen, nil
}

// like returns the values that match a word or a pattern, at least one. It ignores case and treats an underscore as a
// blank.
func (e enum[T]) like(pattern string) ([]T, error) {
	if !strings.ContainsAny(pattern, "*?[") {
		value, err := e.read(pattern)
		return []T{value}, err
	}
	fold := func(text string) string { return strings.ReplaceAll(strings.ToLower(text), "_", " ") }
	var found []T
	for _, value := range e.values {
		ok, err := path.Match(fold(pattern), fold(string(value)))
		if err != nil {
			return nil, fmt.Errorf("%q is not a pattern: use one such as *PII*", pattern)
		}
		if ok {
			found = append(found, value)
		}
	}
	if found == nil {
		return nil, fmt.Errorf("no value matches %s (use %s)", pattern, oneOf(e.names()))
	}
	return found, nil
}

// list adds a flag that takes values, patterns and exclusions separated by commas, and may be repeated.
func (e enum[T]) list(cmd *cobra.Command, target *[]T, name, usage string) {
	flag := &listFlag{}
	flag.add = func(text string) (err error) {
		*target, err = e.choose(append(slices.Clone(flag.text), text))
		return err
	}
	cmd.Flags().Var(flag, name, usage+": "+oneOf(e.names())+"; or a pattern, or !VALUE for all others; may be repeated")
	e.complete(cmd, name)
}

// one adds a flag that takes one value. The value of target is the default.
func (e enum[T]) one(cmd *cobra.Command, target *T, name, usage string) {
	flag := &oneFlag{text: string(*target), set: func(text string) (err error) {
		*target, err = e.read(text)
		return err
	}}
	cmd.Flags().Var(flag, name, usage+": "+oneOf(e.names()))
	e.complete(cmd, name)
}

func (e enum[T]) complete(cmd *cobra.Command, name string) {
	// A flag that exists cannot fail to register.
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(e.names(), cobra.ShellCompDirectiveNoFileComp))
}

func oneOf(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

type listFlag struct {
	add  func(string) error
	text []string
}

func (f *listFlag) Type() string   { return "list" }
func (f *listFlag) String() string { return strings.Join(f.text, ",") }
func (f *listFlag) Set(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			return fmt.Errorf("an empty value is not a filter: leave the flag out")
		}
		if err := f.add(part); err != nil {
			return err
		}
		f.text = append(f.text, part)
	}
	return nil
}

type oneFlag struct {
	text string
	set  func(string) error
}

func (f *oneFlag) Type() string   { return "value" }
func (f *oneFlag) String() string { return f.text }
func (f *oneFlag) Set(text string) error {
	f.text = text
	return f.set(text)
}

// texts adds a flag for plain texts, which are separated by commas or repeated.
func texts(cmd *cobra.Command, target *[]string, name, usage string) {
	flag := &listFlag{add: func(text string) error { *target = append(*target, text); return nil }}
	cmd.Flags().Var(flag, name, usage+"; may be repeated")
}

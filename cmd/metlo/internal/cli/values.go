package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
)

// timestamp returns a time in the form for tables and CSV; empty for the zero time.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func list(texts []string) string { return strings.Join(texts, "; ") }

func strings2[T ~string](values []T) []string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return texts
}

func truth(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// parseTime parses a point in time: RFC 3339, a date, or an age such as 24h or 7d.
func parseTime(text string) (time.Time, error) {
	if days, found := strings.CutSuffix(text, "d"); found {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n < 100_000 {
			return time.Now().AddDate(0, 0, -n), nil
		}
	}
	if age, err := time.ParseDuration(text); err == nil && age > 0 {
		return time.Now().Add(-age), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time: use 2026-01-31, 2026-01-31T08:00:00Z, or an age such as 24h or 7d", text)
}

// timeFlag returns a flag for a point in time.
func timeFlag(target *time.Time) *oneFlag {
	return &oneFlag{set: func(text string) (err error) { *target, err = parseTime(text); return err }}
}

func endpointName(method metlo.RestMethod, host, path string) string {
	return fmt.Sprintf("%s %s%s", method, host, path)
}

var endpointColumns = []output.Column[metlo.Endpoint]{
	{Name: "uuid", Value: func(e *metlo.Endpoint) string { return e.UUID }, ID: true},
	{
		Name: "risk", Value: func(e *metlo.Endpoint) string { return string(e.RiskScore) }, Vital: true,
		Order: func(x, y *metlo.Endpoint) int { return compareRisk(x.RiskScore, y.RiskScore) },
	},
	{Name: "endpoint", Value: func(e *metlo.Endpoint) string { return endpointName(e.Method, e.Host, e.Path) }, Vital: true, Combined: true},
	{Name: "method", Value: func(e *metlo.Endpoint) string { return string(e.Method) }, Wide: true},
	{Name: "host", Value: func(e *metlo.Endpoint) string { return e.Host }, Wide: true},
	{Name: "path", Value: func(e *metlo.Endpoint) string { return e.Path }, Wide: true},
	{Name: "authentication", Value: func(e *metlo.Endpoint) string { return string(e.Authentication()) }, Alarm: string(metlo.AuthenticationNone)},
	{Name: "dataClasses", Value: func(e *metlo.Endpoint) string { return list(e.DataClasses) }},
	{Name: "public", Value: func(e *metlo.Endpoint) string { return truth(e.IsPublic) }, Wide: true},
	{Name: "graphql", Value: func(e *metlo.Endpoint) string { return truth(e.IsGraphQL) }, Wide: true},
	{Name: "spec", Value: func(e *metlo.Endpoint) string { return e.OpenAPISpecName }, Wide: true},
	{Name: "firstDetected", Value: func(e *metlo.Endpoint) string { return timestamp(e.FirstDetected) }, Time: true, Wide: true},
	{Name: "lastActive", Value: func(e *metlo.Endpoint) string { return timestamp(e.LastActive) }, Time: true},
}

// compareRisk orders risks, the lowest first. It treats a risk that this program does not know as the highest.
func compareRisk(x, y metlo.RiskScore) int {
	switch {
	case x == y:
		return 0
	case x.AtLeast(y):
		return 1
	}
	return -1
}

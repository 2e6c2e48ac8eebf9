package cli

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
)

func (a *app) dataClassCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "data-class", Aliases: []string{"data-classes"}, Short: "The kinds of sensitive data"}
	list := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List the data classes that the instance looks for", Args: cobra.NoArgs}
	list.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, _ []string) error {
		p, err := a.printer()
		if err != nil {
			return err
		}
		classes, err := client.DataClasses.List(ctx)
		if err != nil {
			return err
		}
		return output.List(p, each(classes), []output.Column[metlo.DataClass]{
			{Name: "name", Value: func(c *metlo.DataClass) string { return c.ClassName }},
			{Name: "severity", Value: func(c *metlo.DataClass) string { return string(c.Severity) }},
			{Name: "shortName", Value: func(c *metlo.DataClass) string { return c.ShortName }},
		})
	})
	cmd.AddCommand(a.listing(list))
	return cmd
}

func (a *app) detectionCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "detection", Aliases: []string{"detections"}, Short: "What was found lately"}
	cmd.AddCommand(a.detectionList())
	return cmd
}

func (a *app) detectionList() *cobra.Command {
	var opts metlo.DetectionFilter
	kind := "endpoint"
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List endpoints or data fields, the newest first", Args: cobra.NoArgs,
		Example: "  metlo detection list --since 7d\n  metlo detection list --type data-field --host shop.example.com",
	}
	words("endpoint", "data-field").one(cmd, &kind, "type", "what to list")
	cmd.Flags().Var(timeFlag(&opts.CreatedAfter), "since", "only what was found since this time, or within this age such as 7d")
	cmd.Flags().Var(timeFlag(&opts.CreatedBefore), "until", "only what was found until this time")
	riskScores.list(cmd, &opts.RiskScores, "risk", "only endpoints of this risk, or the data fields of such")
	a.hostsFlag(cmd, &opts.Hosts, "what was found")
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, _ []string) error {
		p, err := a.printer()
		if err != nil {
			return err
		}
		if err := expand(ctx, client, &opts.Hosts); err != nil {
			return err
		}
		if kind == "data-field" {
			return output.List(p, client.Detections.AllDataFields(ctx, &opts), dataFieldColumns)
		}
		columns := append([]output.Column[metlo.Endpoint]{
			{Name: "found", Value: func(e *metlo.Endpoint) string { return timestamp(e.CreatedAt) }, Time: true},
		}, slices.DeleteFunc(slices.Clone(endpointColumns), func(c output.Column[metlo.Endpoint]) bool { return c.Name == "lastActive" })...)
		return output.List(p, client.Detections.AllEndpoints(ctx, &opts), columns)
	})
	return a.listing(cmd)
}

var dataFieldColumns = []output.Column[metlo.DataField]{
	{Name: "found", Value: func(f *metlo.DataField) string { return timestamp(f.CreatedAt) }, Time: true},
	{Name: "uuid", Value: func(f *metlo.DataField) string { return f.UUID }, ID: true},
	{Name: "endpoint", Value: func(f *metlo.DataField) string {
		if f.APIEndpoint == nil {
			return f.APIEndpointUUID
		}
		return endpointName(f.APIEndpoint.Method, f.APIEndpoint.Host, f.APIEndpoint.Path)
	}},
	{Name: "section", Value: func(f *metlo.DataField) string { return string(f.DataSection) }},
	{Name: "path", Value: func(f *metlo.DataField) string { return f.DataPath }},
	{Name: "type", Value: func(f *metlo.DataField) string { return string(f.DataType) }},
	{Name: "dataClasses", Value: func(f *metlo.DataField) string { return list(f.DataClasses) }},
}

func (a *app) summaryCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "summary", Short: "Show counts of endpoints, alerts and sensitive data", Args: cobra.NoArgs}
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, _ []string) error {
		p, err := a.printer()
		if err != nil {
			return err
		}
		summary, err := client.Summary.Get(ctx)
		if err != nil {
			return err
		}
		return output.Object(p, summary, []output.Column[metlo.Summary]{
			{Name: "hosts", Value: func(s *metlo.Summary) string { return fmt.Sprint(s.HostCount) }},
			{Name: "endpoints", Value: func(s *metlo.Summary) string { return fmt.Sprint(s.EndpointsTracked) }},
			{Name: "openAlerts", Value: func(s *metlo.Summary) string { return fmt.Sprint(s.OpenAlerts) }},
			{Name: "highRiskAlerts", Value: func(s *metlo.Summary) string { return fmt.Sprint(s.HighRiskAlerts) }},
			{Name: "sensitiveDataFields", Value: func(s *metlo.Summary) string { return fmt.Sprint(s.PIIDataFields) }},
			{Name: "alertsByType", Value: func(s *metlo.Summary) string { return counts(maps.All(s.AlertTypeCount)) }},
			{Name: "fieldsByDataClass", Value: func(s *metlo.Summary) string { return counts(maps.All(s.PIIDataTypeCount)) }},
			{Name: "requestsLastMinute", Value: func(s *metlo.Summary) string { return fmt.Sprint(s.UsageStats.LastMinuteCount) }},
		})
	})
	return a.reading(cmd)
}

// counts returns a list of the keys and their counts, the highest count first.
func counts[K ~string](seq iter.Seq2[K, int]) string {
	byName := maps.Collect(seq)
	names := slices.SortedFunc(maps.Keys(byName), func(x, y K) int {
		if byName[x] != byName[y] {
			return byName[y] - byName[x]
		}
		return strings.Compare(string(x), string(y))
	})
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf("%s: %d", name, byName[name])
	}
	return list(parts)
}

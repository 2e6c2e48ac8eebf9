package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
)

func (a *app) alertCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "alert", Aliases: []string{"alerts"}, Short: "Findings, and their triage"}
	cmd.AddCommand(a.alertList(), a.alertGet(), a.alertResolve(), a.alertIgnore(), a.alertReopen())
	return cmd
}

// alertFilter holds the criteria by which alert list and the commands that change many alerts choose alerts.
type alertFilter struct {
	opts          metlo.AlertFilter
	after, before time.Time // creation times between which an alert was created; zero for no bound
}

// all returns an iterator over the alerts that match the filter.
func (f *alertFilter) all(ctx context.Context, client *metlo.Client) iter.Seq2[metlo.Alert, error] {
	return client.Alerts.AllCreated(ctx, f.after, f.before, &f.opts)
}

func (a *app) alertFilterFlags(cmd *cobra.Command, f *alertFilter) {
	riskScores.list(cmd, &f.opts.RiskScores, "risk", "only alerts of this risk")
	alertTypes.list(cmd, &f.opts.AlertTypes, "type", "only alerts of this type")
	a.hostsFlag(cmd, &f.opts.Hosts, "alerts")
	cmd.Flags().StringVar(&f.opts.APIEndpointUUID, "endpoint", "", "only alerts of the endpoint with this `UUID`")
	cmd.Flags().Var(timeFlag(&f.after), "since", "only alerts raised since this time, or within this age such as 24h or 7d")
	cmd.Flags().Var(timeFlag(&f.before), "until", "only alerts raised until this time")
}

// given reports whether the filter excludes any alert by a criterion other than the status.
func (f *alertFilter) given() bool {
	o := &f.opts
	return o.RiskScores != nil || o.AlertTypes != nil || o.Hosts != nil || o.APIEndpointUUID != "" || !f.after.IsZero() || !f.before.IsZero()
}

// check returns an error if the filter names a host or an endpoint that does not exist.
func (f *alertFilter) check(ctx context.Context, client *metlo.Client) error {
	if err := expand(ctx, client, &f.opts.Hosts); err != nil {
		return err
	}
	if f.opts.APIEndpointUUID == "" {
		return nil
	}
	id, err := endpointID(ctx, client, f.opts.APIEndpointUUID)
	if err != nil {
		return fmt.Errorf("--endpoint: %w", err)
	}
	f.opts.APIEndpointUUID = id
	if _, err := client.Endpoints.Get(ctx, id); errors.Is(err, metlo.ErrNotFound) {
		return fmt.Errorf("--endpoint: there is no endpoint %s", id)
	} else if err != nil {
		return err
	}
	return nil
}

var alertColumns = []output.Column[metlo.Alert]{
	{Name: "uuid", Value: func(a *metlo.Alert) string { return a.UUID }, ID: true},
	{
		Name: "risk", Value: func(a *metlo.Alert) string { return string(a.RiskScore) }, Vital: true,
		Order: func(x, y *metlo.Alert) int { return compareRisk(x.RiskScore, y.RiskScore) },
	},
	{Name: "endpoint", Value: alertEndpoint, Vital: true, Combined: true},
	{Name: "method", Value: func(a *metlo.Alert) string { return string(a.APIEndpoint.Method) }, Wide: true},
	{Name: "host", Value: func(a *metlo.Alert) string { return a.APIEndpoint.Host }, Wide: true},
	{Name: "path", Value: func(a *metlo.Alert) string { return a.APIEndpoint.Path }, Wide: true},
	{Name: "type", Value: func(a *metlo.Alert) string { return string(a.Type) }},
	{Name: "created", Value: func(a *metlo.Alert) string { return timestamp(a.CreatedAt) }, Time: true},
	{Name: "status", Value: func(a *metlo.Alert) string { return string(a.Status) }},
	{Name: "description", Value: func(a *metlo.Alert) string { return a.Description }},
}

func alertEndpoint(a *metlo.Alert) string {
	return endpointName(a.APIEndpoint.Method, a.APIEndpoint.Host, a.APIEndpoint.Path)
}

func (a *app) alertList() *cobra.Command {
	var filter alertFilter
	var every bool
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List alerts, the highest risk first", Args: cobra.NoArgs,
		Long:    "List open alerts, the highest risk first and then the newest. --all and --status list others.",
		Example: "  metlo alert list --risk high --since 7d\n  metlo alert list --all --jq '.[] | select(.status == \"Resolved\") | .uuid'",
	}
	a.alertFilterFlags(cmd, &filter)
	alertStatuses.list(cmd, &filter.opts.Statuses, "status", "only alerts of this status")
	cmd.Flags().BoolVar(&every, "all", false, "alerts of every status")
	cmd.MarkFlagsMutuallyExclusive("all", "status")
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, _ []string) error {
		p, err := a.printer()
		if err != nil {
			return err
		}
		if !every && filter.opts.Statuses == nil {
			filter.opts.Statuses = []metlo.AlertStatus{metlo.StatusOpen}
		}
		if err := filter.check(ctx, client); err != nil {
			return err
		}
		alerts, err := metlo.Collect(filter.all(ctx, client))
		if err != nil {
			return err
		}
		slices.SortStableFunc(alerts, compareAlerts)
		return output.List(p, each(alerts), alertColumns)
	})
	return a.listing(cmd)
}

// compareAlerts orders alerts by status, then by risk, then by age, the newest first.
func compareAlerts(x, y metlo.Alert) int {
	return cmp.Or(slices.Index(alertStatuses.values, x.Status)-slices.Index(alertStatuses.values, y.Status),
		compareRisk(y.RiskScore, x.RiskScore), y.CreatedAt.Compare(x.CreatedAt), strings.Compare(x.UUID, y.UUID))
}

func (a *app) alertGet() *cobra.Command {
	cmd := &cobra.Command{Use: "get UUID", Short: "Show an alert", Args: cobra.ExactArgs(1)}
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, args []string) error {
		p, err := a.printer()
		if err != nil {
			return err
		}
		ids, err := alertIDs(ctx, client, args[0])
		if err != nil {
			return err
		}
		alert, err := client.Alerts.Get(ctx, ids[0])
		if errors.Is(err, metlo.ErrNotFound) {
			return fmt.Errorf("there is no alert %s: run metlo alert list --all", ids[0])
		}
		if err != nil {
			return err
		}
		return output.Object(p, alert, append(slices.Clone(alertColumns),
			output.Column[metlo.Alert]{Name: "endpointUuid", Value: func(a *metlo.Alert) string { return a.APIEndpointUUID }},
			output.Column[metlo.Alert]{Name: "resolution", Value: func(a *metlo.Alert) string { return a.ResolutionMessage }},
			output.Column[metlo.Alert]{Name: "updated", Value: func(a *metlo.Alert) string { return timestamp(a.UpdatedAt) }, Time: true},
			output.Column[metlo.Alert]{Name: "context", Value: func(a *metlo.Alert) string { return string(a.Context) }},
		))
	})
	return a.reading(cmd)
}

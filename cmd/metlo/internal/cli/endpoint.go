package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
)

func (a *app) endpointCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "endpoint", Aliases: []string{"endpoints"}, Short: "The endpoints of the inventory"}
	cmd.AddCommand(a.endpointList(), a.endpointGet(), a.endpointUsage(), a.endpointSetAuth(), a.endpointDelete())
	return cmd
}

// endpointFilter holds the criteria by which commands choose endpoints.
type endpointFilter struct {
	opts           metlo.EndpointFilter
	authentication []metlo.Authentication // empty for all states
}

// all returns an iterator over the endpoints that match the filter. The server treats an endpoint whose authentication
// is unknown as one that requires it. The server's filter therefore only narrows the list, and all checks the state
// itself.
func (f *endpointFilter) all(ctx context.Context, client *metlo.Client, walk ...metlo.WalkOption) iter.Seq2[metlo.Endpoint, error] {
	opts := f.opts
	if f.authentication == nil {
		return client.Endpoints.All(ctx, &opts, walk...)
	}
	open := func(state metlo.Authentication) bool { return state == metlo.AuthenticationNone }
	switch others := slices.DeleteFunc(slices.Clone(f.authentication), open); {
	case len(others) == 0:
		opts.IsAuthenticated = new(false)
	case len(others) == len(f.authentication):
		opts.IsAuthenticated = new(true)
	}
	return func(yield func(metlo.Endpoint, error) bool) {
		for e, err := range client.Endpoints.All(ctx, &opts, walk...) {
			if (err != nil || slices.Contains(f.authentication, e.Authentication())) && !yield(e, err) {
				return
			}
		}
	}
}

// check expands the patterns of the filter, and returns an error if it names a value that the instance does not have.
func (f *endpointFilter) check(ctx context.Context, client *metlo.Client) error {
	if err := expand(ctx, client, &f.opts.Hosts); err != nil {
		return err
	}
	if len(f.opts.DataClasses) == 0 {
		return nil
	}
	classes, err := client.DataClasses.List(ctx)
	if err != nil {
		return err
	}
	names := make([]string, len(classes))
	for i, c := range classes {
		names[i] = c.ClassName
	}
	for _, class := range f.opts.DataClasses {
		if !slices.Contains(names, class) {
			return fmt.Errorf("--data-class: there is no data class %q%s (metlo data-class list shows all)", class, didYouMean(class, names))
		}
	}
	return nil
}

// endpointFilterFlags adds the flags that choose endpoints.
func (a *app) endpointFilterFlags(cmd *cobra.Command, f *endpointFilter) {
	opts := &f.opts
	a.hostsFlag(cmd, &opts.Hosts, "endpoints")
	riskScores.list(cmd, &opts.RiskScores, "risk", "only endpoints of this risk")
	methods.list(cmd, &opts.Methods, "method", "only endpoints of this method")
	texts(cmd, &opts.DataClasses, "data-class", "only endpoints with this data class, such as Email")
	_ = cmd.RegisterFlagCompletionFunc("data-class", a.completeDataClasses)
	texts(cmd, &opts.ResourcePermissions, "permission", "only endpoints with this permission, such as Order.read")
	cmd.Flags().StringVar(&opts.SearchQuery, "search", "", "only endpoints whose path matches this POSIX regular `expression`")
	authStates.list(cmd, &f.authentication, "authentication", "only endpoints with this authentication")
	hostTypes.one(cmd, &opts.HostType, "host-type", "only endpoints of hosts of this type")
}

func (a *app) endpointList() *cobra.Command {
	var filter endpointFilter
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List endpoints, the highest risk first", Args: cobra.NoArgs,
		Example: "  metlo endpoint list --risk high --authentication none,unknown\n  metlo endpoint list --data-class Email -o csv",
	}
	a.endpointFilterFlags(cmd, &filter)
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, _ []string) error {
		p, err := a.printer()
		if err != nil {
			return err
		}
		if err := filter.check(ctx, client); err != nil {
			return err
		}
		endpoints, err := metlo.Collect(filter.all(ctx, client))
		if err != nil {
			return err
		}
		slices.SortStableFunc(endpoints, compareEndpoints)
		return output.List(p, each(endpoints), endpointColumns)
	})
	return a.listing(cmd)
}

// compareEndpoints orders endpoints by risk, the highest first, then by name, so that the order does not depend on the
// server.
func compareEndpoints(x, y metlo.Endpoint) int {
	return cmp.Or(compareRisk(y.RiskScore, x.RiskScore), strings.Compare(x.Host+x.Path+string(x.Method), y.Host+y.Path+string(y.Method)))
}

func (a *app) endpointGet() *cobra.Command {
	cmd := &cobra.Command{Use: "get UUID", Short: "Show an endpoint with its data fields, alerts and traces", Args: cobra.ExactArgs(1)}
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, args []string) error {
		p, err := a.printer()
		if err != nil {
			return err
		}
		id, err := endpointID(ctx, client, args[0])
		if err != nil {
			return err
		}
		endpoint, err := client.Endpoints.Get(ctx, id)
		if errors.Is(err, metlo.ErrNotFound) {
			return noEndpoint(id)
		}
		if err != nil {
			return err
		}
		var columns []output.Column[metlo.EndpointDetail]
		for _, c := range endpointColumns {
			if c.Name != "public" { // only lists contain the state public
				columns = append(columns, output.Column[metlo.EndpointDetail]{
					Name: c.Name, Value: func(e *metlo.EndpointDetail) string { return c.Value(&e.Endpoint) },
					ID: c.ID, Alarm: c.Alarm, Combined: c.Combined,
				})
			}
		}
		columns = append(columns,
			output.Column[metlo.EndpointDetail]{Name: "openAlerts", Value: openAlerts},
			output.Column[metlo.EndpointDetail]{Name: "traces", Value: func(e *metlo.EndpointDetail) string { return fmt.Sprint(len(e.Traces)) }},
			output.Column[metlo.EndpointDetail]{Name: "withCredentials", Value: func(e *metlo.EndpointDetail) string {
				return fmt.Sprint(e.AuthenticationEvidence().WithCredentials)
			}},
			output.Column[metlo.EndpointDetail]{Name: "succeededWithout", Value: func(e *metlo.EndpointDetail) string {
				return fmt.Sprint(e.AuthenticationEvidence().SucceededWithout)
			}},
			output.Column[metlo.EndpointDetail]{Name: "sensitiveFields", Value: sensitiveFields},
		)
		return output.Object(p, endpoint, columns)
	})
	return a.reading(cmd)
}

func noEndpoint(id string) error {
	return fmt.Errorf("there is no endpoint %s: run metlo endpoint list", id)
}

func openAlerts(e *metlo.EndpointDetail) string {
	n := 0
	for _, alert := range e.Alerts {
		if alert.Status == metlo.StatusOpen {
			n++
		}
	}
	return fmt.Sprint(n)
}

func sensitiveFields(e *metlo.EndpointDetail) string {
	var fields []string
	for _, f := range e.DataFields {
		if len(f.DataClasses) > 0 {
			fields = append(fields, fmt.Sprintf("%s %s (%s)", f.DataSection, f.DataPath, strings.Join(f.DataClasses, ", ")))
		}
	}
	slices.Sort(fields)
	return list(slices.Compact(fields))
}

func (a *app) endpointUsage() *cobra.Command {
	cmd := &cobra.Command{Use: "usage UUID", Short: "Show how many requests an endpoint had on each day", Args: cobra.ExactArgs(1)}
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, args []string) error {
		p, err := a.printer()
		if err != nil {
			return err
		}
		id, err := endpointID(ctx, client, args[0])
		if err != nil {
			return err
		}
		usage, err := client.Endpoints.Usage(ctx, id)
		if errors.Is(err, metlo.ErrNotFound) {
			return noEndpoint(id)
		}
		if err != nil {
			return err
		}
		return output.List(p, each(usage), []output.Column[metlo.EndpointUsage]{
			{Name: "date", Value: func(u *metlo.EndpointUsage) string { return day(u.Day) }},
			{Name: "requests", Value: func(u *metlo.EndpointUsage) string { return fmt.Sprint(u.Count) }},
		})
	})
	return a.listing(cmd)
}

func (a *app) endpointSetAuth() *cobra.Command {
	cmd := &cobra.Command{
		Use: "set-auth UUID required|none|detected", Args: cobra.ExactArgs(2),
		Short: "Set whether an endpoint requires authentication",
		Long: "Set whether an endpoint requires authentication. This overrides the state that the server has detected, and detected\n" +
			"removes the override. The server detects none or unknown, never required: only this command sets required.",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return []string{"required", "none", "detected"}, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, args []string) error {
		state, err := words("required", "none", "detected").read(args[1])
		if err != nil {
			return err
		}
		override := map[string]*bool{"required": new(true), "none": new(false)}[state]
		id, err := endpointID(ctx, client, args[0])
		if err != nil {
			return err
		}
		if err := client.Endpoints.SetAuthenticated(ctx, id, override); errors.Is(err, metlo.ErrNotFound) {
			return noEndpoint(id)
		} else if err != nil {
			return err
		}
		a.note("%s: authentication is %s", id, map[bool]string{true: state, false: "as detected"}[override != nil])
		return nil
	})
	return cmd
}

// lostCounts describes the calls that a server loses when it deletes endpoints.
const lostCounts = "Shortly after traffic, the server loses calls of all endpoints that it has counted and not yet stored."

func (a *app) endpointDelete() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete UUID…", Short: "Delete endpoints with their alerts, data fields and traces", Args: cobra.MinimumNArgs(1),
		Long: "Delete endpoints with their alerts, data fields and traces. Later traffic creates them again.\n" + lostCounts,
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "delete without asking")
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, args []string) error {
		ids, err := endpointIDs(ctx, client, args...)
		if err != nil {
			return err
		}
		for _, id := range ids {
			endpoint, err := client.Endpoints.Get(ctx, id)
			if errors.Is(err, metlo.ErrNotFound) {
				return fmt.Errorf("there is no endpoint %s; nothing was deleted", id)
			}
			if err != nil {
				return err
			}
			a.note("%s  %s", id, endpointName(endpoint.Method, endpoint.Host, endpoint.Path))
		}
		a.note(lostCounts)
		if ok, err := a.confirm(ctx, yes, "Delete "+output.Count(len(ids), "endpoint")); !ok || err != nil {
			return err
		}
		if err := client.Endpoints.DeleteMany(ctx, ids...); err != nil {
			return err
		}
		a.note("%s deleted", output.Count(len(ids), "endpoint"))
		return nil
	})
	return cmd
}

package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
)

// knownHosts refuses hosts that the instance does not have: the server answers a filter that names one with nothing,
// which looks like good news.
func knownHosts(ctx context.Context, client *metlo.Client, hosts []string) error {
	if len(hosts) == 0 {
		return nil
	}
	names, err := client.Hosts.Names(ctx)
	if err != nil {
		return err
	}
	for _, host := range hosts {
		if slices.Contains(names, host) {
			continue
		}
		if i := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, host) }); i >= 0 {
			return fmt.Errorf("no such host: %s, did you mean %s?", host, names[i])
		}
		return fmt.Errorf("no such host: %s%s (metlo host list shows all)", host, didYouMean(host, names))
	}
	return nil
}

func (a *app) hostCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "host", Aliases: []string{"hosts"}, Short: "The hosts of the inventory"}
	cmd.AddCommand(a.hostList(), a.hostDelete())
	return cmd
}

func (a *app) hostList() *cobra.Command {
	var opts metlo.HostFilter
	cmd := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List hosts, those with the most endpoints first", Args: cobra.NoArgs}
	cmd.Flags().StringVar(&opts.SearchQuery, "search", "", "only hosts whose name holds this `text`")
	hostTypes.one(cmd, &opts.HostType, "type", "only hosts of this type")
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, _ []string) error {
		p, err := a.printer()
		if err != nil {
			return err
		}
		hosts, err := metlo.Collect(client.Hosts.All(ctx, &opts))
		if err != nil {
			return err
		}
		slices.SortStableFunc(hosts, compareHosts)
		return output.List(p, each(hosts), []output.Column[metlo.Host]{
			{Name: "host", Value: func(h *metlo.Host) string { return h.Host }},
			{Name: "endpoints", Value: func(h *metlo.Host) string { return fmt.Sprint(h.NumEndpoints) }},
			{Name: "public", Value: func(h *metlo.Host) string { return truth(h.IsPublic) }},
		})
	})
	return a.listing(cmd)
}

// compareHosts orders those with the most endpoints first: a walk gives them in no order.
func compareHosts(x, y metlo.Host) int {
	return cmp.Or(cmp.Compare(y.NumEndpoints, x.NumEndpoints), strings.Compare(x.Host, y.Host))
}

func (a *app) hostDelete() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete HOST…", Short: "Delete hosts with their endpoints, alerts and data fields",
		Long: "Delete hosts with all their endpoints, the alerts, data fields and traces of these, and the specs that Metlo made of\n" +
			"their traffic. Traffic that Metlo sees later brings them back.\n" + lostCounts,
		Args: cobra.MinimumNArgs(1), ValidArgsFunction: a.completeHosts,
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "delete without asking")
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, hosts []string) error {
		if err := knownHosts(ctx, client, hosts); err != nil {
			return err
		}
		for _, host := range hosts {
			page, err := client.Endpoints.List(ctx, &metlo.EndpointFilter{Hosts: []string{host}}, 0, 1)
			if err != nil {
				return err
			}
			a.note("%s has %s", host, output.Count(page.Total, "endpoint"))
		}
		a.note(lostCounts)
		if ok, err := a.confirm(ctx, yes, fmt.Sprintf("Delete %s", output.Count(len(hosts), "host"))); !ok || err != nil {
			return err
		}
		if err := client.Hosts.DeleteMany(ctx, hosts...); err != nil {
			return err
		}
		a.note("%s deleted", output.Count(len(hosts), "host"))
		return nil
	})
	return cmd
}

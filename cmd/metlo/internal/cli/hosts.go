package cli

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
)

// expandHosts returns the hosts of the instance that match what a user has typed. The typed texts are names, patterns such
// as *.example.com, and exclusions such as !test.example.com. A text that matches no host is an error. The server would
// return an empty list for it, which looks like good news.
func expandHosts(ctx context.Context, client *metlo.Client, typed []string) ([]string, error) {
	if len(typed) == 0 {
		return typed, nil
	}
	names, err := client.Hosts.Names(ctx)
	if err != nil {
		return nil, err
	}
	chosen, err := chooseHosts(names, typed)
	if err != nil {
		return nil, fmt.Errorf("%w (metlo host list shows all)", err)
	}
	return chosen, nil
}

// chooseHosts returns the names that match what a user has typed, as expandHosts does.
func chooseHosts(names, typed []string) ([]string, error) {
	chosen, err := choosing(typed, names, func(pattern string) ([]string, error) { return hostsLike(names, pattern) })
	if err != nil {
		return nil, err
	}
	slices.Sort(chosen)
	if chosen = slices.Compact(chosen); len(chosen) == 0 {
		return nil, fmt.Errorf("--host %s excludes every host", strings.Join(typed, ","))
	}
	return chosen, nil
}

// expand replaces the typed hosts by the hosts that they match.
func expand(ctx context.Context, client *metlo.Client, hosts *[]string) (err error) {
	*hosts, err = expandHosts(ctx, client, *hosts)
	return err
}

// hostsLike returns the hosts that match a name or a pattern, at least one.
func hostsLike(names []string, pattern string) ([]string, error) {
	if slices.Contains(names, pattern) {
		return []string{pattern}, nil
	}
	if strings.ContainsAny(pattern, "*?[") {
		var found []string
		for _, name := range names {
			ok, err := path.Match(pattern, name)
			if err != nil {
				return nil, fmt.Errorf("--host: %q is not a pattern: use one such as *.example.com", pattern)
			}
			if ok {
				found = append(found, name)
			}
		}
		if found == nil {
			return nil, fmt.Errorf("no host is like %s", pattern)
		}
		return found, nil
	}
	if i := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, pattern) }); i >= 0 {
		return nil, fmt.Errorf("no such host: %s, did you mean %s?", pattern, names[i])
	}
	return nil, fmt.Errorf("no such host: %s%s", pattern, didYouMean(pattern, names))
}

// knownHosts returns an error for the first host that the instance does not have.
func knownHosts(ctx context.Context, client *metlo.Client, hosts []string) error {
	if len(hosts) == 0 {
		return nil
	}
	names, err := client.Hosts.Names(ctx)
	if err != nil {
		return err
	}
	for _, host := range hosts {
		if strings.ContainsAny(host, "*?[!") {
			return fmt.Errorf("no such host: %s: this command takes names, not patterns", host)
		}
		if _, err := hostsLike(names, host); err != nil {
			return fmt.Errorf("%w (metlo host list shows all)", err)
		}
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

// compareHosts orders hosts by the number of endpoints, the largest first. The server lists them in no particular order.
func compareHosts(x, y metlo.Host) int {
	return cmp.Or(cmp.Compare(y.NumEndpoints, x.NumEndpoints), strings.Compare(x.Host, y.Host))
}

func (a *app) hostDelete() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete HOST…", Short: "Delete hosts with their endpoints, alerts and data fields",
		Long: "Delete hosts with all their endpoints, the alerts, data fields and traces of these, and the specs that Metlo generated from\n" +
			"their traffic. Later traffic creates them again.\n" + lostCounts,
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

// Quickstart prints a security engineer's morning: how risky the inventory is, which endpoints to look at first, which
// alerts are open, and what would be tested next. It changes nothing.
//
// Without METLO_HOST it runs against a demo server of its own. With METLO_HOST it runs against that instance, with the
// key from METLO_API_KEY or from ~/.metlo/credentials.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

// top is how many endpoints are shown.
const top = 5

var scores = []metlo.RiskScore{metlo.RiskHigh, metlo.RiskMedium, metlo.RiskLow, metlo.RiskNone}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var client *metlo.Client
	if os.Getenv("METLO_HOST") == "" {
		fmt.Println("METLO_HOST is not set: this is the demo server.")
		server := metlotest.NewServer(metlotest.Demo())
		defer server.Close()
		client = server.Client()
	} else {
		var err error
		if client, err = metlo.NewClientFromEnv(); err != nil {
			return err
		}
		fmt.Println("This is", os.Getenv("METLO_HOST")+".")
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	for _, section := range []func(context.Context, *metlo.Client, *tabwriter.Writer) error{endpoints, alerts, tests} {
		if err := section(ctx, client, out); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// endpoints counts the inventory by risk and lists the riskiest part of it.
func endpoints(ctx context.Context, client *metlo.Client, out *tabwriter.Writer) error {
	count := map[metlo.RiskScore]int{}
	var riskiest []metlo.Endpoint
	for e, err := range client.Endpoints.All(ctx, nil) {
		if err != nil {
			return err
		}
		count[e.RiskScore]++
		// The list comes by risk, but the walk promises no order.
		riskiest = append(riskiest, e)
		slices.SortStableFunc(riskiest, compareRisk)
		riskiest = riskiest[:min(len(riskiest), top)]
	}
	fmt.Fprint(out, "\nEndpoints by risk\n")
	for _, score := range scores {
		fmt.Fprintf(out, "  %s\t%d\n", score, count[score])
	}
	fmt.Fprint(out, "\nRiskiest endpoints\n  RISK\tENDPOINT\tAUTHENTICATED\tDATA CLASSES\n")
	for _, e := range riskiest {
		fmt.Fprintf(out, "  %s\t%s %s%s\t%s\t%s\n", e.RiskScore, e.Method, e.Host, e.Path, yesNo(e.Authenticated()), orNone(e.DataClasses))
	}
	return nil
}

// compareRisk orders endpoints by risk, highest first, and unauthenticated before authenticated.
func compareRisk(a, b metlo.Endpoint) int {
	switch {
	case a.RiskScore != b.RiskScore && a.RiskScore.AtLeast(b.RiskScore):
		return -1
	case a.RiskScore != b.RiskScore:
		return 1
	case a.Authenticated() == b.Authenticated():
		return 0
	case b.Authenticated():
		return -1
	}
	return 1
}

// alerts counts the open alerts by type and severity.
func alerts(ctx context.Context, client *metlo.Client, out *tabwriter.Writer) error {
	type group struct {
		kind metlo.AlertType
		risk metlo.RiskScore
	}
	count := map[group]int{}
	for a, err := range client.Alerts.All(ctx, &metlo.AlertListOptions{Statuses: []metlo.AlertStatus{metlo.StatusOpen}}) {
		if err != nil {
			return err
		}
		count[group{a.Type, a.RiskScore}]++
	}
	groups := make([]group, 0, len(count))
	for g := range count {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b group) int {
		if a.risk != b.risk {
			if a.risk.AtLeast(b.risk) {
				return -1
			}
			return 1
		}
		return strings.Compare(string(a.kind), string(b.kind))
	})
	fmt.Fprint(out, "\nOpen alerts\n  SEVERITY\tTYPE\tCOUNT\n")
	for _, g := range groups {
		fmt.Fprintf(out, "  %s\t%s\t%d\n", g.risk, g.kind, count[g])
	}
	if len(groups) == 0 {
		fmt.Fprintln(out, "  none")
	}
	return nil
}

// tests lists what would be tested next: of each host the endpoints that the server names first.
func tests(ctx context.Context, client *metlo.Client, out *tabwriter.Writer) error {
	hosts, err := client.Hosts.Names(ctx)
	if err != nil {
		return err
	}
	fmt.Fprint(out, "\nTested next\n  ENDPOINT\tFIELDS\tAUTHENTICATES BY\n")
	for _, host := range hosts[:min(len(hosts), top)] {
		next, err := client.Testing.GenTestEndpoints(ctx, host)
		if err != nil {
			return err
		}
		for _, e := range next[:min(len(next), 3)] {
			by := "not configured"
			if e.AuthConfig != nil {
				by = e.AuthConfig.AuthType.String()
			}
			fmt.Fprintf(out, "  %s %s%s\t%d\t%s\n", e.Method, e.Host, e.Path, len(e.DataFields), by)
		}
	}
	return nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "NO"
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

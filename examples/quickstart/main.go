// Quickstart prints a security engineer's morning report: the risk of the inventory, the most urgent endpoints, and the
// open alerts. It changes nothing.
package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

const usage = `quickstart prints how risky the inventory is, the riskiest endpoints, and the open alerts.

  quickstart

It talks to METLO_HOST with METLO_API_KEY or the key of ~/.metlo/credentials, or to a demo server when METLO_HOST is
not set.
Exit codes: 0 done, 2 failed, 130 interrupted.

`

// top is the maximum number of printed endpoints.
const top = 5

var scores = []metlo.RiskScore{metlo.RiskHigh, metlo.RiskMedium, metlo.RiskLow, metlo.RiskNone}

func main() {
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage); flag.PrintDefaults() }
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	switch err := run(ctx); {
	case err == nil:
	case ctx.Err() != nil:
		os.Exit(130)
	default:
		fmt.Fprintln(os.Stderr, "quickstart:", safe(err.Error()))
		os.Exit(2)
	}
}

func run(ctx context.Context) error {
	client, err := metlo.NewClientFromEnv()
	if os.Getenv("METLO_HOST") == "" {
		fmt.Fprintln(os.Stderr, "METLO_HOST is not set: this is a demo server.")
		server := metlotest.NewServer(metlotest.Demo())
		defer server.Close()
		client, err = server.Client(), nil
	}
	if err != nil {
		return err
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	if err := endpoints(ctx, client, out); err != nil {
		return err
	}
	if err := alerts(ctx, client, out); err != nil {
		return err
	}
	return out.Flush()
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
		// The server sorts the list by risk, but the walk guarantees no order.
		riskiest = append(riskiest, e)
		slices.SortStableFunc(riskiest, func(a, b metlo.Endpoint) int { return urgency(&a) - urgency(&b) })
		riskiest = riskiest[:min(len(riskiest), top)]
	}
	fmt.Fprint(out, "Endpoints by risk\n")
	for _, score := range scores {
		fmt.Fprintf(out, "  %s\t%d\n", score, count[score])
	}
	fmt.Fprint(out, "\nRiskiest endpoints\n  RISK\tENDPOINT\tAUTHENTICATION\tDATA CLASSES\n")
	for _, e := range riskiest {
		fmt.Fprintf(out, "  %s\t%s\t%s\t%s\n", safe(string(e.RiskScore)), safe(fmt.Sprint(e.Method, " ", e.Host, e.Path)),
			e.Authentication(), safe(strings.Join(e.DataClasses, ", ")))
	}
	return nil
}

// urgency returns the sort key of an endpoint, lowest first: high risk, and open or possibly open to everybody.
func urgency(e *metlo.Endpoint) int {
	states := []metlo.Authentication{metlo.AuthenticationNone, metlo.AuthenticationUnknown, metlo.AuthenticationRequired}
	return len(states)*slices.Index(scores, e.RiskScore) + slices.Index(states, e.Authentication())
}

// alerts counts the open alerts by severity and type.
func alerts(ctx context.Context, client *metlo.Client, out *tabwriter.Writer) error {
	count := map[string]int{}
	for a, err := range client.Alerts.All(ctx, &metlo.AlertFilter{Statuses: []metlo.AlertStatus{metlo.StatusOpen}}) {
		if err != nil {
			return err
		}
		count[safe(string(a.RiskScore))+"\t"+safe(string(a.Type))]++
	}
	fmt.Fprint(out, "\nOpen alerts\n  SEVERITY\tTYPE\tCOUNT\n")
	for _, name := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(out, "  %s\t%d\n", name, count[name])
	}
	if len(count) == 0 {
		fmt.Fprintln(out, "  none")
	}
	return nil
}

// safe keeps text from acting on a terminal or a CI log: anybody can choose hosts and paths.
func safe(text string) string {
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], "##", `#\#`)
}

// Triage shows the open alerts, and resolves those that pass a filter. It changes nothing without -yes. The command
// metlo alert does more.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

const usage = `triage shows the open alerts, and resolves those that pass the filters.

  triage                                         the table
  triage -severity high -host shop.example.com   the table of some alerts
  triage -host pay.example.com -resolve "masked in 1.4.2" -yes

It talks to METLO_HOST with METLO_API_KEY, or to a demo server when METLO_HOST is not set.
Exit codes: 0 done, 2 failed, done in part or wrong flags, 130 interrupted.

`

func main() {
	filter := metlo.AlertFilter{Statuses: []metlo.AlertStatus{metlo.StatusOpen}}
	flag.Func("severity", "only alerts of this `severity`: high, medium, low or none; may be repeated", func(text string) error {
		score, err := metlo.ParseRiskScore(text)
		filter.RiskScores = append(filter.RiskScores, score)
		return err
	})
	flag.Func("host", "only alerts of this `host`; may be repeated", func(host string) error {
		filter.Hosts = append(filter.Hosts, host)
		return nil
	})
	resolve := flag.String("resolve", "", "resolve the alerts, with this `message`")
	yes := flag.Bool("yes", false, "change the alerts instead of only listing them")
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage); flag.PrintDefaults() }
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	switch err := run(ctx, &filter, *resolve, *yes); {
	case err == nil:
	case ctx.Err() != nil:
		os.Exit(130)
	default:
		fmt.Fprintln(os.Stderr, "triage:", safe(err.Error()))
		os.Exit(2)
	}
}

func run(ctx context.Context, filter *metlo.AlertFilter, resolve string, yes bool) error {
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("%s is not a flag: quote values that hold spaces", flag.Arg(0))
	case yes && resolve == "":
		return errors.New("-yes needs -resolve")
	case resolve != "" && filter.RiskScores == nil && filter.Hosts == nil:
		return errors.New("-resolve needs a filter: -severity or -host")
	}
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
	alerts, err := metlo.Collect(client.Alerts.All(ctx, filter))
	switch {
	case err != nil:
		return err
	case yes:
		return resolveEach(ctx, client, alerts, resolve)
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "SEVERITY\tTYPE\tENDPOINT\tUUID")
	for _, a := range alerts {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", safe(string(a.RiskScore)), safe(string(a.Type)), endpoint(&a), a.UUID)
	}
	if resolve == "" {
		fmt.Fprintf(table, "%d open alerts\n", len(alerts))
	} else {
		fmt.Fprintf(table, "%d open alerts, nothing changed: add -yes to resolve them\n", len(alerts))
	}
	return table.Flush()
}

// resolveEach changes exactly the alerts that the filter found, and none raised later.
func resolveEach(ctx context.Context, client *metlo.Client, alerts []metlo.Alert, message string) error {
	ids, names := make([]string, len(alerts)), map[string]string{}
	for i, a := range alerts {
		ids[i], names[a.UUID] = a.UUID, endpoint(&a)
	}
	resolved, failed := 0, error(nil)
	for change := range client.Alerts.ResolveEach(ctx, ids, message) {
		switch change.Outcome {
		case metlo.ChangeDone:
			resolved++
			fmt.Println("resolved ", change.UUID, "", names[change.UUID])
		case metlo.ChangeConflict, metlo.ChangeGone:
			fmt.Println("left alone, since somebody was faster:", change.UUID, "", names[change.UUID])
		default: // failed, or not sent because an earlier one failed
			fmt.Printf("%s: %s  %s\n", change.Outcome, change.UUID, names[change.UUID])
			failed = cmp.Or(failed, change.Err)
		}
	}
	if _, err := fmt.Printf("%d of %d alerts resolved\n", resolved, len(alerts)); err != nil {
		return err
	}
	return failed
}

func endpoint(a *metlo.Alert) string {
	return safe(fmt.Sprint(a.APIEndpoint.Method, " ", a.APIEndpoint.Host, a.APIEndpoint.Path))
}

// safe keeps text from acting on a terminal or a CI log: anybody can choose hosts and paths.
func safe(text string) string {
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], "##", `#\#`)
}

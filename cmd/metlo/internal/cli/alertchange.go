package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
)

// alertChange describes a command that changes alerts.
type alertChange struct {
	verb, past string
	from       []metlo.AlertStatus
	apply      func(context.Context, *metlo.Client, *metlo.Alert) (*metlo.Alert, error)
}

func (a *app) alertResolve() *cobra.Command {
	var message string
	change := &alertChange{
		verb: "resolve", past: "resolved", from: []metlo.AlertStatus{metlo.StatusOpen},
		apply: func(ctx context.Context, client *metlo.Client, alert *metlo.Alert) (*metlo.Alert, error) {
			return client.Alerts.Resolve(ctx, alert.UUID, message)
		},
	}
	cmd := a.alertChangeCommand(change, "Resolve open alerts, by id or by filter")
	cmd.Flags().StringVarP(&message, "message", "m", "", "what was done, such as \"masked in 1.4.2\"")
	return cmd
}

func (a *app) alertIgnore() *cobra.Command {
	return a.alertChangeCommand(&alertChange{
		verb: "ignore", past: "ignored", from: []metlo.AlertStatus{metlo.StatusOpen},
		apply: func(ctx context.Context, client *metlo.Client, alert *metlo.Alert) (*metlo.Alert, error) {
			return client.Alerts.Ignore(ctx, alert.UUID)
		},
	}, "Set open alerts aside, by id or by filter")
}

func (a *app) alertReopen() *cobra.Command {
	return a.alertChangeCommand(&alertChange{
		verb: "reopen", past: "reopened", from: []metlo.AlertStatus{metlo.StatusIgnored, metlo.StatusResolved},
		apply: func(ctx context.Context, client *metlo.Client, alert *metlo.Alert) (*metlo.Alert, error) {
			if alert.Status == metlo.StatusIgnored {
				return client.Alerts.Unignore(ctx, alert.UUID)
			}
			return client.Alerts.Unresolve(ctx, alert.UUID)
		},
	}, "Open resolved and ignored alerts again, by id or by filter")
}

func (a *app) alertChangeCommand(change *alertChange, short string) *cobra.Command {
	var filter alertFilter
	var yes, every bool
	var auditFile string
	cmd := &cobra.Command{
		Use: change.verb + " [UUID…]", Short: short,
		Long: short + ". The command shows the alerts and changes exactly those, one by one, with --yes or\n" +
			"after you confirm. It skips an alert that somebody else has changed meanwhile.",
		Example: fmt.Sprintf("  metlo alert %[1]s 3fa85f64-5717-4562-b3fc-2c963f66afa6\n  metlo alert %[1]s --host staging.example.com --yes", change.verb),
	}
	a.alertFilterFlags(cmd, &filter)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "change the alerts without asking")
	cmd.Flags().BoolVar(&every, "all", false, "every alert whose status allows the change")
	cmd.Flags().StringVar(&auditFile, "audit", "", "append the outcome of each change to this `file`, as JSON Lines")
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, ids []string) error {
		switch {
		case len(ids) > 0 && (filter.given() || every):
			return errors.New("ids and filters exclude each other")
		case len(ids) == 0 && !filter.given() && !every:
			return fmt.Errorf("no alert is selected: name ids, or a filter such as --risk, --type, --host, --endpoint, --since, or --all")
		case every && filter.given():
			return errors.New("--all and filters exclude each other")
		}
		alerts, err := a.chosenAlerts(ctx, client, change, &filter, ids)
		if err != nil {
			return err
		}
		if len(alerts) == 0 {
			a.note("No alert to %s.", change.verb)
			return nil
		}
		if !yes {
			for i := range alerts {
				fmt.Fprintln(a.out, sprintLine("would %s  %s", change.verb, alertLine(&alerts[i])))
			}
			if err := a.out.Flush(); err != nil {
				return err
			}
		}
		if ok, err := a.confirm(ctx, yes, fmt.Sprintf("%s %s", change.verb, output.Count(len(alerts), "alert"))); !ok || err != nil {
			return err
		}
		log, err := openAudit(auditFile)
		if err != nil {
			return err
		}
		return errors.Join(a.changeAlerts(ctx, client, change, alerts, log), log.close())
	})
	return cmd
}

// chosenAlerts returns the alerts that a command changes.
func (a *app) chosenAlerts(
	ctx context.Context, client *metlo.Client, change *alertChange, filter *alertFilter, ids []string,
) ([]metlo.Alert, error) {
	if len(ids) == 0 {
		filter.opts.Statuses = change.from
		if err := filter.check(ctx, client); err != nil {
			return nil, err
		}
		alerts, err := metlo.Collect(filter.all(ctx, client))
		slices.SortStableFunc(alerts, compareAlerts)
		return alerts, err
	}
	ids, err := alertIDs(ctx, client, ids...)
	if err != nil {
		return nil, err
	}
	var alerts []metlo.Alert
	for _, id := range ids {
		alert, err := client.Alerts.Get(ctx, id)
		switch {
		case errors.Is(err, metlo.ErrNotFound):
			return nil, fmt.Errorf("there is no alert %s; nothing was changed", id)
		case err != nil:
			return nil, err
		case !slices.Contains(change.from, alert.Status):
			return nil, fmt.Errorf("alert %s is %s, and cannot be %s%s; nothing was changed", id, alert.Status, change.past, reopenFirst(change, alert.Status))
		}
		alerts = append(alerts, *alert)
	}
	return alerts, nil
}

// changeAlerts changes the alerts one after the other, and prints one line for each change that it sent. It sends
// nothing after a failure or an interrupt.
func (a *app) changeAlerts(ctx context.Context, client *metlo.Client, change *alertChange, alerts []metlo.Alert, log *audit) error {
	tally := changeTally{past: change.past, total: len(alerts)}
	var failure error
	for i := range alerts {
		entry := auditEntry{Time: time.Now().UTC().Truncate(time.Millisecond), Change: change.verb, Alert: alerts[i].UUID, Endpoint: alertEndpoint(&alerts[i])}
		if failure == nil && ctx.Err() != nil {
			failure = context.Cause(ctx)
		}
		if failure != nil {
			entry.Outcome = outcomeNotSent
		} else {
			var err error
			entry.Outcome, err = change.send(ctx, client, &alerts[i])
			if err != nil {
				entry.Error = message(err)
			}
			if entry.Outcome == outcomeFailed || entry.Outcome == outcomeUncertain {
				failure = err
			}
			fmt.Fprintln(a.out, sprintLine("%s  %s  %s", timestamp(entry.Time), entry.Outcome, alertLine(&alerts[i])))
		}
		tally.add(&entry)
		if err := errors.Join(a.out.Flush(), log.write(&entry)); err != nil && failure == nil {
			failure = err
		}
	}
	if failure != nil {
		return &partialError{tally.String(), failure}
	}
	a.note("%s", tally.String())
	if tally.left > 0 {
		return fmt.Errorf("%s left alone", output.Count(tally.left, "alert"))
	}
	return nil
}

// send changes one alert and returns the outcome.
func (c *alertChange) send(ctx context.Context, client *metlo.Client, alert *metlo.Alert) (outcome string, err error) {
	_, err = c.apply(ctx, client, alert)
	switch {
	case err == nil:
		return c.past, nil
	case errors.Is(err, metlo.ErrConflict), errors.Is(err, metlo.ErrNotFound):
		return outcomeLeft, err
	case maySucceed(err):
		return outcomeUncertain, err
	}
	return outcomeFailed, err
}

// reopenFirst returns advice for an alert that must be reopened before it can be closed in another way.
func reopenFirst(change *alertChange, status metlo.AlertStatus) string {
	if change.verb == "reopen" || strings.EqualFold(string(status), change.past) {
		return ""
	}
	return ": reopen it first, with metlo alert reopen"
}

// maySucceed reports whether the server may have acted on a failed request: the request was sent, and no response
// arrived.
func maySucceed(err error) bool {
	var failure *metlo.Error
	return errors.As(err, &failure) && failure.StatusCode == 0 && len(failure.Attempts) > 0
}

func alertLine(a *metlo.Alert) string {
	return fmt.Sprintf("%s  %s  %s  %s", a.UUID, a.RiskScore, a.Type, alertEndpoint(a))
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/account"
	"github.com/metlo-go/metlo/cmd/metlo/internal/doctor"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/cmd/metlo/internal/version"
)

// shortRetry returns an option that retries a lost connection but not an outage, because the check must report an
// outage.
func shortRetry() metlo.Option {
	return metlo.WithRetry(metlo.RetryPolicy{MaxRetries: 1, BaseWait: 100 * time.Millisecond, MaxWait: 500 * time.Millisecond, MaxRetryAfter: time.Second})
}

func (a *app) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "status", Short: "Check backend, collector and key, and name the next step", Args: cobra.NoArgs,
		Long: "Check backend, database, cache, collector and key, one by one. A stage that cannot be checked is never ok. Exit code 2 if a check\n" +
			"failed. metlo doctor checks more.",
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := a.withTimeout(cmd.Context())
		defer cancel()
		return a.diagnose(ctx, &doctorFlags{short: true})
	}
	return a.reading(cmd)
}

// doctorFlags selects the checks of doctor.
type doctorFlags struct {
	short, probe, yes bool
	wait              time.Duration
}

func (a *app) doctorCommand() *cobra.Command {
	f := &doctorFlags{}
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check every stage from the network to the jobs, and name the first that is broken", Args: cobra.NoArgs,
		Long: "Check every stage that traffic passes: network, proxy, backend, its database and cache, collector, key, analyzer, jobs and\n" +
			"webhooks. A stage is ok, failed, or not checked, with the reason. The first that failed names the next step. Exit code 2\n" +
			"if one failed.\n\n" +
			"With --probe it sends one request for a host that cannot exist, follows it until the jobs have counted it, and removes its\n" +
			"endpoint and alert. Webhooks that would get the alert are named first, and need --yes. If --wait ends before the jobs\n" +
			"run, the removal loses calls that the server has counted and not yet stored, including those of other endpoints.",
		Example: "  metlo doctor\n  metlo doctor --probe\n  metlo doctor -o json --jq '.[] | select(.state == \"failed\") | .advice'",
	}
	cmd.Flags().BoolVar(&f.probe, "probe", false, "send a request, follow it, and remove its data")
	cmd.Flags().DurationVar(&f.wait, "wait", 6*time.Minute, "how long --probe waits for the jobs, which run every 5m")
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "send the probe even if webhooks get its alert")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := a.withTimeout(cmd.Context())
		defer cancel()
		return a.diagnose(ctx, f)
	}
	return a.reading(cmd)
}

var checkColumns = []output.Column[doctor.Row]{
	{Name: "name", Value: func(r *doctor.Row) string { return r.Name }},
	{Name: "state", Value: func(r *doctor.Row) string { return string(r.State) }, Alarm: string(doctor.Failed)},
	{Name: "detail", Value: func(r *doctor.Row) string { return r.Detail }},
	{Name: "advice", Value: func(r *doctor.Row) string { return r.Advice }},
}

// diagnose prints a row for each check, and returns an error if one failed.
func (a *app) diagnose(ctx context.Context, f *doctorFlags) error {
	p, err := a.printer()
	if err != nil {
		return err
	}
	d, rows, err := a.newDoctor()
	if err != nil {
		return err
	}
	defer d.Client.CloseIdleConnections()
	if f.probe {
		if err := a.prepareProbe(ctx, d, f); err != nil {
			return err
		}
	}
	found, err := d.Check(ctx, f.short)
	if host := d.Left(); err != nil && host != "" {
		return &partialError{"the probe may be left on the instance, or arrive later: metlo host delete " + host, err}
	}
	if err != nil {
		return err
	}
	if f.short {
		rows = rows[len(rows)-1:] // the row of the instance
	}
	rows = append(rows, found...)
	if err := output.List(p, each(rows), checkColumns); err != nil {
		return err
	}
	failed := doctor.FirstFailed(rows)
	if failed == nil && ctx.Err() != nil {
		return errors.New("result unknown: --timeout ended before every stage was checked")
	}
	if failed == nil {
		return nil
	}
	if failed.Advice == "" {
		return fmt.Errorf("%s failed: %s", failed.Name, failed.Detail)
	}
	return fmt.Errorf("%s failed: %s", failed.Name, failed.Advice)
}

// newDoctor returns a doctor for the instance, and the rows about the command itself.
func (a *app) newDoctor() (*doctor.Doctor, []doctor.Row, error) {
	client, err := a.connect(shortRetry())
	if err != nil {
		return nil, nil, err
	}
	d := &doctor.Doctor{Client: client, Explain: message, Note: a.note}
	name, source := "the demo server", "--demo"
	var collector string
	if a.global.demo {
		collector, d.Key = a.demo.CollectorURL, metlo.NewSecret(a.demo.APIKey)
	} else {
		found, err := a.instance()
		if err != nil {
			return nil, nil, err
		}
		name, source, collector, d.Key = found.Host, found.source, found.Collector, found.Key
		if a.global.collector != "" {
			collector = a.global.collector
		}
	}
	d.Addresses = []string{client.BaseURL()}
	if collector != "" {
		// The request carries no key, because the collector's health needs none.
		if d.Collector, err = metlo.NewClient(collector, "", append(a.clientOptions(), shortRetry())...); err != nil {
			return nil, nil, err
		}
		a.closers = append(a.closers, d.Collector.CloseIdleConnections)
		d.Addresses = append(d.Addresses, d.Collector.BaseURL())
	}
	return d, []doctor.Row{
		{Name: doctor.Command, State: doctor.OK, Detail: "metlo " + version.Number()},
		{Name: doctor.Server, State: doctor.NotChecked, Detail: "no route of Metlo names its version"},
		{Name: doctor.Instance, State: doctor.OK, Detail: name + ", from " + source, Advice: a.permissionAdvice()},
	}, nil
}

// prepareProbe returns an error if a probe would post an alert and the user has not agreed.
func (a *app) prepareProbe(ctx context.Context, d *doctor.Doctor, f *doctorFlags) error {
	if f.wait < 0 {
		return errors.New("--wait: use a time such as 6m, or 0")
	}
	hooks, err := d.Client.Webhooks.List(ctx)
	if err != nil {
		return nil //nolint:nilerr // the checks name the failed stage and send no probe
	}
	fires := doctor.Fires(hooks)
	for i := range fires {
		a.note("The alert of the probe would be posted by webhook %s to %s", fires[i].UUID, fires[i].URL)
	}
	if len(fires) > 0 && !f.yes {
		return fmt.Errorf("%s would get the alert of the probe: add --yes to send it anyway", output.Count(len(fires), "webhook"))
	}
	d.Probe = &doctor.Probe{Host: doctor.ProbeHost(), Wait: f.wait}
	return nil
}

// permissionAdvice returns a warning about a key that other users of the machine can read, as Metlo's older command
// left it.
func (a *app) permissionAdvice() string {
	store, err := account.Open()
	if err != nil || a.global.demo || runtime.GOOS == "windows" {
		return ""
	}
	names, _ := store.Names() // an error means that no file needs advice
	for _, name := range names {
		path, err := store.Path(name)
		if err != nil {
			continue
		}
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
			return "others can read the key in " + path + ": chmod 600 " + path
		}
	}
	return ""
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/account"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
)

// check is one thing that status looks at.
type check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Result string `json:"result"`
	Advice string `json:"advice"` // empty if nothing is wrong

	err error
}

func (a *app) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "status", Short: "Check backend, collector and key, and say what to do", Args: cobra.NoArgs,
		Long: "Check backend, collector and key, each by itself. Exit code 2 if one of them does not work.",
	}
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, _ []string) error {
		p, err := a.printer()
		if err != nil {
			return err
		}
		checks, err := a.checks(ctx, client)
		if err != nil {
			return err
		}
		if err := output.List(p, each(checks), []output.Column[check]{
			{Name: "check", Value: func(c *check) string { return c.Name }},
			{Name: "ok", Value: func(c *check) string { return map[bool]string{true: "yes", false: "NO"}[c.OK] }, Alarm: "NO"},
			{Name: "result", Value: func(c *check) string { return c.Result }},
			{Name: "advice", Value: func(c *check) string { return c.Advice }},
		}); err != nil {
			return err
		}
		failed := 0
		for _, c := range checks {
			if !c.OK {
				failed++
			}
		}
		if failed > 0 {
			return fmt.Errorf("%d of %d checks failed", failed, len(checks))
		}
		return nil
	})
	return a.reading(cmd)
}

func (a *app) checks(ctx context.Context, client *metlo.Client) ([]check, error) {
	host, source, collector := "the demo server", "--demo", true
	if !a.global.demo {
		found, err := a.instance()
		if err != nil {
			return nil, err
		}
		host, source, collector = found.Host, found.source, found.Collector != "" || a.global.collector != ""
	}
	checks := []check{
		{Name: "metlo", OK: true, Result: "version " + metlo.Version},
		{Name: "instance", OK: true, Result: host + ", from " + source, Advice: a.permissionAdvice()},
	}
	backend := check{Name: "backend", OK: true, Result: "answers"}
	if err := client.Ping(ctx); err != nil {
		backend = check{Name: "backend", Result: message(err), Advice: backendAdvice(err), err: err}
	}
	checks = append(checks, backend)
	if backend.OK {
		checks = append(checks, inventoryCheck(ctx, client))
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return append(checks, collectorCheck(ctx, client, collector)), nil
}

// permissionAdvice warns of a key that other users of the machine can read, as the old command of Metlo left it.
func (a *app) permissionAdvice() string {
	store, err := account.Open()
	if err != nil || a.global.demo || runtime.GOOS == "windows" {
		return ""
	}
	names, _ := store.Names() // what is not there needs no advice
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

func backendAdvice(err error) string {
	switch {
	case errors.Is(err, metlo.ErrUnauthorized), errors.Is(err, metlo.ErrForbidden):
		return "a proxy before the instance wants a login of its own"
	case errors.Is(err, metlo.ErrInvalidResponse):
		return "the address is not that of Metlo's backend"
	case errors.Is(err, metlo.ErrServer):
		return "the backend or its database is down"
	}
	return "check the address, the network and the proxy"
}

func inventoryCheck(ctx context.Context, client *metlo.Client) check {
	summary, err := client.Summary.Get(ctx)
	switch {
	case err != nil:
		return check{Name: "inventory", Result: message(err), Advice: "the backend answers, but its database may be down", err: err}
	case summary.EndpointsTracked == 0:
		return check{Name: "inventory", OK: true, Result: "empty", Advice: "send traffic to the collector, such as with metlo ingest har"}
	}
	return check{Name: "inventory", OK: true, Result: fmt.Sprintf("%s on %s, %s open, %d of them of high risk",
		output.Count(summary.EndpointsTracked, "endpoint"), output.Count(summary.HostCount, "host"),
		output.Count(summary.OpenAlerts, "alert"), summary.HighRiskAlerts)}
}

func collectorCheck(ctx context.Context, client *metlo.Client, known bool) check {
	if !known {
		return check{
			Name: "collector and key", OK: true, Result: "not checked: its address is not known",
			Advice: "set METLO_COLLECTOR_HOST; the key is checked by the collector alone",
		}
	}
	switch err := client.Collector.Verify(ctx); {
	case err == nil:
		return check{Name: "collector and key", OK: true, Result: "answers, and accepts the key"}
	case errors.Is(err, metlo.ErrUnauthorized):
		return check{Name: "collector and key", Result: message(err), Advice: "the key is wrong: make one with metlo key create, then metlo auth login", err: err}
	default:
		return check{Name: "collector and key", Result: message(err), Advice: "check METLO_COLLECTOR_HOST, by default the backend's host with port 8081", err: err}
	}
}

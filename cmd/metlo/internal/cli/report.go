package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/htmlreport"
	"github.com/metlo-go/metlo/cmd/metlo/internal/version"
)

func (a *app) reportCommand() *cobra.Command {
	var hosts []string
	file := "metlo-report.html"
	cmd := &cobra.Command{
		Use: "report", Short: "Write the state of the instance as one HTML file", Args: cobra.NoArgs,
		Long: "Write one HTML file that needs no network and no script: risk by host, alerts over time, sensitive data by endpoint and\n" +
			"what is known about authentication. It follows the reader's light or dark scheme, and prints.",
		Example: "  metlo report --file report.html\n  metlo report --host shop.example.com --file - > shop.html",
	}
	a.hostsFlag(cmd, &hosts, "endpoints and alerts")
	cmd.Flags().StringVar(&file, "file", file, "`file` to write, - for the standard output")
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, _ []string) error {
		if err := knownHosts(ctx, client, hosts); err != nil {
			return err
		}
		data := htmlreport.New(a.instanceName(), version.Number(), time.Now())
		data.Scope = strings.Join(hosts, ", ")
		bar := a.progress("endpoints and alerts")
		defer bar.end()
		for e, err := range client.Endpoints.All(ctx, &metlo.EndpointFilter{Hosts: hosts}) {
			if err != nil {
				return err
			}
			data.AddEndpoint(&e)
			bar.step()
		}
		for alert, err := range client.Alerts.All(ctx, &metlo.AlertFilter{Hosts: hosts}) {
			if err != nil {
				return err
			}
			data.AddAlert(&alert)
			bar.step()
		}
		bar.end()
		if err := a.outputFile(file, data.Write); err != nil {
			return err
		}
		if file != "-" {
			a.note("%s written", file)
		}
		return nil
	})
	return cmd
}

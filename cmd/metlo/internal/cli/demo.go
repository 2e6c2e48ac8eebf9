package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo/metlotest"
)

func (a *app) demoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "demo", Short: "Run a demo server until Ctrl-C", Args: cobra.NoArgs,
		Long: "Run a Metlo server with the data of a small shop, in this process, until Ctrl-C, and print the variables to export so that\n" +
			"other commands talk to it.",
		Example: "  metlo demo\n  metlo alert list --demo    # one command alone needs no server",
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		server := metlotest.NewServer(metlotest.Demo())
		defer server.Close()
		fmt.Fprintf(a.out, "export METLO_HOST=%s METLO_API_KEY=%s\nexport METLO_COLLECTOR_HOST=%s\n", server.URL, server.APIKey, server.CollectorURL)
		if err := a.out.Flush(); err != nil {
			return err
		}
		a.note("Export these in another terminal, and try metlo status. Ctrl-C ends the server and discards all changes.")
		ctx, cancel := a.withTimeout(cmd.Context())
		defer cancel()
		<-ctx.Done()
		if cmd.Context().Err() != nil {
			return context.Cause(cmd.Context())
		}
		return nil
	}
	return cmd
}

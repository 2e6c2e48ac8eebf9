package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/account"
	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// completionTimeout bounds a completion's request to the instance, because the shell waits for it.
const completionTimeout = 2 * time.Second

func (a *app) completeContexts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	store, err := account.Open()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, _ := store.Names() // an error only leaves the completion empty
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completeHosts(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.complete(cmd, func(ctx context.Context, client *metlo.Client) ([]string, error) { return client.Hosts.Names(ctx) })
}

func (a *app) completeDataClasses(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.complete(cmd, func(ctx context.Context, client *metlo.Client) ([]string, error) {
		classes, err := client.DataClasses.List(ctx)
		names := make([]string, len(classes))
		for i, c := range classes {
			names[i] = c.ClassName
		}
		return names, err
	})
}

// complete returns the names that ask reads from the instance, or nothing if the request fails.
func (a *app) complete(cmd *cobra.Command, ask func(context.Context, *metlo.Client) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	a.global.quiet = true
	client, err := a.connect(metlo.WithoutRetry())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, err := ask(ctx, client)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for i := range names {
		names[i] = safetext.Line(names[i])
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// hostsFlag adds the flag --host.
func (a *app) hostsFlag(cmd *cobra.Command, target *[]string, what string) {
	texts(cmd, target, "host", "only "+what+" of this host, or of those like *.example.com, or !HOST for all others")
	_ = cmd.RegisterFlagCompletionFunc("host", a.completeHosts)
}

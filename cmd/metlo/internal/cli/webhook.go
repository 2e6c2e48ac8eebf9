package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
)

func (a *app) webhookCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "webhook", Aliases: []string{"webhooks"}, Short: "Addresses to which alerts are posted"}
	cmd.AddCommand(a.webhookList(), a.webhookCreate(), a.webhookUpdate(), a.webhookDelete(), a.webhookListen())
	return cmd
}

var webhookColumns = []output.Column[metlo.Webhook]{
	{Name: "uuid", Value: func(w *metlo.Webhook) string { return w.UUID }, ID: true},
	{Name: "url", Value: func(w *metlo.Webhook) string { return w.URL }},
	{Name: "types", Value: func(w *metlo.Webhook) string { return orAll(list(strings2(w.AlertTypes))) }},
	{Name: "hosts", Value: func(w *metlo.Webhook) string { return orAll(list(w.Hosts)) }},
	{Name: "created", Value: func(w *metlo.Webhook) string { return timestamp(w.CreatedAt) }, Time: true},
	{Name: "lastDeliveries", Value: func(w *metlo.Webhook) string {
		ok := 0
		for _, run := range w.Runs {
			if run.OK {
				ok++
			}
		}
		return fmt.Sprintf("%d of %d ok", ok, len(w.Runs))
	}},
}

func orAll(text string) string {
	if text == "" {
		return "all"
	}
	return text
}

func (a *app) webhookList() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List webhooks, the newest first", Args: cobra.NoArgs}
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, _ []string) error {
		p, err := a.printer()
		if err != nil {
			return err
		}
		webhooks, err := client.Webhooks.List(ctx)
		if err != nil {
			return err
		}
		return output.List(p, each(webhooks), webhookColumns)
	})
	return a.listing(cmd)
}

func (a *app) webhookFlags(cmd *cobra.Command, settings *metlo.WebhookSettings) {
	alertTypes.list(cmd, &settings.AlertTypes, "type", "post only alerts of this type")
	texts(cmd, &settings.Hosts, "host", "post only alerts of this host")
	_ = cmd.RegisterFlagCompletionFunc("host", a.completeHosts)
}

func (a *app) webhookCreate() *cobra.Command {
	var settings metlo.WebhookSettings
	cmd := &cobra.Command{
		Use: "create URL", Short: "Post alerts to an address", Args: cobra.ExactArgs(1),
		Example: "  metlo webhook create https://hooks.example.com/metlo --type \"PII Data Detected\"",
	}
	a.webhookFlags(cmd, &settings)
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, args []string) error {
		settings.URL = args[0]
		p, err := a.printer()
		if err != nil {
			return err
		}
		if err := knownHosts(ctx, client, settings.Hosts); err != nil {
			return err
		}
		webhook, err := client.Webhooks.Create(ctx, &settings)
		if err != nil {
			return err
		}
		a.warnOfSilence(webhook)
		return output.Object(p, webhook, webhookColumns[:5])
	})
	return a.reading(cmd)
}

// neverPosted lists the alert types that jobs of the open-source server raise. Only its analyzer posts alerts to
// webhooks.
var neverPosted = []metlo.AlertType{
	metlo.AlertPIIData, metlo.AlertQuerySensitiveData, metlo.AlertPathSensitiveData, metlo.AlertUnauthenticatedSensitive,
}

// warnOfSilence prints the alert types that never reach a webhook.
func (a *app) warnOfSilence(webhook *metlo.Webhook) {
	var silent []string
	for _, t := range webhook.AlertTypes {
		if slices.Contains(neverPosted, t) {
			silent = append(silent, string(t))
		}
	}
	switch {
	case len(webhook.AlertTypes) == 0:
		a.note("Metlo's open-source server posts no alerts about sensitive data, which a job raises: list those with metlo alert list.")
	case len(silent) > 0:
		a.note("Metlo's open-source server never posts alerts of type %s, which a job raises: list those with metlo alert list.", list(silent))
	}
}

func (a *app) webhookUpdate() *cobra.Command {
	var settings metlo.WebhookSettings
	var allTypes, allHosts bool
	cmd := &cobra.Command{
		Use: "update UUID", Short: "Change a webhook; values without a flag stay", Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&settings.URL, "url", "", "`address` to post to")
	a.webhookFlags(cmd, &settings)
	cmd.Flags().BoolVar(&allTypes, "all-types", false, "post alerts of every type")
	cmd.Flags().BoolVar(&allHosts, "all-hosts", false, "post alerts of every host")
	cmd.MarkFlagsMutuallyExclusive("type", "all-types")
	cmd.MarkFlagsMutuallyExclusive("host", "all-hosts")
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, args []string) error {
		p, err := a.printer()
		if err != nil {
			return err
		}
		if settings.URL == "" && settings.AlertTypes == nil && settings.Hosts == nil && !allTypes && !allHosts {
			return errors.New("nothing to change: use --url, --type, --host, --all-types or --all-hosts")
		}
		if err := knownHosts(ctx, client, settings.Hosts); err != nil {
			return err
		}
		known, err := client.Webhooks.List(ctx)
		if err != nil {
			return err
		}
		ids, err := webhookIDs(known, args[0])
		if err != nil {
			return err
		}
		i := slices.IndexFunc(known, func(w metlo.Webhook) bool { return w.UUID == ids[0] })
		if i < 0 {
			return fmt.Errorf("there is no webhook %s: run metlo webhook list", args[0])
		}
		if settings.URL == "" {
			settings.URL = known[i].URL
		}
		if settings.AlertTypes == nil && !allTypes {
			settings.AlertTypes = known[i].AlertTypes
		}
		if settings.Hosts == nil && !allHosts {
			settings.Hosts = known[i].Hosts
		}
		webhook, err := client.Webhooks.Update(ctx, ids[0], &settings)
		if err != nil {
			return err
		}
		a.warnOfSilence(webhook)
		return output.Object(p, webhook, webhookColumns[:5])
	})
	return a.reading(cmd)
}

func (a *app) webhookDelete() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{Use: "delete UUID…", Short: "Delete webhooks", Args: cobra.MinimumNArgs(1)}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "delete without asking")
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, args []string) error {
		webhooks, err := client.Webhooks.List(ctx)
		if err != nil {
			return err
		}
		ids, err := webhookIDs(webhooks, args...)
		if err != nil {
			return err
		}
		known := make([]string, len(webhooks))
		for i, w := range webhooks {
			known[i] = w.UUID
			if slices.Contains(ids, w.UUID) {
				a.note("%s  %s", w.UUID, w.URL)
			}
		}
		if err := allKnown("webhook", ids, known); err != nil {
			return err
		}
		if ok, err := a.confirm(ctx, yes, "Delete "+output.Count(len(ids), "webhook")); !ok || err != nil {
			return err
		}
		for i, id := range ids {
			if err := client.Webhooks.Delete(ctx, id); err != nil {
				return &partialError{fmt.Sprintf("%d of %d webhooks deleted; %s", i, len(ids), id), err}
			}
		}
		a.note("%s deleted", output.Count(len(ids), "webhook"))
		return nil
	})
	return cmd
}

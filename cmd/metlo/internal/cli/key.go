package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
)

func (a *app) keyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "key", Aliases: []string{"keys"}, Short: "API keys"}
	cmd.AddCommand(a.keyList(), a.keyCreate(), a.keyDelete())
	return cmd
}

func (a *app) keyList() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List the keys, without their values", Args: cobra.NoArgs}
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, _ []string) error {
		p, err := a.printer()
		if err != nil {
			return err
		}
		keys, err := client.Keys.List(ctx)
		if err != nil {
			return err
		}
		return output.List(p, each(keys), []output.Column[metlo.Key]{
			{Name: "name", Value: func(k *metlo.Key) string { return k.Name }, Vital: true},
			{Name: "beginsWith", Value: func(k *metlo.Key) string { return k.Identifier }},
			{Name: "for", Value: func(k *metlo.Key) string { return string(k.For) }},
			{Name: "created", Value: func(k *metlo.Key) string { return timestamp(k.Created) }, Time: true},
		})
	})
	return a.listing(cmd)
}

func (a *app) keyCreate() *cobra.Command {
	keyFor := metlo.KeyGeneric
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Create a key, and print its value, which cannot be read later", Args: cobra.ExactArgs(1),
		Example: "  metlo key create ci | vault write secret/metlo key=-",
	}
	keyTypes.one(cmd, &keyFor, "for", "what the key is for")
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, args []string) error {
		key, err := client.Keys.Create(ctx, args[0], keyFor)
		if err != nil {
			return err
		}
		fmt.Fprintln(a.out, key.APIKey.Reveal())
		if err := a.out.Flush(); err != nil {
			return fmt.Errorf("the key %s was created, and its value is lost (metlo key delete %s): %w", args[0], args[0], err)
		}
		a.note("Store it: it cannot be read again.")
		return nil
	})
	return cmd
}

func (a *app) keyDelete() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{Use: "delete NAME…", Short: "Delete keys", Args: cobra.MinimumNArgs(1), ValidArgsFunction: a.completeKeys}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "delete without asking")
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, names []string) error {
		keys, err := client.Keys.List(ctx)
		if err != nil {
			return err
		}
		known := make([]string, len(keys))
		for i, k := range keys {
			known[i] = k.Name
		}
		if err := allKnown("key", names, known); err != nil {
			return err
		}
		for _, k := range keys {
			if slices.Contains(names, k.Name) {
				a.note("%s  begins with %s, created %s", k.Name, k.Identifier, timestamp(k.Created))
			}
		}
		if ok, err := a.confirm(ctx, yes, "Delete "+output.Count(len(names), "key")+", and lock out their users"); !ok || err != nil {
			return err
		}
		for i, name := range names {
			if err := client.Keys.Delete(ctx, name); err != nil {
				return &partialError{fmt.Sprintf("%d of %d keys deleted; %s", i, len(names), name), err}
			}
			a.note("%s deleted", name)
		}
		return nil
	})
	return cmd
}

func keyNames(ctx context.Context, client *metlo.Client) ([]string, error) {
	keys, err := client.Keys.List(ctx)
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	return names, err
}

func (a *app) completeKeys(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.complete(cmd, keyNames)
}

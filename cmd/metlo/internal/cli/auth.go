package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/account"
	"github.com/metlo-go/metlo/cmd/metlo/internal/doctor"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
)

func (a *app) authCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "auth", Short: "Save the address and the key of an instance"}
	cmd.AddCommand(a.authLogin(), a.authLogout(), a.authStatus())
	return cmd
}

func (a *app) authLogin() *cobra.Command {
	var unchecked bool
	cmd := &cobra.Command{
		Use: "login [URL]", Short: "Check an instance and a key, and save them", Args: cobra.MaximumNArgs(1),
		Long: "Ask for the key without showing it, or read it from the standard input, check both, and write them to\n" +
			"~/.metlo/credentials, or with --context NAME to ~/.metlo/contexts/NAME. Only you can read the file.",
		Example: "  metlo auth login https://metlo.example.com\n" +
			"  vault read -field=key secret/metlo | metlo auth login https://metlo.example.com --context staging",
	}
	cmd.Flags().BoolVar(&unchecked, "no-check", false, "save them without a check")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := a.withTimeout(cmd.Context())
		defer cancel()
		host := a.global.host
		if len(args) == 1 {
			host = args[0]
		}
		var err error
		if host == "" {
			if !isTerminal(a.in) {
				return errors.New("no instance is named: run metlo auth login https://metlo.example.com")
			}
			fmt.Fprint(a.err, "URL of the instance: ")
			if host, err = readLine(ctx, a.in); err != nil {
				return err
			}
		}
		key, err := a.readSecret(ctx, "API key (not shown; empty for none): ")
		if err != nil {
			return err
		}
		if strings.ContainsAny(key, "\r\n") {
			return errors.New("the standard input holds more than one line: pass the key alone")
		}
		return a.login(ctx, &account.Account{
			Host: host, Key: metlo.NewSecret(key), Collector: a.global.collector, Insecure: a.global.insecure,
		}, unchecked)
	}
	return cmd
}

func (a *app) login(ctx context.Context, entry *account.Account, unchecked bool) error {
	if err := checkPasted("auth login", entry); err != nil {
		return err
	}
	opts := a.clientOptions()
	if entry.Collector != "" {
		opts = append(opts, metlo.WithCollectorURL(entry.Collector))
	}
	if entry.Insecure {
		opts = append(opts, metlo.WithInsecureHTTP())
	}
	client, err := metlo.NewClient(entry.Host, entry.Key.Reveal(), opts...)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	if !unchecked {
		if err := client.Ping(ctx); err != nil {
			return fmt.Errorf("nothing was kept: %w", err)
		}
		if entry.Collector != "" && entry.Key.Reveal() != "" {
			if err := client.Collector.Verify(ctx); err != nil {
				return fmt.Errorf("nothing was kept: %w", err)
			}
		}
	}
	store, err := account.Open()
	if err != nil {
		return err
	}
	name := a.global.context
	if name == "" {
		name = account.Default
	}
	if err := store.Write(name, entry); err != nil {
		return err
	}
	if err := store.Use(name); err != nil {
		return err
	}
	path, _ := store.Path(name) // the same name was valid for Write
	a.note("%s is saved in %s and in use.", entry.Host, path)
	if entry.Key.Reveal() != "" && entry.Collector == "" && !unchecked {
		a.note("The key was not checked, because only the collector can check it: name the collector with --collector.")
	}
	return nil
}

func (a *app) authLogout() *cobra.Command {
	cmd := &cobra.Command{Use: "logout", Short: "Forget the instance in use, or the one of --context", Args: cobra.NoArgs}
	cmd.RunE = func(*cobra.Command, []string) error {
		store, err := account.Open()
		if err != nil {
			return err
		}
		name := a.global.context
		if name == "" {
			if name, err = store.Current(); err != nil {
				return err
			}
		}
		return a.forget(store, name)
	}
	return cmd
}

func (a *app) forget(store *account.Store, name string) error {
	switch err := store.Delete(name); {
	case errors.Is(err, fs.ErrNotExist):
		names, _ := store.Names() // the error only omits the suggestion
		return fmt.Errorf("there is no context %s%s", name, didYouMean(name, names))
	case err != nil:
		return err
	}
	a.note("%s is forgotten.", name)
	return nil
}

// authState represents the output of auth status. It shows the beginning of the key, as the server's list of keys does.
type authState struct {
	Instance  string `json:"instance"`
	Source    string `json:"source"`
	Collector string `json:"collector"`
	Key       string `json:"key"`
	Backend   string `json:"backend"`
	KeyCheck  string `json:"keyCheck"`
}

func (a *app) authStatus() *cobra.Command {
	cmd := &cobra.Command{Use: "status", Short: "Show which instance and key are in use, and check them", Args: cobra.NoArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := a.withTimeout(cmd.Context())
		defer cancel()
		p, err := a.printer()
		if err != nil {
			return err
		}
		state := authState{Instance: "demo server", Source: "--demo", Collector: "demo server", Key: "of the demo server"}
		if !a.global.demo {
			found, err := a.instance()
			if err != nil {
				return err
			}
			state = authState{Instance: found.Host, Source: found.source, Collector: found.Collector, Key: describeKey(found.Key)}
		}
		d, _, err := a.newDoctor()
		if err != nil {
			return err
		}
		defer d.Client.CloseIdleConnections()
		rows, err := d.Check(ctx, true)
		if err != nil {
			return err
		}
		state.Backend, state.KeyCheck = verdict(rows, doctor.Backend, doctor.Database), verdict(rows, doctor.Key)
		if err := output.Object(p, &state, []output.Column[authState]{
			{Name: "instance", Value: func(s *authState) string { return s.Instance }},
			{Name: "source", Value: func(s *authState) string { return s.Source }},
			{Name: "collector", Value: func(s *authState) string { return s.Collector }},
			{Name: "key", Value: func(s *authState) string { return s.Key }},
			{Name: "backend", Value: func(s *authState) string { return s.Backend }},
			{Name: "keyCheck", Value: func(s *authState) string { return s.KeyCheck }},
		}); err != nil {
			return err
		}
		if failed := doctor.FirstFailed(rows); failed != nil {
			return fmt.Errorf("%s failed: %s", failed.Name, failed.Advice)
		}
		return nil
	}
	return a.reading(cmd)
}

// describeKey returns the beginning of a key, which identifies the key and does not reveal it.
func describeKey(key metlo.Secret) string {
	switch value := key.Reveal(); {
	case value == "":
		return "none"
	case len(value) < 24:
		return "set"
	default:
		return "set, begins with " + value[:min(8, len(value)/4)]
	}
}

// verdict returns the result of the checks of some stages: the state and detail of the first stage that is not OK.
func verdict(rows []doctor.Row, names ...string) string {
	for _, name := range names {
		for _, row := range rows {
			if row.Name == name && row.State != doctor.OK {
				return string(row.State) + ": " + row.Detail
			}
		}
	}
	return string(doctor.OK)
}

func (a *app) contextCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "context", Aliases: []string{"contexts"}, Short: "Instances by name"}
	cmd.AddCommand(a.contextList(), a.contextUse(), a.contextDelete())
	return cmd
}

// contextState represents a line of context list.
type contextState struct {
	Name      string `json:"name"`
	Instance  string `json:"instance"`
	Collector string `json:"collector"`
	Key       string `json:"key"`
	InUse     bool   `json:"inUse"`
}

func (a *app) contextList() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List the saved instances", Args: cobra.NoArgs}
	cmd.RunE = func(*cobra.Command, []string) error {
		p, err := a.printer()
		if err != nil {
			return err
		}
		store, err := account.Open()
		if err != nil {
			return err
		}
		names, err := store.Names()
		if err != nil {
			return err
		}
		current, err := store.Current()
		if err != nil {
			return err
		}
		if len(names) == 0 {
			a.note("No instance is saved: run metlo auth login")
		}
		states := []contextState{}
		for _, name := range names {
			entry, err := store.Read(name)
			if err != nil {
				return err
			}
			states = append(states, contextState{name, entry.Host, entry.Collector, describeKey(entry.Key), name == current})
		}
		return output.List(p, each(states), []output.Column[contextState]{
			{Name: "inUse", Value: func(s *contextState) string { return map[bool]string{true: "*"}[s.InUse] }},
			{Name: "name", Value: func(s *contextState) string { return s.Name }, Vital: true},
			{Name: "instance", Value: func(s *contextState) string { return s.Instance }},
			{Name: "collector", Value: func(s *contextState) string { return s.Collector }},
			{Name: "key", Value: func(s *contextState) string { return s.Key }},
		})
	}
	return a.listing(cmd)
}

func (a *app) contextUse() *cobra.Command {
	cmd := &cobra.Command{
		Use: "use NAME", Short: "Set the instance in use; default is the one of auth login without --context", Args: cobra.ExactArgs(1),
		ValidArgsFunction: a.completeContexts,
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		store, err := account.Open()
		if err != nil {
			return err
		}
		switch err := store.Use(args[0]); {
		case errors.Is(err, fs.ErrNotExist):
			names, _ := store.Names() // the error only omits the suggestion
			return fmt.Errorf("there is no context %s%s: run metlo auth login URL --context %s", args[0], didYouMean(args[0], names), args[0])
		case err != nil:
			return err
		}
		a.note("%s is in use.", args[0])
		return nil
	}
	return cmd
}

func (a *app) contextDelete() *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "Forget an instance and its key", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeContexts,
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		store, err := account.Open()
		if err != nil {
			return err
		}
		return a.forget(store, args[0])
	}
	return cmd
}

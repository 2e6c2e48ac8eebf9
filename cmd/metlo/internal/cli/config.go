package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest"
	"github.com/metlo-go/metlo/cmd/metlo/internal/instanceconfig"
	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
	"github.com/metlo-go/metlo/testingconfig"
)

// text describes a configuration text that an instance stores and a file can hold.
type text struct {
	noun    string
	get     func(context.Context, *metlo.Client) (string, error)
	put     func(context.Context, *metlo.Client, string) error
	check   func(content string) []string // returns faults as line:column: message
	compare func(oldName, oldText, newName, newText string) ([]byte, error)
}

func (a *app) configCommand() *cobra.Command {
	var secrets bool
	config := &text{
		noun: "configuration",
		get: func(ctx context.Context, client *metlo.Client) (string, error) {
			config, err := client.Settings.MetloConfig(ctx)
			if err != nil {
				return "", err
			}
			return config.ConfigString.Reveal(), nil
		},
		put: func(ctx context.Context, client *metlo.Client, content string) error {
			return client.Settings.UpdateMetloConfig(ctx, content)
		},
		check: func(content string) (faults []string) {
			for _, fault := range instanceconfig.Check(content) {
				faults = append(faults, fault.Error())
			}
			return faults
		},
		compare: func(oldName, oldText, newName, newText string) ([]byte, error) {
			return instanceconfig.Diff(oldName, oldText, newName, newText, secrets)
		},
	}
	cmd := a.textCommand("config", "The configuration of the instance, as a file in git", config)
	for _, sub := range cmd.Commands() {
		if sub.Name() != "get" {
			sub.Flags().BoolVar(&secrets, "show-secrets", false, "show the values of globalTestEnv, which may be credentials")
		}
	}
	return cmd
}

func (a *app) testingConfigCommand() *cobra.Command {
	return a.textCommand("testing-config", "The testing configuration, which defines who may do what, as a file in git", &text{
		noun: "testing configuration",
		get: func(ctx context.Context, client *metlo.Client) (string, error) {
			config, err := client.Testing.Config(ctx)
			if err != nil {
				return "", err
			}
			return config.ConfigString.Reveal(), nil
		},
		put: func(ctx context.Context, client *metlo.Client, content string) error {
			return client.Testing.UpdateConfig(ctx, content)
		},
		check: func(content string) []string {
			if _, err := apitest.ParseTestingConfig(content); err != nil {
				return strings.Split(message(err), "; ")
			}
			statements, err := testingconfig.Parse(content)
			if err != nil {
				return []string{message(err)}
			}
			var faults []string
			for _, issue := range testingconfig.Unusable(statements) {
				faults = append(faults, fmt.Sprintf("%d:%d: %s", issue.Line, issue.Column, issue.Message))
			}
			return faults
		},
		compare: func(oldName, oldText, newName, newText string) ([]byte, error) {
			return diff.Diff(oldName, []byte(oldText), newName, []byte(newText)), nil
		},
	})
}

func (a *app) textCommand(use, short string, t *text) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short}
	cmd.AddCommand(a.textGet(t), a.textDiff(t), a.textApply(t))
	return cmd
}

func (a *app) textGet(t *text) *cobra.Command {
	cmd := &cobra.Command{Use: "get", Short: "Print the " + t.noun, Args: cobra.NoArgs}
	if t.noun == "configuration" {
		cmd.Long = "Print the configuration as the instance keeps it: without comments, and with the values of globalTestEnv, which may be\ncredentials."
	}
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, _ []string) error {
		content, err := t.get(ctx, client)
		if err != nil {
			return err
		}
		if content == "" {
			a.note("No %s was ever set.", t.noun)
			return nil
		}
		return a.printText(content)
	})
	return cmd
}

// printText prints a text from the server. It escapes the text for terminals only, because a file must hold the exact
// text.
func (a *app) printText(content string) error {
	if isTerminal(a.stdout) {
		content = safetext.Terminal(content)
	}
	if !strings.HasSuffix(content, "\n") {
		content += "\n"
	}
	_, err := a.out.WriteString(content)
	return err
}

func (a *app) textDiff(t *text) *cobra.Command {
	cmd := &cobra.Command{
		Use: "diff FILE", Short: "Show what a file would change, and end with 1 if it would change anything", Args: cobra.ExactArgs(1),
	}
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, args []string) error {
		_, changes, err := a.compareText(ctx, client, t, args[0])
		if err != nil {
			return err
		}
		if len(changes) == 0 {
			a.note("No difference.")
			return nil
		}
		if err := a.printDiff(changes); err != nil {
			return err
		}
		return errFindings
	})
	return cmd
}

// compareText reads and checks a file, and compares it with the text on the instance.
func (a *app) compareText(ctx context.Context, client *metlo.Client, t *text, file string) (content string, changes []byte, err error) {
	data, err := a.input(file)
	if err != nil {
		return "", nil, err
	}
	content = strings.TrimPrefix(string(data), "\ufeff")
	if faults := t.check(content); len(faults) > 0 {
		for _, fault := range faults[:len(faults)-1] {
			fmt.Fprintln(a.err, sprintLine("%s:%s", file, fault))
		}
		return "", nil, fmt.Errorf("%s:%s", file, faults[len(faults)-1])
	}
	current, err := t.get(ctx, client)
	if err != nil {
		return "", nil, err
	}
	changes, err = t.compare("instance", current, file, content)
	return content, changes, err
}

func (a *app) printDiff(changes []byte) error {
	_, err := a.out.WriteString(safetext.Terminal(string(changes)))
	return errors.Join(err, a.out.Flush())
}

func (a *app) textApply(t *text) *cobra.Command {
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: "apply FILE", Short: "Check a file, show what it changes, and send it", Args: cobra.ExactArgs(1),
		Long: "Check a file, show what it changes on the instance, and send it with --yes or after you confirm.\n" +
			"If the file has faults, the command prints them with line and column and sends nothing.",
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "send it without asking")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only check and show")
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, args []string) error {
		content, changes, err := a.compareText(ctx, client, t, args[0])
		if err != nil {
			return err
		}
		if len(changes) == 0 {
			a.note("No difference: nothing to send.")
			return nil
		}
		if err := a.printDiff(changes); err != nil || dryRun {
			return err
		}
		if ok, err := a.confirm(ctx, yes, "Send this "+t.noun); !ok || err != nil {
			return err
		}
		err = t.put(ctx, client, content)
		var syntax *metlo.TestingSyntaxError
		if errors.As(err, &syntax) {
			return fmt.Errorf("%s:%d:%d: %w", args[0], syntax.StartLine, syntax.StartColumn, err)
		}
		if err != nil {
			return err
		}
		a.note("The %s is sent.", t.noun)
		return nil
	})
	return cmd
}

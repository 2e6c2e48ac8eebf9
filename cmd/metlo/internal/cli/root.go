package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/cmd/metlo/internal/version"
)

const rootHelp = `metlo reads and curates a Metlo instance, fails builds while alerts are open, exports the
inventory, and generates and runs API tests.

It talks to --instance, to METLO_HOST with METLO_API_KEY, or to the instance of metlo auth login.
With --demo it starts a demo server, on which you can try everything.

Exit codes: 0 done, nothing found; 1 findings; 2 failed, or the result is unknown; 130 interrupted.`

// Root returns the command for the generator of its manual pages.
func Root() *cobra.Command { return (&app{out: bufio.NewWriter(io.Discard), err: io.Discard}).root() }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "metlo", Short: "The command line of Metlo", Long: rootHelp, Version: version.Full(),
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
		Example:           "  metlo status --demo\n  metlo gate --severity high --format github\n  metlo inventory --file endpoints.csv",
	}
	root.SetVersionTemplate("metlo {{.Version}}\n")
	flags := root.PersistentFlags()
	flags.StringVar(&a.global.host, "instance", "", "`URL` of the instance, instead of METLO_HOST or the context in use")
	flags.StringVar(&a.global.collector, "collector", "", "`URL` of the instance's collector")
	flags.StringVar(&a.global.context, "context", "", "`name` of the context to use, instead of the one in use")
	flags.BoolVar(&a.global.demo, "demo", false, "use a demo server that ends with the command")
	flags.BoolVar(&a.global.insecure, "insecure-http", false, "send the key over plain http, where others on the network can read it")
	flags.DurationVar(&a.global.timeout, "timeout", 0, "stop after this `time`, such as 2m")
	flags.BoolVarP(&a.global.quiet, "quiet", "q", false, "print nothing but data and errors")
	flags.BoolVarP(&a.global.verbose, "verbose", "v", false, "log each request, without keys")
	a.global.color = "auto"
	flags.Var(&oneFlag{text: "auto", set: func(text string) (err error) {
		a.global.color, err = words("auto", "always", "never").read(text)
		return err
	}}, "color", "whether to color tables: auto, always or never")
	_ = root.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp))
	_ = root.RegisterFlagCompletionFunc("context", a.completeContexts)

	root.AddGroup(&cobra.Group{ID: "ci", Title: "Builds and reports:"}, &cobra.Group{ID: "read", Title: "Read and curate:"},
		&cobra.Group{ID: "setup", Title: "Set up:"})
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("ci", a.gateCommand(), a.driftCommand(), a.findingsCommand(), a.explainCommand(), a.inventoryCommand(), a.reportCommand(), a.testCommand())
	add("read", a.alertCommand(), a.endpointCommand(), a.hostCommand(), a.dataClassCommand(), a.detectionCommand(), a.summaryCommand(),
		a.specCommand(), a.webhookCommand(), a.keyCommand())
	add("setup", a.authCommand(), a.contextCommand(), a.statusCommand(), a.doctorCommand(), a.apiCommand(), a.configCommand(), a.testingConfigCommand(), a.ingestCommand(),
		a.demoCommand())
	prepare(root)
	return root
}

// prepare rewrites every usage error of a command as one line that ends with the command for the help.
func prepare(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &usageError{errors.New(flagError(c, err)), c.CommandPath()}
	})
	if args := cmd.Args; args != nil {
		cmd.Args = func(c *cobra.Command, given []string) error {
			if err := args(c, given); err != nil {
				return &usageError{wrongArguments(c, given), c.CommandPath()}
			}
			return nil
		}
	}
	if cmd.HasSubCommands() {
		cmd.Args = unknownCommand
		cmd.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	for _, sub := range cmd.Commands() {
		prepare(sub)
	}
}

// wrongArguments returns an error that names the arguments of a command.
func wrongArguments(c *cobra.Command, given []string) error {
	_, takes, some := strings.Cut(c.Use, " ")
	got := "nothing"
	switch {
	case len(given) > 0 && !some:
		return fmt.Errorf("%s takes no argument, and got %q", c.CommandPath(), given[0])
	case len(given) > 0:
		got = output.Count(len(given), "argument")
	}
	return fmt.Errorf("%s takes %s, and got %s", c.CommandPath(), takes, got)
}

func unknownCommand(c *cobra.Command, given []string) error {
	if len(given) == 0 {
		return nil
	}
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	hint := didYouMean(given[0], names)
	if hint == "" {
		hint = " (use " + oneOf(names) + ")"
	}
	return &usageError{fmt.Errorf("%s has no command %q%s", c.CommandPath(), given[0], hint), c.CommandPath()}
}

// flagError returns the text of a flag error in the style of this command.
func flagError(c *cobra.Command, err error) string {
	var missing *pflag.NotExistError
	if errors.As(err, &missing) {
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		typed := missing.GetSpecifiedName()
		if missing.GetSpecifiedShortnames() != "" {
			return fmt.Sprintf("%s has no flag -%s", c.CommandPath(), typed)
		}
		return fmt.Sprintf("%s has no flag --%s%s", c.CommandPath(), typed, didYouMean("--"+typed, names))
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		return fmt.Sprintf("--%s: %v", invalid.GetFlag().Name, invalid.Unwrap())
	}
	return err.Error()
}

// reading adds the flags that all commands share which print values.
func (a *app) reading(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVarP(&a.global.format.Format, "output", "o", "table", "`form`: "+strings.Join(output.Formats, ", ")+" or template=TEXT")
	cmd.Flags().StringVar(&a.global.format.JQ, "jq", "", "jq `filter` over the JSON form")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(append(output.Formats, "template="), cobra.ShellCompDirectiveNoSpace))
	return cmd
}

// listing adds the flags that all commands share which print lists.
func (a *app) listing(cmd *cobra.Command) *cobra.Command {
	texts(cmd, &a.global.format.Columns, "columns", "columns of a table or a CSV, such as uuid,created")
	cmd.Flags().StringVar(&a.global.format.Sort, "sort", "", "`column` to order by, with a leading minus for descending order")
	cmd.Flags().IntVar(&a.global.format.Limit, "limit", 0, "maximum number of `lines`; 0 for all")
	return a.reading(cmd)
}

// printer returns a printer for the values of a command.
func (a *app) printer() (*output.Printer, error) {
	format := a.global.format.Format
	if !strings.HasPrefix(format, "template=") {
		if _, err := words(append(output.Formats, "template=TEXT")...).read(format); err != nil {
			return nil, fmt.Errorf("--output: %w", err)
		}
	}
	p, err := output.New(a.out, a.global.format)
	if err != nil {
		return nil, err
	}
	if isTerminal(a.stdout) {
		p.Width = terminalWidth()
	}
	p.Color = a.colored(a.stdout)
	p.Context = a.ctx
	return p, nil
}

func (a *app) colored(stream *os.File) bool {
	switch a.global.color {
	case "always":
		return true
	case "never":
		return false
	}
	return isTerminal(stream) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func terminalWidth() int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return 80
	}
	return width
}

// action is the function of a command that needs a client.
type action func(ctx context.Context, client *metlo.Client, args []string) error

// withClient returns the function of a command that connects and runs do, within --timeout.
func (a *app) withClient(do action) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx, cancel := a.withTimeout(cmd.Context())
		defer cancel()
		client, err := a.connect()
		if err != nil {
			return err
		}
		defer client.CloseIdleConnections()
		return do(ctx, client, args)
	}
}

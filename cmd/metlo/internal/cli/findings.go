package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
)

func (a *app) findingsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "findings", Short: "Compare reports of findings"}
	cmd.AddCommand(a.findingsDiff())
	return cmd
}

func (a *app) findingsDiff() *cobra.Command {
	format := "plain"
	cmd := &cobra.Command{
		Use: "diff BEFORE AFTER", Short: "Show the findings that are new, gone or changed between two reports", Args: cobra.ExactArgs(2),
		Long: "Compare two reports that --format json wrote. Two findings are the same if they have the same rule, method, host, path and field, whatever\n" +
			"their ids. If one of the checks is incomplete, a finding of the other report alone is uncertain, and the exit code is 2.\n\n" +
			"Exit codes: 0 nothing new, 1 new findings, 2 unknown result.",
		Example: "  metlo gate --format json=today.json\n  metlo findings diff yesterday.json today.json --format markdown",
	}
	words(findings.DiffFormats...).one(cmd, &format, "format", "form of the difference")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		before, err := findings.ReadReport(args[0])
		if err != nil {
			return err
		}
		after, err := findings.ReadReport(args[1])
		if err != nil {
			return err
		}
		diff, err := findings.Compare(before, after)
		if err != nil {
			return err
		}
		if err := diff.Write(a.out, format); err != nil {
			return err
		}
		a.note("%s", diff.Summary)
		switch {
		case !diff.Known():
			return fmt.Errorf("result unknown: %s", diff.Reason)
		case diff.HasNew():
			return errFindings
		}
		return nil
	}
	return cmd
}

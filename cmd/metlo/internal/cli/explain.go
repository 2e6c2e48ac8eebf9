package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/cmd/metlo/internal/rules"
)

// explained represents a rule in the output of explain.
type explained struct {
	rules.Rule
	URL string `json:"url"`
}

var ruleColumns = []output.Column[explained]{
	{Name: "id", Value: func(r *explained) string { return r.ID }, Vital: true},
	{Name: "title", Value: func(r *explained) string { return r.Title }, Vital: true},
	{Name: "source", Value: func(r *explained) string { return string(r.Source) }},
	{Name: "severity", Value: func(r *explained) string { return r.Severity }},
	{Name: "cwe", Value: func(r *explained) string {
		if r.CWE == 0 {
			return ""
		}
		return fmt.Sprintf("CWE-%d", r.CWE)
	}},
	{Name: "owasp", Value: func(r *explained) string { return r.OWASP }},
	{Name: "url", Value: func(r *explained) string { return r.URL }, Wide: true},
}

func (a *app) explainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain [RULE]", Short: "Explain what a finding means, and how to verify and fix it", Args: cobra.MaximumNArgs(1),
		Long: "Explain a rule: what a finding means, how to verify it and how to fix it. A rule is named by its id, as in reports, or by the\n" +
			"type of an alert, in any case. Without a rule, list all. It needs no instance.",
		Example: "  metlo explain\n  metlo explain \"PII Data Detected\"\n  metlo explain shadow-endpoint -o markdown",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return ruleIDs(), cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		markdown := strings.EqualFold(a.global.format.Format, "markdown") && a.global.format.JQ == ""
		text := a.global.format.Format == "table" && a.global.format.JQ == "" && len(args) > 0
		if markdown && len(args) == 0 {
			_, err := a.out.WriteString(rules.Document())
			return err
		}
		if len(args) == 0 {
			return a.explainAll()
		}
		rule, known := rules.Lookup(args[0])
		switch {
		case !known:
			return unknownRule(args[0])
		case markdown:
			_, err := fmt.Fprintf(a.out, "### %s\n\n%s", rule.Title, rule.Markdown())
			return err
		case text:
			return a.explainText(&rule)
		}
		p, err := a.printer()
		if err != nil {
			return err
		}
		return output.Object(p, &explained{rule, rule.URL()}, ruleColumns)
	}
	a.listing(cmd)
	cmd.Flags().Lookup("output").Usage = "`form`: " + strings.Join(output.Formats, ", ") + ", markdown or template=TEXT"
	return cmd
}

func (a *app) explainAll() error {
	p, err := a.printer()
	if err != nil {
		return err
	}
	return output.List(p, func(yield func(explained, error) bool) {
		for _, rule := range rules.All() {
			if !yield(explained{rule, rule.URL()}, nil) {
				return
			}
		}
	}, ruleColumns)
}

// explainText prints a rule as text.
func (a *app) explainText(rule *rules.Rule) error {
	width := 80
	if isTerminal(a.stdout) {
		width = min(terminalWidth(), 100)
	}
	_, err := fmt.Fprintf(a.out, "%s (%s, severity %s)\n\n%s\n%s\n", rule.Title, rule.ID, rule.Severity, wrap(rule.Text(), width), rule.URL())
	return err
}

// unknownRule returns an error that suggests similar rules.
func unknownRule(name string) error {
	hint := didYouMean(strings.TrimPrefix(strings.ToLower(name), rules.ReportPrefix), ruleIDs())
	if hint == "" {
		var containing []string
		for _, id := range ruleIDs() {
			if slug := rules.Slug(name); slug != "" && strings.Contains(id, slug) {
				containing = append(containing, id)
			}
		}
		if len(containing) > 0 {
			hint = ", did you mean " + oneOf(containing) + "?"
		}
	}
	return fmt.Errorf("unknown rule %q%s (metlo explain lists all)", name, hint)
}

func ruleIDs() []string {
	var ids []string
	for _, rule := range rules.All() {
		ids = append(ids, rule.ID)
	}
	return ids
}

// wrap breaks the lines of text at blanks. Only a single long word can exceed width.
func wrap(text string, width int) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		length := 0
		for _, word := range strings.Fields(line) {
			switch {
			case length > 0 && length+1+len(word) > width:
				out.WriteByte('\n')
				length = 0
			case length > 0:
				out.WriteByte(' ')
				length++
			}
			out.WriteString(word)
			length += len(word)
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// Package manpage writes the manual pages of a command. The package of cobra that does so brings a parser of Markdown
// and one of YAML, whose tables every start of the command would build.
package manpage

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Name is the name of a command's page, without section.
func Name(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// Pages calls write for the command and each one below it that help shows.
func Pages(cmd *cobra.Command, write func(*cobra.Command) error) error {
	if err := write(cmd); err != nil {
		return err
	}
	for _, sub := range shown(cmd) {
		if err := Pages(sub, write); err != nil {
			return err
		}
	}
	return nil
}

func shown(cmd *cobra.Command) (list []*cobra.Command) {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && !sub.IsAdditionalHelpTopicCommand() {
			list = append(list, sub)
		}
	}
	return list
}

// Write writes the page of one command, in section 1.
func Write(w io.Writer, cmd *cobra.Command, version string) error {
	cmd.InitDefaultHelpFlag()
	var out strings.Builder
	name := Name(cmd)
	fmt.Fprintf(&out, ".TH %q 1 \"\" %q \"Metlo\"\n.SH NAME\n%s \\- %s\n", strings.ToUpper(name), cmd.Root().Name()+" "+version, text(name), text(cmd.Short))
	fmt.Fprintf(&out, ".SH SYNOPSIS\n.B %s\n.SH DESCRIPTION\n", text(cmd.UseLine()))
	if cmd.Long != "" {
		paragraphs(&out, cmd.Long)
	} else {
		paragraphs(&out, cmd.Short)
	}
	flags(&out, "OPTIONS", cmd.NonInheritedFlags())
	flags(&out, "OPTIONS OF EVERY COMMAND", cmd.InheritedFlags())
	if cmd.Example != "" {
		out.WriteString(".SH EXAMPLES\n")
		verbatim(&out, cmd.Example)
	}
	seeAlso(&out, cmd)
	_, err := io.WriteString(w, out.String())
	return err
}

func flags(out *strings.Builder, heading string, set *pflag.FlagSet) {
	if !set.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(out, ".SH %s\n", heading)
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Deprecated != "" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		names := `\fB` + text("--"+f.Name) + `\fR`
		if f.Shorthand != "" {
			names = `\fB` + text("-"+f.Shorthand) + `\fR, ` + names
		}
		if value != "" {
			names += ` \fI` + text(value) + `\fR`
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" && f.DefValue != "[]" {
			usage += " (default " + strings.Trim(f.DefValue, "[]") + ")"
		}
		fmt.Fprintf(out, ".TP\n%s\n%s\n", names, text(usage))
	})
}

func seeAlso(out *strings.Builder, cmd *cobra.Command) {
	var pages []string
	if cmd.HasParent() {
		pages = append(pages, Name(cmd.Parent()))
	}
	for _, sub := range shown(cmd) {
		pages = append(pages, Name(sub))
	}
	if len(pages) == 0 {
		return
	}
	out.WriteString(".SH SEE ALSO\n")
	for i, page := range pages {
		comma := ","
		if i == len(pages)-1 {
			comma = ""
		}
		fmt.Fprintf(out, ".BR %s (1)%s\n", text(page), comma)
	}
}

// paragraphs fills text, and keeps what is indented as it is.
func paragraphs(out *strings.Builder, long string) {
	for i, block := range strings.Split(long, "\n\n") {
		if strings.HasPrefix(block, "  ") {
			out.WriteString(".PP\n")
			verbatim(out, block)
			continue
		}
		if i > 0 {
			out.WriteString(".PP\n")
		}
		for line := range strings.SplitSeq(block, "\n") {
			out.WriteString(text(line) + "\n")
		}
	}
}

func verbatim(out *strings.Builder, block string) {
	out.WriteString(".nf\n")
	for line := range strings.SplitSeq(block, "\n") {
		out.WriteString(text(line) + "\n")
	}
	out.WriteString(".fi\n")
}

var escapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "…", `\&...`)

// text escapes what roff would act on: a dot at the beginning of a line is a request.
func text(line string) string {
	line = escapes.Replace(line)
	if strings.HasPrefix(line, ".") {
		return `\&` + line
	}
	return line
}

package cli

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/inventory"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
)

func (a *app) inventoryCommand() *cobra.Command {
	var filter endpointFilter
	format, file, resume := "csv", "", false
	cmd := &cobra.Command{
		Use: "inventory", Short: "Export every endpoint with its data classes to CSV or JSON Lines", Args: cobra.NoArgs,
		Long: "Export every endpoint with its data classes, as it comes and in little memory. JSON Lines have the fields of the\n" +
			"server, and CSV is safe to open in a spreadsheet. With --file it writes FILE.partial, and renames it when it is complete.",
		Example: "  metlo inventory > endpoints.csv\n  metlo inventory --format jsonl --file endpoints.jsonl\n" +
			"  metlo inventory --format jsonl --file endpoints.jsonl --resume    continue after an interruption",
	}
	words(inventory.Formats...).one(cmd, &format, "format", "form of the export")
	cmd.Flags().StringVar(&file, "file", "", "write to this `file` instead of the standard output")
	cmd.Flags().BoolVar(&resume, "resume", false, "continue an interrupted export with the same flags")
	a.endpointFilterFlags(cmd, &filter)
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, _ []string) error {
		if resume && file == "" {
			return errors.New("--resume needs --file")
		}
		if err := notFolder(file); err != nil {
			return err
		}
		if err := filter.check(ctx, client); err != nil {
			return err
		}
		bar := a.progress("endpoints")
		endpoints := filter.all(ctx, client, metlo.OnTotal(bar.total))
		var written int
		var err error
		if file == "" {
			written, err = inventory.Write(a.out, format, endpoints, nil, true, bar.step)
		} else {
			resumed := func(n int) { a.note("resuming after %s", output.Count(n, "endpoint")) }
			written, err = inventory.File(file, format, resume, endpoints, resumed, bar.step)
		}
		bar.end()
		if err != nil {
			return &partialError{output.Count(written, "endpoint") + " written", err}
		}
		a.note("%s", output.Count(written, "endpoint"))
		return nil
	})
	return cmd
}

// progress shows the progress of a walk on a terminal, and nothing elsewhere.
type progress struct {
	bar  *progressbar.ProgressBar
	done int
}

func (a *app) progress(what string) *progress {
	if a.global.quiet || !isTerminal(a.err) {
		return &progress{}
	}
	return &progress{bar: progressbar.NewOptions(-1, progressbar.OptionSetWriter(a.err), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetWidth(30), progressbar.OptionFullWidth(), progressbar.OptionSetPredictTime(true))}
}

func (p *progress) total(n int) {
	if p.bar != nil {
		p.bar.ChangeMax(n)
	}
}

// step counts one item. It seldom draws the bar, because drawing takes longer than processing an endpoint.
func (p *progress) step() {
	p.done++
	if p.bar != nil && p.done%64 == 0 {
		_ = p.bar.Set(p.done) // a failure to draw the bar does not fail the export
	}
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// outputFile writes a file that the user names, or the standard output for "-".
func (a *app) outputFile(name string, write func(io.Writer) error) error {
	if name == "-" {
		return errors.Join(write(a.out), a.out.Flush())
	}
	if err := notFolder(name); err != nil {
		return err
	}
	return writeFile(name, write)
}

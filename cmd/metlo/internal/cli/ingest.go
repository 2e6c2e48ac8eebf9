package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/cmd/metlo/internal/har"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// ingestBatch keeps the memory of an archive small, and what is lost by an interruption.
const ingestBatch = 100

type ingestFlags struct {
	dryRun bool
	hosts  []string
	as     string
}

func (a *app) ingestCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "ingest", Short: "Send traffic from files to the collector"}
	cmd.AddCommand(a.ingestHAR())
	return cmd
}

func (a *app) ingestHAR() *cobra.Command {
	f := &ingestFlags{}
	cmd := &cobra.Command{
		Use: "har FILE…", Short: "Send HTTP archives of browsers, proxies and Burp", Args: cobra.MinimumNArgs(1),
		Long: "Analyze the requests and responses of HTTP archives (HAR 1.2) and send what was found to the collector: templates of paths,\n" +
			"types of fields, classes of sensitive data, and whether credentials were there. No value leaves. --dry-run prints what\n" +
			"would be sent, as JSON Lines.",
		Example: "  metlo ingest har capture.har --host shop.example.com --dry-run\n  metlo ingest har *.har --host shop.example.com",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"har"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "print what would be sent, and send nothing")
	texts(cmd, &f.hosts, "host", "only requests to this host: a browser's archive holds those to others too")
	cmd.Flags().StringVar(&f.as, "as-host", "", "file the traffic under this `host`, such as when a test instance was captured")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := a.withTimeout(cmd.Context())
		defer cancel()
		analyzer, err := capture.NewAnalyzer()
		if err != nil {
			return err
		}
		run := &ingest{app: a, flags: f, analyzer: analyzer}
		for i, host := range f.hosts {
			f.hosts[i] = capture.NormalizeHost(host)
		}
		if !f.dryRun {
			client, err := a.connect()
			if err != nil {
				return err
			}
			defer client.CloseIdleConnections()
			run.client = client
		}
		return run.files(ctx, args)
	}
	return cmd
}

// ingest is one run of ingest har.
type ingest struct {
	app      *app
	flags    *ingestFlags
	analyzer *capture.Analyzer
	client   *metlo.Client // nil for a dry run

	batch                    []*metlo.AnalyzedTrace
	sent, otherHosts, faulty int
}

func (run *ingest) files(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := run.file(ctx, name); err != nil {
			return &partialError{run.progress(), err}
		}
	}
	if err := run.flush(ctx); err != nil {
		return &partialError{run.progress(), err}
	}
	run.app.note("%s", run.progress())
	if run.sent == 0 {
		return errors.New("nothing to send: the archives hold no request that passes")
	}
	return nil
}

func (run *ingest) progress() string {
	verb := "sent"
	if run.client == nil {
		verb = "would be sent"
	}
	text := fmt.Sprintf("%s %s", output.Count(run.sent, "trace"), verb)
	if run.otherHosts > 0 {
		text += fmt.Sprintf(", %d of other hosts left out", run.otherHosts)
	}
	if run.faulty > 0 {
		text += fmt.Sprintf(", %d that a recorder would not send left out", run.faulty)
	}
	return text
}

// file sends what a file holds. Its errors name the file once.
func (run *ingest) file(ctx context.Context, name string) error {
	r, err := run.app.open(name)
	if err != nil {
		return err // which names the file
	}
	defer r.Close()
	err = run.read(ctx, name, &contextReader{ctx, r})
	var of *fs.PathError
	if err == nil || errors.As(err, &of) && of.Path == name {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

func (run *ingest) read(ctx context.Context, name string, r io.Reader) error {
	for trace, err := range har.Read(r) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var skip *har.SkipError
		switch {
		case errors.As(err, &skip):
			run.faulty++
			run.app.note("%s: %v", name, skip)
			continue
		case err != nil:
			return err
		}
		if host := capture.NormalizeHost(trace.Request.URL.Host); len(run.flags.hosts) > 0 && !slices.Contains(run.flags.hosts, host) {
			run.otherHosts++
			continue
		}
		if run.flags.as != "" {
			trace.Request.URL.Host = run.flags.as
		}
		analyzed, err := run.analyzer.Analyze(trace, "")
		if err != nil {
			run.faulty++
			run.app.note("%s: %s %s: %v", name, trace.Request.Method, trace.Request.URL.Host, err)
			continue
		}
		run.batch = append(run.batch, analyzed)
		if len(run.batch) >= ingestBatch {
			if err := run.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// contextReader ends with a context, also within an entry that is large.
type contextReader struct {
	ctx context.Context //nolint:containedctx // of the one read
	r   io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}

// flush sends what was read, or shows it.
func (run *ingest) flush(ctx context.Context) error {
	batch := run.batch
	run.batch = nil
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if run.client == nil {
		for _, trace := range batch {
			data, err := json.Marshal(trace)
			if err != nil {
				return err
			}
			if _, err := run.app.out.Write(append(safetext.JSON(data), '\n')); err != nil {
				return err
			}
			run.sent++
		}
		return run.app.out.Flush()
	}
	err := run.client.Collector.LogAnalyzedBatch(ctx, batch)
	var partial *metlo.AnalyzedBatchError
	switch {
	case err == nil:
		run.sent += len(batch)
	case errors.As(err, &partial):
		run.sent += len(partial.Sent)
	}
	return err
}

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
	"github.com/metlo-go/metlo/cmd/metlo/internal/tracefile"
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
	cmd.AddCommand(a.ingestHAR(), a.ingestTraces())
	return cmd
}

func (a *app) ingestHAR() *cobra.Command {
	cmd := &cobra.Command{
		Use: "har FILE…", Short: "Send HTTP archives of browsers, proxies and Burp",
		Long: "Analyze the requests and responses of HTTP archives (HAR 1.2) and send what was found to the collector: templates of paths,\n" +
			"types of fields, classes of sensitive data, and whether credentials were there. No value leaves. --dry-run prints what\n" +
			"would be sent, as JSON Lines.",
		Example: "  metlo ingest har capture.har --host shop.example.com --dry-run\n  metlo ingest har *.har --host shop.example.com",
	}
	return a.ingesting(cmd, "har", (*ingest).readHAR)
}

func (a *app) ingestTraces() *cobra.Command {
	cmd := &cobra.Command{
		Use: "traces FILE…", Short: "Send what a recorder has written to files",
		Long: "Send the traces that package capture has recorded into files (WithOutput): JSON Lines with templates of paths, types of\n" +
			"fields and classes of sensitive data. Lines with values (WithValues) are analyzed first, and no value leaves. A line that is not\n" +
			"a trace is named and left out; the others are sent, and the exit code is 2. --dry-run prints what would be sent.",
		Example: "  metlo ingest traces traffic.jsonl\n  zcat traffic.jsonl.gz | metlo ingest traces - --host shop.example.com",
	}
	return a.ingesting(cmd, "jsonl", (*ingest).readTraces)
}

// ingesting completes a command that sends what read finds in files.
func (a *app) ingesting(cmd *cobra.Command, extension string, read func(*ingest, context.Context, string, io.Reader) error) *cobra.Command {
	f := &ingestFlags{}
	cmd.Args = cobra.MinimumNArgs(1)
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{extension}, cobra.ShellCompDirectiveFilterFileExt
	}
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "print what would be sent, and send nothing")
	texts(cmd, &f.hosts, "host", "only requests to this host: a browser's archive holds those to others too")
	cmd.Flags().StringVar(&f.as, "as-host", "", "file the traffic under this `host`, such as when a test instance was captured")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := a.withTimeout(cmd.Context())
		defer cancel()
		run, err := newIngest(a, f, read)
		if err != nil {
			return err
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

// ingest is one run of a command that sends traffic from files.
type ingest struct {
	app      *app
	flags    *ingestFlags
	reader   func(*ingest, context.Context, string, io.Reader) error
	analyzer *capture.Analyzer
	checker  *metlo.Client // reports what a client would refuse to send
	client   *metlo.Client // nil for a dry run

	batch                                       []*metlo.AnalyzedTrace
	sent, unknown, otherHosts, skipped, damaged int
}

func newIngest(a *app, f *ingestFlags, read func(*ingest, context.Context, string, io.Reader) error) (*ingest, error) {
	analyzer, err := capture.NewAnalyzer()
	if err != nil {
		return nil, err
	}
	checker, err := metlo.NewClient("https://metlo.invalid", "", metlo.WithCollectorURL("https://metlo.invalid"))
	if err != nil {
		return nil, err
	}
	for i, host := range f.hosts {
		f.hosts[i] = capture.NormalizeHost(host)
	}
	return &ingest{app: a, flags: f, reader: read, analyzer: analyzer, checker: checker}, nil
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
	switch {
	case run.sent == 0:
		return errors.New("nothing to send: the files hold no request that passes")
	case run.damaged > 0:
		return fmt.Errorf("%s left out, which the lines above name", notTraces(run.damaged))
	}
	return nil
}

func notTraces(n int) string {
	if n == 1 {
		return "1 line that is not a trace was"
	}
	return fmt.Sprintf("%d lines that are not traces were", n)
}

func (run *ingest) progress() string {
	verb := "sent"
	if run.client == nil {
		verb = "would be sent"
	}
	text := fmt.Sprintf("%s %s", output.Count(run.sent, "trace"), verb)
	if run.unknown > 0 {
		text += fmt.Sprintf(", and perhaps %d more", run.unknown)
	}
	if run.otherHosts > 0 {
		text += fmt.Sprintf(", %d of other hosts left out", run.otherHosts)
	}
	if run.skipped > 0 {
		text += fmt.Sprintf(", %d that a recorder would not send left out", run.skipped)
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
	return fileError(name, run.reader(run, ctx, name, &contextReader{ctx, r}))
}

// fileError returns err with the name of the file that it is about.
func fileError(name string, err error) error {
	var of *fs.PathError
	if err == nil || errors.As(err, &of) && of.Path == name {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

func (run *ingest) readHAR(ctx context.Context, name string, r io.Reader) error {
	for trace, err := range har.Read(r) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var skip *har.SkipError
		switch {
		case errors.As(err, &skip):
			run.skipped++
			run.app.note("%s: %v", name, skip)
			continue
		case err != nil:
			return err
		}
		if err := run.values(ctx, name, trace); err != nil {
			return err
		}
	}
	return nil
}

func (run *ingest) readTraces(ctx context.Context, name string, r io.Reader) error {
	for trace, err := range tracefile.Read(r) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var fault *tracefile.LineError
		switch where := fmt.Sprintf("%s:%d", name, trace.Line); {
		case errors.As(err, &fault):
			run.damaged++
			run.app.fault("%s:%d: %s", name, fault.Line, fault.Reason)
			continue
		case err != nil:
			return err
		case trace.Values != nil:
			err = run.values(ctx, where, trace.Values)
		default:
			err = run.analyzed(ctx, where, trace.Analyzed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// values analyzes a trace with values and sends what was found.
func (run *ingest) values(ctx context.Context, where string, trace *metlo.Trace) error {
	if !run.wants(trace.Request.URL.Host) {
		run.otherHosts++
		return nil
	}
	analyzed, err := run.analyzer.Analyze(trace, "")
	if err != nil {
		run.skip(where, string(trace.Request.Method), trace.Request.URL.Host, err)
		return nil
	}
	return run.add(ctx, where, analyzed)
}

// analyzed sends a trace without values.
func (run *ingest) analyzed(ctx context.Context, where string, trace *metlo.AnalyzedTrace) error {
	if !run.wants(trace.Request.URL.Host) {
		run.otherHosts++
		return nil
	}
	trace.Request.URL.Host = capture.NormalizeHost(trace.Request.URL.Host)
	return run.add(ctx, where, trace)
}

func (run *ingest) wants(host string) bool {
	return len(run.flags.hosts) == 0 || slices.Contains(run.flags.hosts, capture.NormalizeHost(host))
}

// add puts a trace into the batch, and sends the batch when it is full.
func (run *ingest) add(ctx context.Context, where string, trace *metlo.AnalyzedTrace) error {
	if run.flags.as != "" {
		trace.Request.URL.Host = capture.NormalizeHost(run.flags.as)
	}
	if err := run.check(trace); err != nil {
		run.skip(where, string(trace.Request.Method), trace.Request.URL.Host, err)
		return nil
	}
	run.batch = append(run.batch, trace)
	if len(run.batch) < ingestBatch {
		return nil
	}
	return run.flush(ctx)
}

// check reports why a client would refuse to send a trace. It sends nothing, because its context has ended.
func (run *ingest) check(trace *metlo.AnalyzedTrace) error {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := run.checker.Collector.LogAnalyzed(ended, trace); errors.Is(err, metlo.ErrInvalidArgument) {
		return err
	}
	return nil
}

// skip counts a request that is not sent, and names it.
func (run *ingest) skip(where, method, host string, err error) {
	run.skipped++
	run.app.note("%s: %s %s: %s", where, method, host, message(err))
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

// flush sends the batch, or prints it.
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
		run.unknown += len(partial.Unknown)
	}
	return err
}

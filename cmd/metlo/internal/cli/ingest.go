package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// ingestBatch is the number of traces in a request. It limits memory, and the traces that an interrupt loses.
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
		Long: "Analyze the requests and responses of HTTP archives (HAR 1.2) and send the result to the collector: templates of paths,\n" +
			"types of fields, classes of sensitive data, and whether there were credentials. No value is sent. --dry-run prints what\n" +
			"would be sent, as JSON Lines.",
		Example: "  metlo ingest har capture.har --host shop.example.com --dry-run\n  metlo ingest har *.har --host shop.example.com",
	}
	return a.ingesting(cmd, "har", readHAR)
}

func (a *app) ingestTraces() *cobra.Command {
	cmd := &cobra.Command{
		Use: "traces FILE…", Short: "Send what a recorder has written to files",
		Long: "Send the traces that package capture has recorded into files (WithOutput): JSON Lines with templates of paths, types of\n" +
			"fields and classes of sensitive data. Lines with values (WithValues) are analyzed first, and no value is sent. The command skips and\n" +
			"names a line that is not a trace, sends the others, and ends with 2. --dry-run prints what would be sent.",
		Example: "  metlo ingest traces traffic.jsonl\n  zcat traffic.jsonl.gz | metlo ingest traces - --host shop.example.com",
	}
	return a.ingesting(cmd, "jsonl", readTraces)
}

// ingesting completes a command that sends the traces which read finds in files.
func (a *app) ingesting(cmd *cobra.Command, extension string, read trafficReader) *cobra.Command {
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
		run, err := newIngest(a, f)
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
		return run.files(ctx, args, read)
	}
	return cmd
}

// ingest represents one run of a command that sends traffic from files.
type ingest struct {
	*traffic

	as     string        // host under which the traffic is filed; empty for the host of each trace
	client *metlo.Client // nil for a dry run

	batch         []*metlo.AnalyzedTrace
	sent, unknown int
}

func newIngest(a *app, f *ingestFlags) (*ingest, error) {
	files, err := newTraffic(a)
	if err != nil {
		return nil, err
	}
	hosts := make([]string, len(f.hosts))
	for i, host := range f.hosts {
		hosts[i] = capture.NormalizeHost(host)
	}
	run := &ingest{traffic: files, as: capture.NormalizeHost(f.as)}
	run.wants = func(host string) bool { return len(hosts) == 0 || slices.Contains(hosts, host) }
	run.take = run.add
	return run, nil
}

func (run *ingest) files(ctx context.Context, names []string, read trafficReader) error {
	for _, name := range names {
		if err := run.file(ctx, name, read); err != nil {
			return &partialError{run.progress(), err}
		}
	}
	if err := run.flush(ctx); err != nil {
		return &partialError{run.progress(), err}
	}
	run.app.note("%s", run.progress())
	if run.sent == 0 {
		return errors.New("nothing to send: the files hold no request that can be sent")
	}
	return run.fault()
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
	return text + run.leftOut()
}

// add appends a trace to the batch, and sends the batch when it is full.
func (run *ingest) add(ctx context.Context, where string, trace *metlo.AnalyzedTrace) error {
	if run.as != "" {
		trace.Request.URL.Host = run.as
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

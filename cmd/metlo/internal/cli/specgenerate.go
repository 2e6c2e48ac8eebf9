package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture/openapi"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// specSource holds the source of documents by host: traces, or the endpoints of the instance.
type specSource struct {
	traces    map[string][]*metlo.AnalyzedTrace
	endpoints map[string][]*metlo.EndpointDetail
	graphQL   map[string]int // number of GraphQL requests left out by host, which OpenAPI cannot describe
	damaged   error
}

func (s *specSource) hosts() []string {
	hosts := slices.AppendSeq(slices.Collect(maps.Keys(s.traces)), maps.Keys(s.endpoints))
	slices.Sort(hosts)
	return hosts
}

// document returns the document of some hosts.
func (s *specSource) document(title string, hosts []string) *openapi.Document {
	if s.endpoints != nil {
		var endpoints []*metlo.EndpointDetail
		for _, host := range hosts {
			endpoints = append(endpoints, s.endpoints[host]...)
		}
		return openapi.FromInventory(title, endpoints)
	}
	var traces []*metlo.AnalyzedTrace
	for _, host := range hosts {
		traces = append(traces, s.traces[host]...)
	}
	return openapi.FromTraces(title, traces)
}

type specGenerateFlags struct {
	hosts, servers            []string
	title, file, folder, form string
	fromInventory             bool
}

func (a *app) specGenerate() *cobra.Command {
	f := &specGenerateFlags{file: "-"}
	cmd := &cobra.Command{
		Use: "generate [FILE…]", Short: "Write an OpenAPI document of what traffic or the inventory shows",
		Long: "Write an OpenAPI 3.1 document of recorded traffic: files that a recorder has written (WithOutput) or HTTP archives (HAR).\n" +
			"Without a file, the document is that of the instance's endpoints with their data fields. The document holds no values;\n" +
			"sensitive data classes stand in x-metlo-data-classes. A field is required if all of three or more traces had it.\n\n" +
			"A document describes one host, or those of --host, each as a server. --dir writes a document for each host, for\n" +
			"metlo spec upload and for --spec-dir of metlo gate. OpenAPI cannot describe GraphQL, which is left out.",
		Example: "  metlo spec generate traffic.jsonl --file openapi.yaml\n  metlo spec generate --host shop.example.com > shop.yaml\n" +
			"  metlo spec generate --from-inventory --dir specs",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"jsonl", "har"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	cmd.Flags().BoolVar(&f.fromInventory, "from-inventory", false, "describe the instance's endpoints, as without a file")
	a.hostsFlag(cmd, &f.hosts, "requests or endpoints")
	texts(cmd, &f.servers, "server", "URL under which the API is served, instead of https:// and the host")
	cmd.Flags().StringVar(&f.title, "title", "", "`title` of the document, instead of the host")
	cmd.Flags().StringVar(&f.file, "file", f.file, "`file` to write, - for the standard output")
	cmd.Flags().StringVar(&f.folder, "dir", "", "`folder` to write a document for each host to")
	cmd.Flags().VarP(&oneFlag{set: func(text string) (err error) {
		f.form, err = words("yaml", "json").read(text)
		return err
	}}, "output", "o", "form: yaml or json, by default that of the file's ending, or yaml")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"yaml", "json"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.MarkFlagsMutuallyExclusive("dir", "file")
	cmd.MarkFlagsMutuallyExclusive("dir", "server")
	cmd.MarkFlagsMutuallyExclusive("dir", "title")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := a.withTimeout(cmd.Context())
		defer cancel()
		if f.fromInventory && len(args) > 0 {
			return &usageError{errors.New("--from-inventory and a file exclude each other"), cmd.CommandPath()}
		}
		if err := f.check(args); err != nil {
			return err
		}
		var source *specSource
		var err error
		if len(args) > 0 {
			source, err = f.fromFiles(ctx, a, args)
		} else {
			source, err = f.fromInstance(ctx, a)
		}
		if err != nil {
			return err
		}
		if err := f.write(a, source, args); err != nil {
			return err
		}
		return source.damaged
	}
	return cmd
}

// check rejects flags that cannot be combined, before the command reads anything.
func (f *specGenerateFlags) check(inputs []string) error {
	for _, server := range f.servers {
		if u, err := url.Parse(server); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("--server: %q is not the URL of a server: write one such as https://shop.example.com/api", server)
		}
	}
	if f.folder != "" {
		if info, err := os.Stat(f.folder); err == nil && !info.IsDir() {
			return fmt.Errorf("--dir: %s is a file: name a folder", f.folder)
		}
		return nil
	}
	if f.file == "" {
		return errors.New("--file: name a file, or - for the standard output")
	}
	return notInput("--file", f.file, inputs...)
}

func (f *specGenerateFlags) fromFiles(ctx context.Context, a *app, names []string) (*specSource, error) {
	source := &specSource{graphQL: map[string]int{}, traces: map[string][]*metlo.AnalyzedTrace{}}
	files, err := newTraffic(a)
	if err != nil {
		return nil, err
	}
	files.take = func(_ context.Context, where string, trace *metlo.AnalyzedTrace) error {
		if err := files.check(trace); err != nil {
			files.skip(where, string(trace.Request.Method), trace.Request.URL.Host, err)
			return nil
		}
		if len(trace.Analysis.GraphQLPaths) > 0 {
			source.graphQL[trace.Request.URL.Host]++
			return nil
		}
		host := trace.Request.URL.Host
		source.traces[host] = append(source.traces[host], trace)
		return nil
	}
	for _, name := range names {
		if err := files.file(ctx, name, anyTraffic); err != nil {
			return nil, err
		}
	}
	source.damaged = files.fault()
	hosts := source.hosts()
	if len(hosts) == 0 {
		return nil, fmt.Errorf("nothing to describe: there is no request in %s%s%s", strings.Join(names, ", "), files.leftOut(), source.graphQLNote(slices.Collect(maps.Keys(source.graphQL))))
	}
	if len(f.hosts) == 0 {
		return source, nil
	}
	chosen, err := chooseHosts(hosts, f.hosts)
	if err != nil {
		return nil, fmt.Errorf("%w (the files hold %s)", err, few(hosts))
	}
	maps.DeleteFunc(source.traces, func(host string, _ []*metlo.AnalyzedTrace) bool { return !slices.Contains(chosen, host) })
	return source, nil
}

func (f *specGenerateFlags) fromInstance(ctx context.Context, a *app) (*specSource, error) {
	client, err := a.connect()
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	if err := expand(ctx, client, &f.hosts); err != nil {
		return nil, err
	}
	source := &specSource{graphQL: map[string]int{}, endpoints: map[string][]*metlo.EndpointDetail{}}
	if len(f.hosts) == 0 && f.folder == "" {
		hosts, err := client.Hosts.Names(ctx)
		if err != nil {
			return nil, err
		}
		if err := oneHost(hosts); err != nil {
			return nil, err
		}
	}
	bar := a.progress("endpoints")
	defer bar.end()
	for e, err := range client.Endpoints.All(ctx, &metlo.EndpointFilter{Hosts: f.hosts}, metlo.OnTotal(bar.total)) {
		if err != nil {
			return nil, err
		}
		bar.step()
		if e.IsGraphQL {
			source.graphQL[e.Host]++
			continue
		}
		detail, err := client.Endpoints.Get(ctx, e.UUID)
		if errors.Is(err, metlo.ErrNotFound) {
			continue // deleted since it was listed
		}
		if err != nil {
			return nil, err
		}
		source.endpoints[e.Host] = append(source.endpoints[e.Host], detail)
	}
	if len(source.endpoints) == 0 {
		return nil, fmt.Errorf("nothing to describe: the instance has no endpoint%s", source.graphQLNote(slices.Collect(maps.Keys(source.graphQL))))
	}
	return source, nil
}

func (s *specSource) graphQLNote(hosts []string) string {
	leftOut := 0
	for _, host := range hosts {
		leftOut += s.graphQL[host]
	}
	if leftOut == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of GraphQL left out", leftOut)
}

// oneHost returns an error if one document would cover several hosts that no flag selects.
func oneHost(hosts []string) error {
	if len(hosts) < 2 {
		return nil
	}
	slices.Sort(hosts)
	return fmt.Errorf("there are %d hosts, %s: choose with --host, or write a document for each with --dir FOLDER", len(hosts), few(hosts))
}

// few returns the first names of a list as text.
func few(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// write writes one document, or one for each host.
func (f *specGenerateFlags) write(a *app, source *specSource, inputs []string) error {
	hosts := source.hosts()
	if f.folder == "" {
		if len(f.hosts) == 0 {
			if err := oneHost(hosts); err != nil {
				return err
			}
		}
		return f.writeOne(a, source, hosts, f.file)
	}
	names := map[string]string{}
	for _, host := range hosts {
		name := filepath.Join(f.folder, documentName(host)+"."+f.extension())
		if other, taken := names[name]; taken {
			return fmt.Errorf("the documents of %s and %s would both be %s: choose one with --host", other, host, name)
		}
		names[name] = host
		if err := notInput("--dir", name, inputs...); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(f.folder, 0o755); err != nil { //nolint:gosec // documents are not secret
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if err := f.writeOne(a, source, []string{names[name]}, name); err != nil {
			return err
		}
	}
	return nil
}

func (f *specGenerateFlags) extension() string {
	if f.form == "json" {
		return "json"
	}
	return "yaml"
}

// documentName returns a host in the form of a file name.
func documentName(host string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, host)
}

func (f *specGenerateFlags) writeOne(a *app, source *specSource, hosts []string, file string) error {
	title := f.title
	if title == "" {
		title = strings.Join(hosts, ", ")
	}
	document := source.document(title, hosts)
	if len(f.servers) > 0 {
		document.Servers = nil
		for _, server := range f.servers {
			document.Servers = append(document.Servers, openapi.Server{URL: server})
		}
	}
	data, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return err
	}
	err = a.outputFile(file, func(w io.Writer) error {
		if f.form == "json" || f.form == "" && strings.EqualFold(filepath.Ext(file), ".json") {
			_, err := w.Write(append(safetext.JSON(data), '\n'))
			return err
		}
		return output.WriteYAML(w, data)
	})
	if err != nil {
		return err
	}
	operations := 0
	for _, methods := range document.Paths {
		operations += len(methods)
	}
	target := ""
	if file != "-" {
		target = " in " + file
	}
	a.note("%s of %s%s%s", output.Count(operations, "operation"), few(hosts), target, source.graphQLNote(hosts))
	return nil
}

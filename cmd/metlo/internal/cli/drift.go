package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/drift"
	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
	"github.com/metlo-go/metlo/cmd/metlo/internal/gate"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/cmd/metlo/internal/rules"
)

const driftHelp = `Compare OpenAPI documents with the endpoints that the instance has seen: exit code 0 if they agree, 1 if there is a
difference, 2 if the result is unknown.

  shadow-endpoint               seen, and not documented
  zombie-endpoint               documented, and not seen since the time of --since
  undocumented-field            a field or its type is not documented
  undocumented-sensitive-field  the same for a field with a data class
  undocumented-status           a status is not documented
  undocumented-content-type     a content type of a body is not documented
  missing-authentication        documented, and served without credentials
  undocumented-authentication   only served with credentials, and not documented

A folder means all documents in it. The documents name servers and base paths. If they name no host, or a host that the
instance does not have, --host names the host that serves them. The command requests the details of each documented
endpoint from the instance.`

// driftCheck is the name of the check in reports.
const driftCheck = "metlo drift"

// defaultSince is the default time without traffic after which a documented operation is a zombie.
const defaultSince = "30d"

// driftRules maps each value of --fail-on, a rule or a shorter name, to rules.
var driftRules = map[string][]string{
	"shadow": {drift.ShadowEndpoint}, "zombie": {drift.ZombieEndpoint}, "field": {drift.UndocumentedField},
	"sensitive": {drift.UndocumentedSensitiveField}, "status": {drift.UndocumentedStatus}, "content-type": {drift.UndocumentedContentType},
	"authentication": {drift.MissingAuthentication, drift.UndocumentedAuthentication},
}

// failOnFlag adds the flag that names the rules whose findings fail the build.
func failOnFlag(cmd *cobra.Command, target *[]string, usage string) {
	names := append(slices.Sorted(maps.Keys(driftRules)), drift.Rules()...)
	values := words(names...)
	flag := &listFlag{add: func(text string) error {
		name, err := values.read(text)
		if short, isShort := driftRules[name]; isShort {
			*target = append(*target, short...)
		} else {
			*target = append(*target, name)
		}
		return err
	}}
	cmd.Flags().Var(flag, "fail-on", usage+": "+oneOf(slices.Sorted(maps.Keys(driftRules)))+", or the name of a rule; may be repeated")
	values.complete(cmd, "fail-on")
}

// driftFlags holds the flags that select what drift compares.
type driftFlags struct {
	paths         []string
	instanceSpecs bool
	options       drift.Options
	failOn        []string
	baseline      string
	ignoreFile    string
	reports       reportFlags

	files     []string
	documents []*drift.Document
	err       error // error of reading the documents
}

func (a *app) driftCommand() *cobra.Command {
	f := &driftFlags{}
	cmd := &cobra.Command{
		Use: "drift [FILE|FOLDER…]", Short: "Compare OpenAPI documents with what the instance has seen", Long: driftHelp,
		Example: "  metlo drift api/ --since 7d\n" +
			"  metlo drift openapi.yaml --host staging.example.com --fail-on shadow,sensitive\n" +
			"  metlo drift --instance-specs --format github --format sarif=drift.sarif",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"json", "yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	cmd.Flags().BoolVar(&f.instanceSpecs, "instance-specs", false, "compare the documents that the instance holds, too")
	a.hostsFlag(cmd, &f.options.Hosts, "endpoints")
	sinceFlag := timeFlag(&f.options.Since)
	sinceFlag.text = defaultSince
	cmd.Flags().Var(sinceFlag, "since", "documented operations not seen since this time, or within this age, are zombies")
	cmd.Flags().Var(timeFlag(&f.options.SeenSince), "seen-since", "leave out endpoints and fields last seen before this time, or this age")
	failOnFlag(cmd, &f.failOn, "only these differences fail; all are shown")
	cmd.Flags().StringVar(&f.baseline, "baseline", "", "leave out the differences that this `file` names, which metlo gate --drift --save-baseline writes")
	cmd.Flags().StringVar(&f.ignoreFile, "ignore-file", "", "leave out the differences that this `file` accepts, by default the .metloignore of the repository")
	f.reports.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := a.withTimeout(cmd.Context())
		defer cancel()
		f.paths = args
		if err := f.check(); err != nil {
			return err
		}
		f.read()
		if err := f.reports.prepare(f.inputs()...); err != nil {
			return err
		}
		return a.runDrift(ctx, f)
	}
	return cmd
}

// check rejects flags that contradict each other, and sets the defaults of flags that are not set.
func (f *driftFlags) check() error {
	if len(f.paths) == 0 && !f.instanceSpecs {
		return errors.New("no document is given: name files or folders, or compare those of the instance with --instance-specs")
	}
	if f.options.Since.IsZero() {
		var err error
		if f.options.Since, err = parseTime(defaultSince); err != nil {
			return err
		}
	}
	for name, at := range map[string]time.Time{"--since": f.options.Since, "--seen-since": f.options.SeenSince} {
		if at.After(time.Now()) {
			return fmt.Errorf("%s %s is in the future: use a time in the past, or an age such as %s", name, at.UTC().Format(time.RFC3339), defaultSince)
		}
	}
	return nil
}

// read reads the documents. The report shows their errors.
func (f *driftFlags) read() {
	f.files, f.err = drift.Find(f.paths...)
	var err error
	if f.documents, err = drift.Read(f.files); f.err == nil { // a name that leads nowhere is in the first error
		f.err = err
	}
}

// inputs returns the names of the files that no report may replace.
func (f *driftFlags) inputs() []string {
	names := slices.Clone(f.files)
	for _, d := range f.documents {
		names = append(names, d.Files...)
	}
	return append(names, f.baseline, cmp.Or(f.ignoreFile, nearestIgnoreFile(), defaultIgnoreFile))
}

// runDrift compares and writes the reports, even if the comparison fails, unless it is interrupted.
func (a *app) runDrift(ctx context.Context, f *driftFlags) error {
	report := newReport(driftCheck, a.instanceName())
	compared, judged, err := a.askDrift(ctx, f)
	if errors.Is(context.Cause(ctx), errInterrupted) {
		return errInterrupted
	}
	if err != nil {
		return a.failCheck(report, &f.reports, err)
	}
	report.Findings, report.Notes, report.Summary = judged.Findings, slices.Concat(judged.Notes, compared.Notes), driftSummary(compared, judged)
	switch {
	case judged.Failing > 0:
		report.Outcome = findings.Found
		report.Why = strings.Join(compared.Unknown, "; ")
		report.Notes = slices.Concat(compared.Unknown, report.Notes)
	case len(compared.Unknown) > 0:
		report.Why = strings.Join(compared.Unknown, "; ")
		err = fmt.Errorf("result unknown: %s", report.Why)
	default:
		report.Outcome = findings.Clean
	}
	if err := errors.Join(err, f.reports.write(a, report)); err != nil {
		return err
	}
	return a.endCheck(report, judged.Failing)
}

func driftSummary(compared *drift.Result, judged *gate.Result) string {
	counts := map[string]int{}
	for f := range judged.Findings.All() {
		counts[f.Rule]++
	}
	total := judged.Findings.Len()
	text := output.Count(total, "difference")
	var parts []string
	for _, rule := range drift.Rules() {
		if n := counts[rule]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, rule))
		}
	}
	if len(parts) > 0 {
		text += " (" + strings.Join(parts, ", ") + ")"
	}
	if judged.Failing != total {
		text += fmt.Sprintf(", of which %d fail", judged.Failing)
	}
	return text + fmt.Sprintf(": %s compared with %s of %s",
		output.Count(compared.Endpoints, "endpoint"), output.Count(compared.Operations, "operation"), output.Count(compared.Documents, "document"))
}

// askDrift compares the documents with the instance, and judges the findings.
func (a *app) askDrift(ctx context.Context, f *driftFlags) (*drift.Result, *gate.Result, error) {
	criteria := &gate.Criteria{Severity: metlo.RiskNone, FailOn: f.failOn, Sources: []rules.Source{rules.Drift}, Now: time.Now()}
	err := f.err
	if err == nil && f.baseline != "" {
		criteria.Baseline, err = gate.ReadBaseline(f.baseline)
	}
	if name := cmp.Or(f.ignoreFile, nearestIgnoreFile()); err == nil && name != "" {
		criteria.Ignores, err = gate.ReadIgnores(name)
	}
	if err != nil {
		return nil, nil, err
	}
	client, err := a.connect()
	if err != nil {
		return nil, nil, err
	}
	defer client.CloseIdleConnections()
	if err := expand(ctx, client, &f.options.Hosts); err != nil {
		return nil, nil, err
	}
	criteria.Hosts = f.options.Hosts
	compared, err := a.compareDocuments(ctx, client, f)
	if err != nil {
		return nil, nil, err
	}
	judged, err := gate.Judge(criteria, infallible(compared.Findings))
	return compared, judged, err
}

// compareDocuments compares the documents with the endpoints of the hosts that they name, or of those that --host
// selects.
func (a *app) compareDocuments(ctx context.Context, client *metlo.Client, f *driftFlags) (*drift.Result, error) {
	documents, generated := slices.Clone(f.documents), 0
	if f.instanceSpecs {
		var err error
		var own []*drift.Document
		if own, generated, err = instanceDocuments(ctx, client); err != nil {
			return nil, err
		}
		documents = append(documents, own...)
	}
	names, err := client.Hosts.Names(ctx)
	if err != nil {
		return nil, err
	}
	comparison, err := drift.New(documents, names, f.options)
	if err != nil {
		return nil, err
	}
	if err := a.addEndpoints(ctx, client, comparison); err != nil {
		return nil, err
	}
	result := comparison.Result()
	if generated > 0 {
		result.Notes = append(result.Notes, output.Count(generated, "document")+" left out: the instance generated them from traffic")
	}
	return result, nil
}

// instanceDocuments returns the documents that users have uploaded, and the number of documents that the instance has
// generated.
func instanceDocuments(ctx context.Context, client *metlo.Client) (documents []*drift.Document, generated int, err error) {
	specs, err := client.Specs.List(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, s := range specs {
		if s.IsAutoGenerated {
			generated++
			continue
		}
		spec, err := client.Specs.Get(ctx, s.Name)
		if err != nil {
			return nil, 0, err
		}
		d, err := drift.Parse(spec.Name+"."+string(spec.Extension), spec.Spec)
		if err != nil {
			return nil, 0, err
		}
		documents = append(documents, d)
	}
	if len(documents) == 0 {
		return nil, 0, errors.New("the instance holds no document that a user has uploaded: metlo spec upload, or name files")
	}
	return documents, generated, nil
}

// detailRequests is the number of concurrent requests for details. The client limits their rate.
const detailRequests = 8

// addEndpoints adds the endpoints of the hosts, and requests the details of the documented endpoints.
func (a *app) addEndpoints(ctx context.Context, client *metlo.Client, comparison *drift.Comparison) error {
	hosts := comparison.Hosts()
	if len(hosts) == 0 {
		return nil
	}
	bar := a.progress("endpoints")
	var ids []string
	for e, err := range client.Endpoints.All(ctx, &metlo.EndpointFilter{Hosts: hosts}, metlo.OnTotal(bar.total)) {
		if err != nil {
			bar.end()
			return err
		}
		if comparison.Add(&e) {
			ids = append(ids, e.UUID)
		}
		bar.step()
	}
	bar.end()
	bar = a.progress("details of endpoints")
	defer bar.end()
	bar.total(len(ids))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan string)
	var workers sync.WaitGroup
	var one sync.Mutex // guards comparison and bar
	for range detailRequests {
		workers.Go(func() {
			for id := range queue {
				detail, err := client.Endpoints.Get(ctx, id)
				if errors.Is(err, metlo.ErrNotFound) { // deleted since it was listed
					continue
				}
				if err != nil {
					cancel(err)
					return
				}
				one.Lock()
				comparison.AddDetail(detail)
				bar.step()
				one.Unlock()
			}
		})
	}
	for _, id := range ids {
		select {
		case queue <- id:
		case <-ctx.Done():
		}
	}
	close(queue)
	workers.Wait()
	return context.Cause(ctx)
}

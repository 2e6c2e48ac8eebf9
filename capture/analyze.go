package capture

import (
	"fmt"
	"strings"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/analysis"
)

// SkippedError says that a recorder would not send an exchange.
type SkippedError struct{ Reason string }

// Error returns the reason.
func (e *SkippedError) Error() string { return "metlo: capture: the exchange is not sent: " + e.Reason }

// Analyzer turns traces with values into what is sent of them: types and classes. It is what a [Recorder] does with the
// traffic of a service, for traces from elsewhere, such as HTTP archives. Only one goroutine may use it at a time.
type Analyzer struct {
	analysis    *analysis.Analyzer
	words       *analysis.Words
	config      *instanceConfig
	credentials credentials
	skipper     skipper
}

// AnalyzeOption changes what an [Analyzer] knows.
type AnalyzeOption func(*Analyzer) error

// WithConfig takes the data classes, endpoints, blocks and authentication of the instance, as [metlo.SettingsService.AgentConfig]
// returns them. Without it the built-in classes are looked for.
func WithConfig(config *metlo.AgentConfig) AnalyzeOption {
	return func(a *Analyzer) error {
		if config == nil {
			return invalid("WithConfig: the configuration is nil: leave the option out")
		}
		a.use(newInstanceConfig(config))
		return nil
	}
}

// NewAnalyzer returns an analyzer. An option at fault is [metlo.ErrInvalidArgument].
func NewAnalyzer(opts ...AnalyzeOption) (*Analyzer, error) {
	a := newAnalyzer(nil)
	for i, opt := range opts {
		if opt == nil {
			return nil, invalid("NewAnalyzer: option %d is nil: leave it out", i+1)
		}
		if err := opt(a); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func newAnalyzer(names credentials) *Analyzer {
	words := analysis.NewWords()
	return &Analyzer{
		analysis: analysis.NewAnalyzer(analysis.BuiltinClasses(), words), words: words, credentials: names,
		skipper: newSkipper(DefaultSkips()),
	}
}

// use replaces what the instance says.
func (a *Analyzer) use(config *instanceConfig) {
	if config == a.config || config == nil {
		return
	}
	a.config = config
	a.analysis.SetClasses(config.classes)
	a.words.SetEndpoints(config.endpoints)
}

// Analyze returns what is known of a trace without its values. route is the template by which the service serves the path,
// in the notation of any router, or empty. What a recorder leaves out, such as static files, is a *[SkippedError]; a trace
// without host, path, method or status is [metlo.ErrInvalidArgument].
func (a *Analyzer) Analyze(trace *metlo.Trace, route string) (*metlo.AnalyzedTrace, error) {
	if trace == nil {
		return nil, invalid("Analyze: the trace is nil")
	}
	u := &trace.Request.URL
	method := string(trace.Request.Method)
	switch {
	case u.Host == "" || !strings.HasPrefix(u.Path, "/"):
		return nil, invalid("Analyze: the trace has no host, or a path without a slash at its beginning")
	case trace.Response.Status < 100 || trace.Response.Status > 999:
		return nil, invalid("Analyze: %d is not an HTTP status", trace.Response.Status)
	case !tracked(method) || method == "":
		return nil, &SkippedError{"Metlo does not track its method"}
	case trace.Response.Status < 200:
		return nil, &SkippedError{"it is not an exchange of request and response"}
	case a.skipper.methods[method] || a.skipper.statuses[trace.Response.Status] || a.skipper.pathSkipped(method, u.Path):
		return nil, &SkippedError{"a recorder leaves its method, its status or its path out"}
	}
	x := &analysis.Exchange{
		Host: NormalizeHost(u.Host), Method: method, Path: u.Path, Route: route, Query: pairsOf(u.Parameters), Status: trace.Response.Status,
		RequestHeaders: pairsOf(trace.Request.Headers), ResponseHeaders: pairsOf(trace.Response.Headers),
	}
	x.Request = analysis.Body{Data: []byte(trace.Request.Body), ContentType: pairValue(x.RequestHeaders, "Content-Type")}
	x.Response = analysis.Body{Data: []byte(trace.Response.Body), ContentType: pairValue(x.ResponseHeaders, "Content-Type")}
	if mapped, known := a.config.host(x.Host); known {
		x.Host = mapped
	}
	if a.config.blocks(x.Host, analysis.EscapePath(x.Path)) {
		return nil, &SkippedError{blocked.String()}
	}
	analyzed, outcome := a.trace(x)
	if outcome != usable {
		return nil, &SkippedError{outcome.String()}
	}
	analyzed.Meta = metlo.TraceMeta{Incoming: trace.Meta.Incoming, Environment: trace.Meta.Environment}
	return analyzed, nil
}

// Analyze returns what is known of a trace without its values, as [Analyzer.Analyze] does, by the built-in classes.
func Analyze(trace *metlo.Trace, route string) (*metlo.AnalyzedTrace, error) {
	return newAnalyzer(nil).Analyze(trace, route)
}

// trace analyses an exchange.
func (a *Analyzer) trace(x *analysis.Exchange) (*metlo.AnalyzedTrace, outcome) {
	r := a.analysis.Analyze(x)
	switch {
	case !r.Routed && (x.Status == 404 || x.Status == 405):
		return nil, unrouted
	case r.IsGraphQL && len(r.GraphQL) == 0:
		return nil, noOperation
	}
	return &metlo.AnalyzedTrace{
		Request: metlo.AnalyzedRequest{
			URL:     metlo.AnalyzedURL{Host: x.Host, Path: r.Path, EndpointPath: r.EndpointPath, Parameters: []metlo.NameValue{}},
			Headers: []metlo.NameValue{}, Method: metlo.RestMethod(x.Method),
		},
		Response:     metlo.AnalyzedResponse{Status: x.Status, Headers: []metlo.NameValue{}},
		Redacted:     true,
		Session:      a.credentials.sessionOf(x, a.config.authOf(x.Host)),
		AnalysisType: metlo.AnalysisFull,
		Analysis: metlo.TraceAnalysis{
			SensitiveDataDetected: r.Classes, DataTypes: r.Types, RequestContentType: r.RequestContentType, ResponseContentType: r.ResponseContentType,
			GraphQLPaths: r.GraphQL,
		},
	}, usable
}

func pairsOf(list []metlo.NameValue) []analysis.Pair {
	pairs := make([]analysis.Pair, len(list))
	for i, pair := range list {
		pairs[i] = analysis.Pair(pair)
	}
	return pairs
}

func pairValue(pairs []analysis.Pair, name string) string {
	for _, pair := range pairs {
		if strings.EqualFold(pair.Name, name) {
			return pair.Value
		}
	}
	return ""
}

// outcome is what becomes of a record.
type outcome int

const (
	usable outcome = iota
	blocked
	unrouted
	noOperation
	otherHost
	unusable
)

// String returns why an exchange is not sent.
func (o outcome) String() string {
	switch o {
	case blocked:
		return "the instance does not want its host or path"
	case unrouted:
		return "its status is 404 or 405, and no route is known for its path"
	case noOperation:
		return "no GraphQL operation can be read from it"
	case otherHost:
		return "its host is not one that is recorded"
	}
	return fmt.Sprintf("outcome %d", int(o))
}

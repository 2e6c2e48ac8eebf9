package capture

import (
	"fmt"
	"strings"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/analysis"
)

// SkippedError describes an exchange that a recorder does not send.
type SkippedError struct {
	// Reason is a clause that explains why the exchange is not sent.
	Reason string
}

// Error returns a line with the reason.
func (e *SkippedError) Error() string { return "metlo: capture: the exchange is not sent: " + e.Reason }

// Analyzer replaces the values of traces by their types and data classes, as a [Recorder] does with the traffic of a service.
// Use it for traces from elsewhere, such as HTTP archives. It is not safe for concurrent use.
type Analyzer struct {
	analysis    *analysis.Analyzer
	words       *analysis.Words
	config      *instanceConfig
	credentials credentials
	skipper     skipper
}

// AnalyzeOption configures an [Analyzer].
type AnalyzeOption func(*Analyzer) error

// WithConfig applies the data classes, endpoints, blocks and authentication of an instance. Get them from
// [metlo.SettingsService.AgentConfig]. Without this option the analyzer detects the built-in classes.
func WithConfig(config *metlo.AgentConfig) AnalyzeOption {
	return func(a *Analyzer) error {
		if config == nil {
			return invalid("WithConfig: the configuration is nil: leave the option out")
		}
		a.use(newInstanceConfig(config))
		return nil
	}
}

// NewAnalyzer returns an analyzer. Its error matches [metlo.ErrInvalidArgument] if an option is invalid.
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

// use replaces the configuration of the instance.
func (a *Analyzer) use(config *instanceConfig) {
	if config == a.config || config == nil {
		return
	}
	a.config = config
	a.analysis.SetClasses(config.classes)
	a.words.SetEndpoints(config.endpoints)
}

// Analyze returns a trace without its values. Set route to the template of the path in the notation of any router, or to "" if it
// is unknown. Analyze returns a *[SkippedError] for a trace that a recorder would skip, such as that of a static file. The error
// matches [metlo.ErrInvalidArgument] if trace has no host, path, method or status.
func (a *Analyzer) Analyze(trace *metlo.Trace, route string) (*metlo.AnalyzedTrace, error) {
	if trace == nil {
		return nil, invalid("Analyze: the trace is nil: pass one")
	}
	u := &trace.Request.URL
	method := string(trace.Request.Method)
	switch {
	case u.Host == "" || !strings.HasPrefix(u.Path, "/"):
		return nil, invalid("Analyze: the trace has no host, or its path does not begin with a slash: set Request.URL.Host and Request.URL.Path")
	case trace.Response.Status < 100 || trace.Response.Status > 999:
		return nil, invalid("Analyze: %d is not an HTTP status: set Response.Status to one of 100 to 999", trace.Response.Status)
	case !tracked(method) || method == "":
		return nil, &SkippedError{"Metlo does not track its method"}
	case trace.Response.Status < 200:
		return nil, &SkippedError{"it is not an exchange of request and response"}
	case a.skipper.methods[method] || a.skipper.statuses[trace.Response.Status] || a.skipper.pathSkipped(method, u.Path):
		return nil, &SkippedError{"a recorder skips its method, its status or its path"}
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
	if strings.Count(x.Path, "/") > maxElements {
		return nil, &SkippedError{tooLarge.String()}
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

// Analyze returns a trace without its values, as [Analyzer.Analyze] does. It detects the built-in data classes.
func Analyze(trace *metlo.Trace, route string) (*metlo.AnalyzedTrace, error) {
	return newAnalyzer(nil).Analyze(trace, route)
}

// trace analyzes an exchange.
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

// outcome is the result of building a trace.
type outcome int

const (
	usable outcome = iota
	blocked
	unrouted
	noOperation
	otherHost
	unusable
	tooLarge
)

// String returns a clause that explains why an exchange is not sent.
func (o outcome) String() string {
	switch o {
	case blocked:
		return "the instance blocks its host or path"
	case unrouted:
		return "its status is 404 or 405, and the route of its path is unknown"
	case noOperation:
		return "it holds no GraphQL operation that can be read"
	case otherHost:
		return "its host is not recorded"
	case tooLarge:
		return "its path has more elements than a trace may have"
	}
	return fmt.Sprintf("outcome %d", int(o))
}

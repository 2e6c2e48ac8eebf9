// Package metlo is a client of the REST API of Metlo, a platform that watches API traffic, inventories endpoints, finds
// sensitive data and raises alerts.
//
// # Start
//
// A [Client] has one service per section of the API:
//
//	client, err := metlo.NewClient("https://metlo.example.com", os.Getenv("METLO_API_KEY"))
//	if err != nil {
//		return err
//	}
//	for alert, err := range client.Alerts.All(ctx, &metlo.AlertFilter{
//		RiskScores: []metlo.RiskScore{metlo.RiskHigh},
//		Statuses:     []metlo.AlertStatus{metlo.StatusOpen},
//	}) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(alert.CreatedAt, alert.Type, alert.Description)
//	}
//
// [NewClientFromEnv] takes the address and the key from the environment or from the file that the Metlo CLI writes.
//
// # Lists
//
// List returns one page. All returns an iterator over every item that passes the filter throughout the walk, each once.
// It takes two requests if the server sends the whole list at once. Where a gateway allows only pages, the walk goes on
// until a count proves that nothing is missing, or ends in an *[IncompleteError]. [WithMaxPageSize] sets the
// page size of such a gateway beforehand. A walk holds the ids, 30 to 70 bytes for each item, and one page of at most 4 MiB.
//
// Always range with two variables: a loop with one compiles and drops the error. The analyzer in tools/rangeerr finds
// such loops. [Collect] gathers a slice, and [ListAll] walks a list that the SDK does not know.
//
// # Errors
//
// A fault of an argument is [ErrInvalidArgument], and nothing is sent. Any other failure is an *[Error], perhaps inside
// a *[ValidationError], a *[TestingSyntaxError] or a *[BatchError]; a list that the server does not send whole ends in an
// *[IncompleteError]. Use [errors.Is] with a sentinel such as [ErrNotFound]: it matches what the server means even where
// the status means something else.
//
// # Limits, retries and timeouts
//
// By default the client starts 10 attempts a second after a burst of 10, repeats what is certain to be harmless up to 3
// times, or for up to 30 s once the server has answered, and gives up after 60 s without response headers or 30 s without
// progress of a body. Options change each of these. A change is never sent twice unless the server cannot have acted on it
// before. [WithHooks] counts requests and waits.
//
// # Around the client
//
//   - Package capture sends a service's traffic to Metlo.
//   - Package webhook receives the alerts that Metlo posts.
//   - Package metlotest has a Metlo server in memory for the tests of your code.
//   - Package testingconfig parses, validates and formats testing configurations.
//   - Module apitest generates and runs Metlo's API tests, module redislimit shares one rate limit in a fleet, module
//     metlootel records spans and metrics with OpenTelemetry, and module cmd/metlo is the command.
//   - The folder docs has a page for each task.
package metlo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/metlo-go/metlo/credentials"
	"github.com/metlo-go/metlo/internal/transport"
	"github.com/metlo-go/metlo/internal/wire"
)

// Version is the version of the SDK. The default User-Agent has it.
const Version = "0.1.0"

// Client talks to one Metlo instance. It is safe for concurrent use, and holds no goroutine.
type Client struct {
	Endpoints   *EndpointsService   // the inventory of endpoints
	Hosts       *HostsService       // the hosts of the inventory
	DataFields  *DataFieldsService  // what was seen in requests and responses
	DataClasses *DataClassesService // kinds of sensitive data
	Detections  *DetectionsService  // what was found lately
	Alerts      *AlertsService      // findings, and their triage
	Testing     *TestingService     // what tests are generated from
	Summary     *SummaryService     // counts of it all
	Specs       *SpecsService       // OpenAPI documents
	Keys        *KeysService        // API keys
	Webhooks    *WebhooksService    // where alerts are posted
	Settings    *SettingsService    // configuration of the instance
	Collector   *CollectorService   // where traffic is sent

	base      *url.URL
	collector *url.URL
	pipeline  *transport.Pipeline
	answered  *atomic.Bool // a Metlo server has answered
	maxBytes  int64
	maxPage   int
	redact    redactor
}

// NewClient returns a client of the instance at baseURL, such as https://metlo.example.com; /api/v1 at its end does not
// matter. An empty apiKey sends none, which the open-source backend accepts. A key is not sent over plain http to a
// host that is not loopback, unless [WithInsecureHTTP] allows it. Nothing is sent before the first call.
//
// All faults of the arguments and options are reported together, as [ErrInvalidArgument].
func NewClient(baseURL, apiKey string, opts ...Option) (*Client, error) {
	s := defaultSettings()
	var faults []error
	for i, opt := range opts {
		if opt == nil {
			faults = append(faults, invalid("option %d is nil: leave it out", i+1))
			continue
		}
		if err := opt(&s); err != nil {
			faults = append(faults, err)
		}
	}
	base, err := parseBaseURL(baseURL)
	if err != nil {
		faults = append(faults, invalid("%v", err))
	}
	if !validHeaderValue(apiKey) || strings.TrimSpace(apiKey) != apiKey {
		faults = append(faults, invalid("the API key holds a line break, a control character or spaces around it: pass it exactly as Metlo showed it"))
	}
	if s.http == nil {
		s.http = &http.Client{Transport: transport.NewTransport(s.timeout)}
	}
	s.noProxy = (apiKey != "" || s.holdsSecrets()) && !s.insecureHTTP
	if s.noProxy {
		for _, u := range []*url.URL{base, s.collectorURL} {
			if err := staysPrivate(u, s.http.Transport); err != nil {
				faults = append(faults, err)
			}
		}
	}
	if faults != nil {
		return nil, errors.Join(faults...)
	}
	s.noProxy = s.noProxy && (base.Scheme == "http" || s.collectorURL != nil && s.collectorURL.Scheme == "http")
	return newClient(base, apiKey, &s), nil
}

func newClient(base *url.URL, apiKey string, s *settings) *Client {
	header := http.Header{"User-Agent": {s.userAgent}, "Accept": {"application/json"}}
	c := &Client{
		base:      base,
		collector: s.collectorURL,
		answered:  new(atomic.Bool),
		maxBytes:  s.maxBytes,
		maxPage:   s.maxPage,
	}
	var secrets []string
	if apiKey != "" {
		header["Authorization"] = []string{apiKey}
		secrets = append(secrets, apiKey)
	}
	for _, h := range s.headers {
		header[h.name] = append(header[h.name], h.value.Reveal())
		if !h.plain {
			secrets = append(secrets, h.value.Reveal())
		}
	}
	c.redact = newRedactor(secrets...)
	c.pipeline = s.pipeline(c.redact, header, secrets)
	c.Endpoints = &EndpointsService{c}
	c.Hosts = &HostsService{c}
	c.DataFields = &DataFieldsService{c}
	c.DataClasses = &DataClassesService{c}
	c.Detections = &DetectionsService{c}
	c.Alerts = &AlertsService{c}
	c.Testing = &TestingService{c}
	c.Summary = &SummaryService{c}
	c.Specs = &SpecsService{c}
	c.Keys = &KeysService{c}
	c.Webhooks = &WebhooksService{c}
	c.Settings = &SettingsService{c}
	c.Collector = &CollectorService{c}
	return c
}

// NewClientFromEnv returns a client with METLO_HOST, METLO_API_KEY and METLO_COLLECTOR_HOST from the environment, each over
// the same name in ~/.metlo/credentials, which is read as the Metlo CLI reads it. METLO_INSECURE_HTTP=true, or any other
// form that [strconv.ParseBool] takes, stands for [WithInsecureHTTP]. Options given come after those from the environment.
//
// A key goes only to hosts that its own source names: a key of the file to the hosts of the file, a key of the environment to
// the hosts of the environment. METLO_API_KEY= set and empty means no key. Apart from its host, a file counts only for that
// host. Every conflict is [ErrInvalidArgument], as are a file that cannot be read and a missing host. Errors name the line of
// a file's fault, and none of its text.
func NewClientFromEnv(opts ...Option) (*Client, error) {
	e, err := readEnvironment()
	if err != nil {
		return nil, err
	}
	var env []Option
	if e.collector != "" {
		env = append(env, WithCollectorURL(e.collector))
	}
	if e.insecure != "" {
		allowed, err := strconv.ParseBool(e.insecure)
		if err != nil {
			return nil, invalid("METLO_INSECURE_HTTP is neither true nor false: use 1 or 0, or leave it out")
		}
		if allowed {
			env = append(env, WithInsecureHTTP())
		}
	}
	return NewClient(e.host, e.key, append(env, opts...)...)
}

// environment holds the values of the variables that NewClientFromEnv reads, over those of the file.
type environment struct{ host, key, collector, insecure string }

// readEnvironment refuses a key that would go to a host that its own source does not name.
func readEnvironment() (e environment, err error) {
	e.host, e.collector, e.insecure = os.Getenv("METLO_HOST"), os.Getenv("METLO_COLLECTOR_HOST"), os.Getenv("METLO_INSECURE_HTTP")
	key, keySet := os.LookupEnv("METLO_API_KEY")
	e.key = key
	var file credentials.File
	if path, err := credentials.Path(); err == nil { // without a home folder there is no file
		if file, err = credentials.Read(path); err != nil && (e.host == "" || !keySet) {
			return e, invalid("~/.metlo/credentials %w", err)
		}
	}
	host := file["METLO_HOST"]
	switch {
	case e.host == "" && host == "":
		return e, invalid("%w: set METLO_HOST, or write METLO_HOST=https://… to ~/.metlo/credentials", ErrNoHost)
	case e.host == "" && key != "":
		return e, invalid("METLO_API_KEY is set and METLO_HOST is not, and a key goes only to hosts that its own source names: " +
			"set METLO_HOST too, or unset METLO_API_KEY to use the key in ~/.metlo/credentials")
	case e.host == "" || sameServer(e.host, host):
		e.host, e.insecure = cmp.Or(e.host, host), cmp.Or(e.insecure, file["METLO_INSECURE_HTTP"])
	case file["METLO_API_KEY"] != "" && !keySet:
		return e, invalid("the key in ~/.metlo/credentials is for %s, and METLO_HOST is %s: another spelling is another host: "+
			"set METLO_API_KEY for that host (empty to send no key), or unset METLO_HOST", shownHost(host), shownHost(e.host))
	default:
		file = nil
	}
	if keySet && key != "" {
		return e, nil
	}
	if !keySet {
		e.key = file["METLO_API_KEY"]
	}
	if e.collector != "" && e.key != "" && !sameServer(e.collector, file["METLO_COLLECTOR_HOST"]) {
		return e, invalid("the key in ~/.metlo/credentials is not for METLO_COLLECTOR_HOST %s: write that address to the file as well, "+
			"or set METLO_API_KEY and METLO_HOST", shownHost(e.collector))
	}
	e.collector = cmp.Or(e.collector, file["METLO_COLLECTOR_HOST"])
	return e, nil
}

// Ping checks that the backend answers, and that it is Metlo's backend: the collector and other servers answer the
// first of its two requests as well. The open-source backend checks no key; [CollectorService.Verify] tests one. Another
// server is [ErrInvalidResponse].
//
// GET /api/v1, GET /summary/endpoint-tracked
func (c *Client) Ping(ctx context.Context) error {
	health := newRequest("Ping", http.MethodGet, "/")
	health.path = ""
	if err := exec(ctx, c, health); err != nil {
		return err
	}
	_, err := fetch(ctx, c, newRequest("Ping", http.MethodGet, "/summary/endpoint-tracked"), (*trackedAnswer).check)
	var e *Error
	if errors.As(err, &e) && errors.Is(e, ErrInvalidResponse) {
		e.Message = "a server answers, but not as Metlo's backend: is the base URL that of the collector, or of another server?"
	}
	return err
}

// BaseURL returns the base URL without /api/v1 at its end.
func (c *Client) BaseURL() string { return strings.TrimSuffix(c.base.String(), "/api/v1") }

// Call sends a request to a route that the SDK has no method for, with the same key, limits, retries and errors.
//
// The path begins with a slash, is escaped, and lies below /api/v1 of the backend. in is the body: nil for none,
// []byte or json.RawMessage as it is, anything else as package encoding/json encodes it. out is a pointer that receives
// the answer: nil for none, *[]byte for the bytes as they are, *string for the text, anything else decoded as package
// encoding/json does, and with integers of any type also from strings.
func (c *Client) Call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	r := newCallRequest(method, path, query)
	switch body := in.(type) {
	case nil:
	case []byte:
		r.setBody(body)
	case json.RawMessage:
		r.setBody(body)
	default:
		encoded, err := json.Marshal(in)
		if err != nil {
			r.fail("the body cannot be encoded: %v", err)
		}
		r.setBody(encoded)
	}
	if v := reflect.ValueOf(out); out != nil && (v.Kind() != reflect.Pointer || v.IsNil()) {
		r.fail("out is no pointer to a value that could receive the answer, but %T", out)
	}
	return c.do(ctx, r, func(resp *http.Response) error {
		if err := c.checkResponse(r, resp); err != nil {
			return err
		}
		body, err := transport.ReadAll(resp, nil, c.maxBytes)
		if err != nil {
			return err
		}
		if err := c.correctedError(r, resp, body); err != nil {
			return err
		}
		if err := decodeAny(body, out, c.maxBytes); err != nil {
			return c.rejected(r, resp, body, err)
		}
		return nil
	})
}

func decodeAny(body []byte, out any, limit int64) error {
	switch out := out.(type) {
	case nil:
		if wire.IsPage(body) {
			return errors.New("want JSON or a text, have an HTML page")
		}
		return nil
	case *[]byte:
		*out = append([]byte(nil), body...)
		return nil
	case *string:
		*out = string(body)
		return nil
	}
	return wire.AnyObject(body, out, limit)
}

// CloseIdleConnections closes the connections that no call is using.
func (c *Client) CloseIdleConnections() { c.pipeline.CloseIdleConnections() }

// Format writes where the client sends its requests, and no secret, for every verb.
func (c *Client) Format(f fmt.State, _ rune) {
	if c == nil {
		_, _ = io.WriteString(f, "metlo.Client(nil)")
		return
	}
	_, _ = fmt.Fprintf(f, "metlo.Client(%s)", c.base)
}

// ErrNoHost is the fault of an environment and a credentials file that name no instance. It comes together with
// [ErrInvalidArgument].
var ErrNoHost = errors.New("no Metlo host")

// sameServer reports whether two base URLs are of one server.
func sameServer(a, b string) bool {
	ua, errA := parseBaseURL(a)
	ub, errB := parseBaseURL(b)
	return errA == nil && errB == nil && credentials.SameServer(ua, ub)
}

// shownHost is the part of a base URL that holds no secret.
func shownHost(base string) string {
	u, err := parseBaseURL(base)
	if err != nil {
		return "no host"
	}
	return u.Scheme + "://" + u.Host
}

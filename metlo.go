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
// It takes two requests if the server sends the whole list at once. Behind a gateway that allows only pages, the walk
// continues until a count proves that nothing is missing, or ends in an *[IncompleteError]. [WithMaxPageSize] sets the
// page size of such a gateway in advance. A walk holds the ids, 30 to 70 bytes per item, and one page of at most 4 MiB.
//
// Always range with two variables: a loop with one compiles and drops the error, so a failed walk looks like one empty
// item. The analyzer in tools/rangeerr finds such loops. [Collect] returns a slice, and [ListAll] walks lists without a
// method.
//
// # Errors
//
// An invalid argument is [ErrInvalidArgument], and nothing is sent. Any other failure is an *[Error], possibly inside a
// *[ValidationError], a *[TestingSyntaxError] or a *[BatchError]. A list that the server does not send whole ends in an
// *[IncompleteError]. Use [errors.Is] with a sentinel such as [ErrNotFound]: it matches the meaning of a response even
// where the status is misleading.
//
// # Limits, retries and timeouts
//
// By default the client starts 10 attempts per second after a burst of 10. It repeats harmless requests up to 3 times,
// or for up to 30 s once the server has answered. It waits 60 s for response headers, and 30 s for progress of a body.
// Options change each of these. The client repeats a change only if the server cannot have acted on it. [WithHooks]
// counts requests and waits.
//
// # Other packages
//
//   - Package capture sends a service's traffic to Metlo.
//   - Package webhook receives the alerts that Metlo posts.
//   - Package metlotest provides an in-memory Metlo server for tests.
//   - Package testingconfig parses, validates and formats testing configurations.
//   - Module apitest generates and runs Metlo's API tests.
//   - Module redislimit shares one rate limit between processes.
//   - Module metlootel records spans and metrics with OpenTelemetry.
//   - Module cmd/metlo is the command-line program.
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

// Version is the version of the SDK, which the default User-Agent contains.
const Version = "0.1.0"

// Client talks to one Metlo instance. It is safe for concurrent use and holds no goroutines.
type Client struct {
	Endpoints   *EndpointsService   // inventory of endpoints
	Hosts       *HostsService       // hosts of the inventory
	DataFields  *DataFieldsService  // fields of requests and responses
	DataClasses *DataClassesService // kinds of sensitive data
	Detections  *DetectionsService  // recently found endpoints and data fields
	Alerts      *AlertsService      // findings and their triage
	Testing     *TestingService     // input of generated tests
	Summary     *SummaryService     // counts of the whole inventory
	Specs       *SpecsService       // OpenAPI documents
	Keys        *KeysService        // API keys
	Webhooks    *WebhooksService    // addresses that receive alerts
	Settings    *SettingsService    // configuration of the instance
	Collector   *CollectorService   // receiver of traffic

	base      *url.URL
	collector *url.URL
	pipeline  *transport.Pipeline
	answered  *atomic.Bool // a Metlo server has answered
	maxBytes  int64
	maxPage   int
	redact    redactor
}

// NewClient returns a client for the instance at baseURL, such as https://metlo.example.com, with or without /api/v1 at
// the end. With an empty apiKey the client sends no key, which the open-source backend accepts. Unless
// [WithInsecureHTTP] is set, a key is never sent over plain http to a host other than loopback. NewClient itself sends
// nothing.
//
// NewClient reports all invalid arguments and options together, as [ErrInvalidArgument].
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
		faults = append(faults, invalid("the API key contains a line break or another control character, or begins or ends with a space: pass it exactly as Metlo shows it"))
	}
	if s.http == nil {
		s.http = &http.Client{Transport: transport.NewTransport(s.timeout)}
	}
	s.noProxy = (apiKey != "" || s.holdsSecrets()) && !s.insecureHTTP
	if s.noProxy {
		for _, u := range []*url.URL{base, s.collectorURL} {
			if err := checkCleartext(u, s.http.Transport); err != nil {
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

// NewClientFromEnv returns a client configured by METLO_HOST, METLO_API_KEY and METLO_COLLECTOR_HOST. Variables of the
// environment override those of ~/.metlo/credentials, which NewClientFromEnv reads like the Metlo CLI.
// METLO_INSECURE_HTTP=true, or any other true value of [strconv.ParseBool], means [WithInsecureHTTP]. The given options
// apply after those of the environment.
//
// A key is sent only to hosts from the same source: the file's key to the file's hosts, the environment's key to the
// environment's hosts. METLO_API_KEY= (set but empty) means no key. Except for its host, the file applies to that host
// only. Every conflict is [ErrInvalidArgument], as are an unreadable file and a missing host. Errors name the line of a
// problem in the file, but never quote its text.
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

// environment holds the variables that NewClientFromEnv reads, merged with the file.
type environment struct{ host, key, collector, insecure string }

// readEnvironment rejects a key for a host that its source does not name.
func readEnvironment() (e environment, err error) {
	e.host, e.collector, e.insecure = os.Getenv("METLO_HOST"), os.Getenv("METLO_COLLECTOR_HOST"), os.Getenv("METLO_INSECURE_HTTP")
	key, keySet := os.LookupEnv("METLO_API_KEY")
	e.key = key
	var file credentials.File
	if path, err := credentials.Path(); err == nil { // no home folder means no file
		if file, err = credentials.Read(path); err != nil && (e.host == "" || !keySet) {
			return e, invalid("~/.metlo/credentials %w", err)
		}
	}
	host := file["METLO_HOST"]
	switch {
	case e.host == "" && host == "":
		return e, invalid("%w: set METLO_HOST, or write METLO_HOST=https://… to ~/.metlo/credentials", ErrNoHost)
	case e.host == "" && key != "":
		return e, invalid("METLO_API_KEY is set without METLO_HOST, and a key of the environment is sent only to a host of the environment: " +
			"set METLO_HOST too, or unset METLO_API_KEY to use the key in ~/.metlo/credentials")
	case e.host == "" || sameServer(e.host, host):
		e.host, e.insecure = cmp.Or(e.host, host), cmp.Or(e.insecure, file["METLO_INSECURE_HTTP"])
	case file["METLO_API_KEY"] != "" && !keySet:
		return e, invalid("the key in ~/.metlo/credentials is for %s, and METLO_HOST is %s, and each spelling counts as another host: "+
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

// Ping checks that the backend answers, and that it is Metlo's: the collector and other servers also answer the first
// of its two requests. For another server the error is [ErrInvalidResponse]. The open-source backend does not check
// keys; [CollectorService.Verify] does.
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

// Call sends a request to a route for which the SDK has no method, with the same key, limits, retries and errors.
//
// The path begins with a slash, is escaped, and is relative to /api/v1 of the backend. The body is in: nil for none,
// []byte or json.RawMessage unchanged, and any other value encoded like package encoding/json does. The response is
// stored in out, a pointer: nil to discard it, *[]byte for the bytes, *string for the text. Any other out is decoded
// like package encoding/json does, and integers of any type also from strings.
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
		r.fail("out is a %T: pass a pointer that can receive the response", out)
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
			return errors.New("want JSON or text, have an HTML page")
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

// CloseIdleConnections closes the idle connections.
func (c *Client) CloseIdleConnections() { c.pipeline.CloseIdleConnections() }

// Format writes the client's servers, without secrets, for every verb.
func (c *Client) Format(f fmt.State, _ rune) {
	if c == nil {
		_, _ = io.WriteString(f, "metlo.Client(nil)")
		return
	}
	_, _ = fmt.Fprintf(f, "metlo.Client(%s)", c.base)
}

// ErrNoHost reports that neither the environment nor the credentials file names an instance. It accompanies
// [ErrInvalidArgument].
var ErrNoHost = errors.New("no Metlo host")

// sameServer reports whether two base URLs name the same server.
func sameServer(a, b string) bool {
	ua, errA := parseBaseURL(a)
	ub, errB := parseBaseURL(b)
	return errA == nil && errB == nil && credentials.SameServer(ua, ub)
}

// shownHost returns the part of a base URL without secrets.
func shownHost(base string) string {
	u, err := parseBaseURL(base)
	if err != nil {
		return "no host"
	}
	return u.Scheme + "://" + u.Host
}

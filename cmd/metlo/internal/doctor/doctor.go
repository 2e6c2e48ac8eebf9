// Package doctor checks the stages of a Metlo installation one by one. It prints nothing: it returns a row for each
// stage.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
)

// State represents the result of checking a stage.
type State string

// The states. A stage that was not checked is never OK.
const (
	OK         State = "ok"
	Failed     State = "failed"
	NotChecked State = "not checked"
)

// Row represents the findings about one stage.
type Row struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Detail string `json:"detail"` // Detail is the observation, or the reason why there is none.
	Advice string `json:"advice"` // Advice is the next step; empty if there is none.
}

// The names of the stages.
const (
	Command   = "command"
	Server    = "server version"
	Instance  = "instance"
	Proxy     = "proxy"
	Address   = "address"
	Backend   = "backend"
	Database  = "database"
	Cache     = "cache"
	Inventory = "inventory"
	Collector = "collector"
	Key       = "key"
	Analyzer  = "analyzer"
	Jobs      = "jobs"
	Webhooks  = "webhooks"
)

// Doctor checks an instance. Client and Explain are required.
type Doctor struct {
	Client    *metlo.Client
	Collector *metlo.Client // Collector is a client for the collector's address; nil if the address is unknown.
	Addresses []string      // Addresses are those of the backend and the collector, for the network and proxy checks; empty to skip these.
	Key       metlo.Secret
	Limit     time.Duration        // Limit is the time limit of each stage; 0 means 5 s.
	Explain   func(error) string   // Explain returns an error in one line.
	Note      func(string, ...any) // Note prints the progress of a probe; nil to print nothing.
	Probe     *Probe               // Probe is the request to send; nil to send none.
	rows      []Row
	left      string // host of a probe that may remain on the instance
}

// Check checks every stage, or, if short is set, only those that fail most often. It does not check a stage that
// depends on a failed one. The error is the error of ctx if a user interrupted the check. If the deadline of ctx
// passes, the remaining rows are not checked.
func (d *Doctor) Check(ctx context.Context, short bool) ([]Row, error) {
	if !short {
		d.network(ctx)
	}
	d.backend(ctx)
	d.inventory(ctx)
	d.collector(ctx)
	if !short {
		d.traffic(ctx)
		d.webhooks(ctx)
	}
	if err := ctx.Err(); err != nil && !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return nil, context.Cause(ctx)
	}
	return d.rows, nil
}

// Left returns the host of a probe that may have left data on the instance; empty if there is none.
func (d *Doctor) Left() string { return d.left }

// FirstFailed returns the first row that failed, or nil if none did.
func FirstFailed(rows []Row) *Row {
	for i := range rows {
		if rows[i].State == Failed {
			return &rows[i]
		}
	}
	return nil
}

func (d *Doctor) add(row Row) { d.rows = append(d.rows, row) }

func (d *Doctor) notChecked(name, why, advice string) { d.add(Row{name, NotChecked, why, advice}) }

func (d *Doctor) state(name string) State {
	for _, row := range d.rows {
		if row.Name == name {
			return row.State
		}
	}
	return NotChecked
}

// blocked adds a row for a stage that cannot be checked because another one is not OK, and reports whether it did.
func (d *Doctor) blocked(name string, needs ...string) bool {
	for _, need := range needs {
		switch d.state(need) {
		case Failed:
			d.notChecked(name, fmt.Sprintf("the %s failed", need), "")
			return true
		case NotChecked:
			why := fmt.Sprintf("the %s was not checked", need)
			if failed := FirstFailed(d.rows); failed != nil {
				why = fmt.Sprintf("the %s failed", failed.Name)
			}
			d.notChecked(name, why, "")
			return true
		}
	}
	return false
}

// outcome represents the result of one request.
type outcome struct {
	err     error
	late    bool // the stage's limit passed without a response
	ended   bool // the time for all checks is over
	elapsed time.Duration
}

// try sends one request within the limit of a stage.
func (d *Doctor) try(ctx context.Context, request func(context.Context) error) outcome {
	limited, cancel := context.WithTimeout(ctx, d.limit())
	defer cancel()
	start := time.Now()
	err := request(limited)
	return outcome{err, err != nil && limited.Err() != nil, ctx.Err() != nil, time.Since(start)}
}

func (d *Doctor) limit() time.Duration {
	if d.Limit > 0 {
		return d.Limit
	}
	return 5 * time.Second
}

// outOfTime adds a row for a stage that was cut off because the time for all checks is over.
func (d *Doctor) outOfTime(name string, got *outcome) bool {
	if got.err == nil || !got.ended {
		return false
	}
	d.notChecked(name, "--timeout ended before there was an answer", "raise --timeout")
	return true
}

func (d *Doctor) why(got *outcome) string {
	if got.late {
		return fmt.Sprintf("no answer within %v", d.limit())
	}
	return d.Explain(got.err)
}

// backend checks the backend's process, then its database and its cache through routes that need them.
func (d *Doctor) backend(ctx context.Context) {
	got := d.try(ctx, func(ctx context.Context) error { return health(ctx, d.Client) })
	switch {
	case d.outOfTime(Backend, &got):
	case got.err != nil:
		d.add(Row{Backend, Failed, d.why(&got), backendAdvice(got.err)})
	default:
		d.add(Row{Backend, OK, "answers", ""})
	}
	d.database(ctx)
	d.cache(ctx)
}

// health requests the page that needs neither key nor database.
func health(ctx context.Context, client *metlo.Client) error {
	var text string
	if err := client.Call(ctx, "GET", "/", nil, nil, &text); err != nil {
		return err
	}
	if strings.Trim(strings.TrimSpace(text), `"`) != "OK" {
		return errors.New("a server responds, but it is not Metlo")
	}
	return nil
}

func backendAdvice(err error) string {
	switch {
	case errors.Is(err, metlo.ErrUnauthorized), errors.Is(err, metlo.ErrForbidden):
		return "a proxy before the instance requires a login: let the command pass it"
	case errors.Is(err, metlo.ErrNoResponse):
		return "check the address and the network, and that the backend runs"
	case errors.Is(err, metlo.ErrServer):
		return "look at the log of the backend"
	}
	return "check the address: it is that of Metlo's backend"
}

func (d *Doctor) database(ctx context.Context) {
	if d.blocked(Database, Backend) {
		return
	}
	got := d.try(ctx, func(ctx context.Context) error {
		_, err := d.Client.Summary.HasEndpoints(ctx)
		return err
	})
	switch {
	case d.outOfTime(Database, &got):
	case got.err == nil:
		d.add(Row{Database, OK, "answers the backend", ""})
	case got.late || errors.Is(got.err, metlo.ErrServer):
		d.add(Row{Database, Failed, d.why(&got), "start PostgreSQL, or check its address in the backend's environment"})
	default:
		d.add(Row{Database, Failed, d.why(&got), backendAdvice(got.err)})
	}
}

// cache requests the summary, which waits for the cache indefinitely.
func (d *Doctor) cache(ctx context.Context) {
	if d.blocked(Cache, Database) {
		return
	}
	got := d.try(ctx, func(ctx context.Context) error {
		_, err := d.Client.Summary.Get(ctx)
		return err
	})
	switch {
	case d.outOfTime(Cache, &got):
	case got.err == nil:
		d.add(Row{Cache, OK, "answers the backend", ""})
	case got.late:
		d.add(Row{Cache, Failed, d.why(&got) + ", while the database answers", "start Redis, or check its address in the backend's environment"})
	default:
		d.add(Row{Cache, Failed, d.why(&got), "look at the log of the backend"})
	}
}

func (d *Doctor) inventory(ctx context.Context) {
	if d.blocked(Inventory, Cache) {
		return
	}
	var summary *metlo.Summary
	got := d.try(ctx, func(ctx context.Context) (err error) {
		summary, err = d.Client.Summary.Get(ctx)
		return err
	})
	switch {
	case d.outOfTime(Inventory, &got):
	case got.err != nil:
		d.add(Row{Inventory, Failed, d.why(&got), "look at the log of the backend"})
	case summary.EndpointsTracked == 0:
		d.add(Row{Inventory, OK, "empty", "send traffic to the collector, such as with metlo ingest har"})
	default:
		d.add(Row{Inventory, OK, fmt.Sprintf("%s on %s, %s open, %d of them of high risk", count(summary.EndpointsTracked, "endpoint"),
			count(summary.HostCount, "host"), count(summary.OpenAlerts, "alert"), summary.HighRiskAlerts), ""})
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// collector checks the collector's process, and the key by its response. Without its database the collector refuses
// every key, and without its cache it does not respond about keys.
func (d *Doctor) collector(ctx context.Context) {
	if d.Collector == nil {
		const advice = "name the collector with --collector or METLO_COLLECTOR_HOST, by default the backend's host with port 8081"
		d.notChecked(Collector, "its address is not known", advice)
		d.notChecked(Key, "only the collector checks keys, and its address is not known", "")
		return
	}
	got := d.try(ctx, func(ctx context.Context) error { return health(ctx, d.Collector) })
	switch {
	case d.outOfTime(Collector, &got):
	case got.err != nil:
		d.add(Row{Collector, Failed, d.why(&got), "check the collector's address, by default the backend's host with port 8081, and that it runs"})
	default:
		d.add(Row{Collector, OK, "answers", ""})
	}
	d.key(ctx)
}

func (d *Doctor) key(ctx context.Context) {
	if d.Key.Reveal() == "" {
		d.notChecked(Key, "no key is set", "set METLO_API_KEY, or run metlo auth login")
		return
	}
	if d.blocked(Key, Collector) {
		return
	}
	if d.state(Cache) == Failed {
		d.notChecked(Key, "the collector answers nothing about keys while the cache is down", "")
		return
	}
	got := d.try(ctx, d.Client.Collector.Verify)
	switch {
	case d.outOfTime(Key, &got):
	case got.err == nil:
		d.add(Row{Key, OK, "the collector accepts it", ""})
	case got.late && d.state(Cache) != OK:
		d.notChecked(Key, d.why(&got)+": the collector may lack its cache", "")
	case got.late:
		d.add(Row{Key, Failed, d.why(&got), "check that the collector reaches its cache (Redis)"})
	case !errors.Is(got.err, metlo.ErrUnauthorized):
		d.add(Row{Key, Failed, d.why(&got), "look at the log of the collector"})
	case d.state(Database) != OK:
		d.notChecked(Key, "the collector refuses every key while the database is down", "")
	default:
		d.refused(ctx)
	}
}

// refused determines why the collector refuses a key although the backend's database responds. The key is at fault only
// if the backend does not list it.
func (d *Doctor) refused(ctx context.Context) {
	var keys []metlo.Key
	got := d.try(ctx, func(ctx context.Context) (err error) {
		keys, err = d.Client.Keys.List(ctx)
		return err
	})
	if got.err != nil {
		d.notChecked(Key, "the collector refuses it, and the backend lists no keys: "+d.why(&got), "")
		return
	}
	for _, k := range keys {
		if k.Identifier != "" && strings.HasPrefix(d.Key.Reveal(), k.Identifier) {
			d.add(Row{
				Key, Failed, "the collector refuses it, and the backend lists a key " + k.Name + " that begins alike",
				"check that the collector reaches the backend's database, then whether the key was copied whole",
			})
			return
		}
	}
	d.add(Row{
		Key, Failed, "the collector refuses it, and the backend lists no key that begins like it",
		"make a key with metlo key create, then run metlo auth login",
	})
}

// webhooks checks the last deliveries of each webhook.
func (d *Doctor) webhooks(ctx context.Context) {
	if d.blocked(Webhooks, Database) {
		return
	}
	var hooks []metlo.Webhook
	got := d.try(ctx, func(ctx context.Context) (err error) {
		hooks, err = d.Client.Webhooks.List(ctx)
		return err
	})
	switch {
	case d.outOfTime(Webhooks, &got):
		return
	case got.err != nil:
		d.add(Row{Webhooks, Failed, d.why(&got), "look at the log of the backend"})
		return
	case len(hooks) == 0:
		d.notChecked(Webhooks, "the instance has none", "")
		return
	}
	used, broken := 0, ""
	for i := range hooks {
		runs := hooks[i].Runs
		if len(runs) == 0 {
			continue
		}
		used++
		if !runs[len(runs)-1].OK && broken == "" {
			broken = hooks[i].UUID
		}
	}
	switch {
	case broken != "":
		d.add(Row{Webhooks, Failed, "the last delivery of webhook " + broken + " failed", "check the receiver of this webhook: metlo webhook list"})
	case used == 0:
		d.notChecked(Webhooks, fmt.Sprintf("%s, and nothing was posted yet", count(len(hooks), "webhook")), "")
	default:
		d.add(Row{Webhooks, OK, fmt.Sprintf("the last delivery of %d of %s arrived", used, count(len(hooks), "webhook")), ""})
	}
}

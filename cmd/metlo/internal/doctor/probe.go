package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
)

const (
	analyzerLimit = 30 * time.Second // time in which a request must become an endpoint
	pollEvery     = time.Second
	usagePeriod   = 5 * time.Minute // interval of the job that counts calls
	usageGrace    = time.Minute     // maximum delay of that job
	cleanupLimit  = 10 * time.Second
)

// Probe represents a request for a host that cannot exist. Doctor follows it through the stages and then removes it.
type Probe struct {
	Host string        // Host is a host that [ProbeHost] returned.
	Wait time.Duration // Wait is the time to wait for the jobs; if it is 0, the removal loses calls that the server has counted and not yet stored.
}

// The parts of the host of a probe.
const (
	probePrefix  = "metlo-doctor-"
	probeLetters = 10
)

// ProbeHost returns a host that no other probe uses and that no name server resolves.
func ProbeHost() string {
	return probePrefix + strings.ToLower(rand.Text()[:probeLetters]) + ".invalid"
}

// Fires returns the webhooks that would post the alert of a probe.
func Fires(hooks []metlo.Webhook) []metlo.Webhook {
	return slices.DeleteFunc(slices.Clone(hooks), func(w metlo.Webhook) bool {
		return len(w.Hosts) > 0 || len(w.AlertTypes) > 0 && !slices.Contains(w.AlertTypes, metlo.AlertNewEndpoint)
	})
}

// traffic checks the analyzer and the jobs, either with a probe or by the calls of other clients.
func (d *Doctor) traffic(ctx context.Context) {
	if d.Probe != nil {
		d.probe(ctx)
		return
	}
	const advice = "metlo doctor --probe sends a request and follows it"
	if !d.blocked(Analyzer, Cache) {
		var calls int
		got := d.try(ctx, func(ctx context.Context) error {
			summary, err := d.Client.Summary.Get(ctx)
			if err == nil {
				calls = summary.UsageStats.LastMinuteCount
			}
			return err
		})
		switch {
		case d.outOfTime(Analyzer, &got):
		case got.err == nil && calls > 0:
			d.add(Row{Analyzer, OK, count(calls, "request") + " analyzed in the last minute", ""})
		default:
			d.notChecked(Analyzer, "no request was analyzed in the last minute", advice)
		}
	}
	if !d.blocked(Jobs, Database) {
		d.notChecked(Jobs, "only the result of a request shows them", advice)
	}
}

// probe sends the request and follows it to its endpoint, its alert and the count of its calls.
func (d *Doctor) probe(ctx context.Context) {
	if d.blocked(Analyzer, Database, Cache, Collector, Key) {
		d.notChecked(Jobs, "the analyzer was not checked", "")
		return
	}
	d.removeEarlier(ctx)
	before := d.lastActive(ctx)
	d.left = d.Probe.Host
	got := d.try(ctx, func(ctx context.Context) error { return d.Client.Collector.Log(ctx, d.Probe.trace()) })
	if got.err != nil {
		if !d.outOfTime(Analyzer, &got) {
			d.add(Row{Analyzer, Failed, "the collector did not accept a request: " + d.why(&got), "look at the log of the collector"})
		}
		d.notChecked(Jobs, "the analyzer was not checked", "")
		return
	}
	d.note("A request for %s is sent, and followed. If this ends early: metlo host delete %s", d.Probe.Host, d.Probe.Host)
	sent := time.Now()
	endpoint := d.await(ctx, analyzerLimit, func(ctx context.Context) (string, error) {
		page, err := d.Client.Endpoints.List(ctx, &metlo.EndpointFilter{Hosts: []string{d.Probe.Host}}, 0, 1)
		if err != nil || len(page.Items) == 0 {
			return "", err
		}
		return page.Items[0].UUID, nil
	})
	if endpoint == "" {
		d.lost(ctx, before)
		d.notChecked(Jobs, "the request did not arrive", "")
		d.remove(ctx)
		return
	}
	took := time.Since(sent).Round(100 * time.Millisecond)
	alert := d.await(ctx, analyzerLimit, func(ctx context.Context) (string, error) {
		page, err := d.Client.Alerts.List(ctx, &metlo.AlertFilter{APIEndpointUUID: endpoint}, 0, 1)
		if err != nil || len(page.Items) == 0 {
			return "", err
		}
		return page.Items[0].UUID, nil
	})
	if alert == "" {
		d.add(Row{Analyzer, Failed, "the request became an endpoint, and no alert was raised for it", "look at the log of the analyzer"})
	} else {
		d.add(Row{Analyzer, OK, fmt.Sprintf("a request became an endpoint with an alert after %v", took), ""})
	}
	d.jobs(ctx, endpoint, sent)
	if d.remove(ctx) {
		d.left = ""
	}
}

// lost adds the row of a request that did not arrive. The row depends on whether the analyzer processed other requests
// meanwhile.
func (d *Doctor) lost(ctx context.Context, before time.Time) {
	if ctx.Err() != nil {
		d.notChecked(Analyzer, "--timeout ended before the request arrived", "raise --timeout; later: metlo host delete "+d.Probe.Host)
		return
	}
	left := "; if it arrives later: metlo host delete " + d.Probe.Host
	if now := d.lastActive(ctx); !before.IsZero() && now.After(before) {
		d.dropped(left)
		return
	}
	d.add(Row{
		Analyzer, Failed, fmt.Sprintf("the collector accepted a request, and neither it nor any other was analyzed within %v", analyzerLimit),
		"start the analyzer" + left,
	})
}

// dropped attributes the fault to the collector, which drops new requests while over 1,000 are waiting.
func (d *Doctor) dropped(left string) {
	for i := range d.rows {
		if d.rows[i].Name == Collector {
			d.rows[i] = Row{
				Collector, Failed, "it accepted a request that never arrived while others were analyzed: it drops requests while over 1,000 wait",
				"send less traffic, or give the analyzer more resources" + left,
			}
		}
	}
	d.notChecked(Analyzer, "it is processing other requests, and the probe never reached it", "")
}

// lastActive returns the last time at which a request to one of the most severe endpoints was analyzed; zero if
// unknown.
func (d *Doctor) lastActive(ctx context.Context) (latest time.Time) {
	d.try(ctx, func(ctx context.Context) error {
		page, err := d.Client.Endpoints.List(ctx, nil, 0, 100)
		if err != nil {
			return err
		}
		for _, e := range page.Items {
			if e.LastActive.After(latest) {
				latest = e.LastActive
			}
		}
		return nil
	})
	return latest
}

// jobs waits for the job that counts calls, which runs every five minutes.
func (d *Doctor) jobs(ctx context.Context, endpoint string, sent time.Time) {
	due := sent.Truncate(usagePeriod).Add(usagePeriod)
	at := due.UTC().Format("15:04 UTC")
	limit := time.Until(due) + usageGrace
	waits := min(limit, d.Probe.Wait)
	if waits > 0 {
		d.note("The jobs run at %s.", at)
	}
	counted := d.await(ctx, waits, func(ctx context.Context) (string, error) {
		days, err := d.Client.Endpoints.Usage(ctx, endpoint)
		if err != nil || len(days) == 0 {
			return "", err
		}
		return "counted", nil
	})
	switch {
	case counted != "":
		d.add(Row{Jobs, OK, "the request was counted", ""})
	case waits == limit && ctx.Err() == nil:
		d.add(Row{Jobs, Failed, fmt.Sprintf("they were due at %s, and did not count the request", at), "start the jobs"})
	default:
		d.notChecked(Jobs, "they have not run yet: they run at "+at, "wait longer, with --wait 6m")
	}
}

// await calls ask until it returns a text, and returns an empty string if it does not within the given time.
func (d *Doctor) await(ctx context.Context, within time.Duration, ask func(context.Context) (string, error)) string {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		answer := ""
		d.try(ctx, func(ctx context.Context) (err error) { answer, err = ask(ctx); return err })
		if answer != "" {
			return answer
		}
		timer := time.NewTimer(pollEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ""
		}
	}
}

// remove deletes the probe's host, even after ctx has ended, and reports whether that succeeded. The server has no host
// if no request arrived.
func (d *Doctor) remove(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit)
	defer cancel()
	err := d.Client.Hosts.DeleteMany(ctx, d.Probe.Host)
	if err != nil && !errors.Is(err, metlo.ErrNotFound) {
		d.note("The probe is left on the instance: metlo host delete %s: %s", d.Probe.Host, d.Explain(err))
		return false
	}
	return true
}

// probeLife is longer than the duration of any probe.
const probeLife = time.Hour

// isProbe reports whether ProbeHost may have returned the host.
func isProbe(host string) bool {
	name, ok := strings.CutPrefix(host, probePrefix)
	name, isInvalid := strings.CutSuffix(name, ".invalid")
	return ok && isInvalid && len(name) == probeLetters
}

// removeEarlier deletes the hosts of interrupted probes. It keeps younger hosts, which may belong to a running probe.
func (d *Doctor) removeEarlier(ctx context.Context) {
	d.try(ctx, func(ctx context.Context) error {
		names, err := d.Client.Hosts.Names(ctx)
		if err != nil {
			return err
		}
		for _, host := range names {
			if !isProbe(host) {
				continue
			}
			page, err := d.Client.Endpoints.List(ctx, &metlo.EndpointFilter{Hosts: []string{host}}, 0, 1)
			if err != nil {
				return err
			}
			if len(page.Items) == 0 || time.Since(page.Items[0].FirstDetected) < probeLife {
				d.note("%s belongs to another probe. If none is running: metlo host delete %s", host, host)
				continue
			}
			if err := d.Client.Hosts.DeleteMany(ctx, host); err != nil {
				return err
			}
			d.note("%s of an earlier probe is removed.", host)
		}
		return nil
	})
}

func (d *Doctor) note(format string, args ...any) {
	if d.Note != nil {
		d.Note(format, args...)
	}
}

func (p *Probe) trace() *metlo.Trace {
	return &metlo.Trace{
		Request: metlo.TraceRequest{
			Method: "GET", URL: metlo.TraceURL{Host: p.Host, Path: "/metlo-doctor-probe"},
			Headers: []metlo.NameValue{{Name: "User-Agent", Value: "metlo doctor"}},
		},
		Response: metlo.TraceResponse{Status: 204},
		Meta:     metlo.TraceMeta{Environment: "metlo doctor", Incoming: true},
	}
}

package capture

import (
	"context"
	"errors"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"github.com/metlo-go/metlo"
)

const (
	batchTraces   = 100
	batchBytes    = 512 << 10 // of records; as traces and as JSON they take about three times as much
	senderBytes   = 3 * batchBytes
	batchWait     = time.Second
	sendTimeout   = 30 * time.Second // of one request with its retries
	refusedPause  = time.Minute      // after the collector did not accept the key
	firstPause    = time.Second      // after a failure, doubled for each that follows
	longestPause  = 30 * time.Second
	mostOfBurst   = 500 // traces sent at once: half of what the collector keeps waiting
	logEvery      = time.Minute
	reportEvery   = time.Second
	shutdownPause = 100 * time.Millisecond
)

// sender is the one goroutine that makes traces of records, masks and sends them.
type sender struct {
	*Recorder

	pace     *rate.Limiter
	failures int // in a row
	unkeyed  bool
	logged   map[string]time.Time
	reports  <-chan time.Time
	reported Stats
	reportAt time.Time
	notice   int64 // faults that were logged
	unread   int64 // and configurations
}

func (s *sender) run() {
	s.pace = rate.NewLimiter(rate.Limit(s.settings.sendRate), max(min(int(s.settings.sendRate*5), mostOfBurst), batchTraces))
	s.logged = map[string]time.Time{}
	if s.settings.hooks.Stats != nil || s.settings.logger != nil {
		ticker := time.NewTicker(reportEvery)
		defer ticker.Stop()
		s.reports = ticker.C
	}
	for s.wait() {
		s.batch()
		s.report(false)
	}
	s.report(true)
}

// wait returns when there is a batch to send: enough records, or one that has waited for long enough, or any once the
// recorder shuts down. It returns false at the end.
func (s *sender) wait() bool {
	ripe := time.NewTimer(batchWait)
	defer ripe.Stop()
	waited := false
	for {
		closing := s.isClosing() // before the look at the queue, which gets nothing more from then on
		n, enough := s.waiting()
		switch {
		case s.ctx.Err() != nil:
			return false
		case closing:
			return n > 0
		case enough:
			return true
		}
		var timer <-chan time.Time
		if n > 0 {
			if !waited {
				ripe.Reset(batchWait)
			}
			waited = true
			timer = ripe.C
		}
		select {
		case <-s.wake:
		case <-timer:
			return true
		case <-s.reports:
			s.report(false)
		case <-s.closing:
		}
	}
}

func (s *sender) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// batch sends one batch, and what of it was not sent once more.
func (s *sender) batch() {
	records, size := s.take()
	if len(records) == 0 {
		return
	}
	left := int64(len(records))
	defer func() {
		// Whatever went wrong above, each record is counted once.
		s.contained(recover())
		s.settle(size, func(stats *Stats) {
			stats.Queued -= left
			stats.Drops.Fault += left
		})
	}()
	tell := func(change func(*Stats, int64), n int) {
		if n > 0 {
			left -= int64(n)
			s.count(func(stats *Stats) {
				stats.Queued -= int64(n)
				change(stats, int64(n))
			})
		}
	}
	traces, blocked, unusable := s.traces(records)
	clear(records)
	tell(skipped, blocked)
	tell(failed, unusable)
	tell(faulted, int(left)-len(traces))
	if !s.paced(len(traces)) {
		tell(closed, len(traces))
		return
	}
	unsent := s.send(traces, tell)
	if len(unsent) == 0 {
		return
	}
	if !s.pause() {
		tell(closed, len(unsent))
		return
	}
	tell(failed, len(s.send(unsent, tell)))
}

func sent(s *Stats, n int64)    { s.Sent += n }
func failed(s *Stats, n int64)  { s.Failed += n }
func unknown(s *Stats, n int64) { s.Unknown += n }
func skipped(s *Stats, n int64) { s.Skipped += n }
func faulted(s *Stats, n int64) { s.Drops.Fault += n }
func closed(s *Stats, n int64)  { s.Drops.Closed += n }

// traces makes masked traces of records. A record at which something panics is left out.
func (s *sender) traces(records [][]byte) (traces []*metlo.Trace, refused, faulty int) {
	traces = make([]*metlo.Trace, 0, len(records))
	config := s.config.Load()
	for _, data := range records {
		switch trace, outcome := s.trace(data, config); {
		case outcome == blocked:
			refused++
		case outcome == unusable:
			faulty++
		case trace != nil:
			traces = append(traces, trace)
		}
	}
	return traces, refused, faulty
}

func (s *sender) trace(data []byte, config *instanceConfig) (trace *metlo.Trace, what outcome) {
	defer func() {
		if s.contained(recover()) {
			trace, what = nil, usable
		}
	}()
	x := decodeRecord(data)
	return s.build(&x, config)
}

// contained counts a panic.
func (s *sender) contained(panicked any) bool {
	if panicked == nil {
		return false
	}
	s.faults.Add(1)
	return true
}

// send sends traces and counts them; what was not sent it returns.
func (s *sender) send(traces []*metlo.Trace, tell func(func(*Stats, int64), int)) (unsent []*metlo.Trace) {
	if len(traces) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, sendTimeout)
	defer cancel()
	began := s.now()
	err := s.client.Collector.LogBatch(ctx, traces)
	info := SendInfo{Traces: len(traces), Sent: len(traces), Duration: s.now().Sub(began), Err: err}
	var partly *metlo.BatchError
	switch {
	case err == nil:
		tell(sent, len(traces))
	case errors.As(err, &partly):
		info.Sent = len(partly.Sent)
		tell(sent, len(partly.Sent))
		tell(unknown, len(partly.Unknown))
		unsent = partly.Unsent
	case len(traces) > 1:
		// One of them is at fault, and none was sent: each half by itself, until it is alone.
		half := len(traces) / 2
		unsent = s.send(traces[:half:half], tell)
		return append(unsent, s.send(traces[half:], tell)...)
	case traces[0].Request.Body != "" || traces[0].Response.Body != "":
		// Too long for the collector, as far as the recorder can tell.
		traces[0].Request.Body, traces[0].Response.Body = "", ""
		return s.send(traces, tell)
	default:
		info.Sent = 0
		tell(failed, 1)
	}
	s.learn(err)
	s.call(func() {
		if s.settings.hooks.Request != nil {
			s.settings.hooks.Request(info)
		}
	})
	return unsent
}

// learn remembers how the collector is doing.
func (s *sender) learn(err error) {
	var e *metlo.Error
	switch {
	case err == nil:
		s.failures, s.unkeyed = 0, false
		return
	case errors.As(err, &e) && (e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden):
		if !s.unkeyed {
			s.warn("metlo: the collector does not accept the API key: sending stops for a minute, and is tried again each minute", "err", err)
		}
		s.unkeyed = true
		return
	}
	s.failures++
	s.warn("metlo: traces could not be sent", "err", err)
}

// pause waits before what was not sent is sent again. It returns false when the recorder is out of time.
func (s *sender) pause() bool {
	d := min(firstPause<<min(max(s.failures-1, 0), 10), longestPause)
	if s.unkeyed {
		d = refusedPause
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
		return false
	case <-s.closing:
	}
	if s.unkeyed {
		return false
	}
	timer.Reset(shutdownPause)
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// paced waits until n more traces may be sent, unless the recorder shuts down: then there is no time to lose.
func (s *sender) paced(n int) bool {
	reservation := s.pace.ReserveN(s.now(), n)
	delay := reservation.DelayFrom(s.now())
	if delay <= 0 || !reservation.OK() {
		return s.ctx.Err() == nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.closing:
	case <-s.ctx.Done():
	}
	return s.ctx.Err() == nil
}

// warn logs each kind of trouble once a minute at most.
func (s *sender) warn(message string, args ...any) {
	now := s.now()
	if last, ok := s.logged[message]; s.settings.logger == nil || (ok && now.Sub(last) < logEvery) {
		return
	}
	s.logged[message] = now
	s.call(func() { s.settings.logger.Warn(message, args...) })
}

// call runs a function of the user's.
func (s *sender) call(f func()) {
	defer func() { s.contained(recover()) }()
	f()
}

// report tells the hook the counts and the log what was lost, at most once in a while, and at the end.
func (s *sender) report(last bool) {
	now := s.now()
	if !last && now.Sub(s.reportAt) < reportEvery {
		return
	}
	stats := s.Stats()
	if stats == s.reported && !last {
		return
	}
	if stats.Drops.QueueFull > s.reported.Drops.QueueFull {
		s.warn("metlo: traces were dropped: the collector is slower than the traffic", "dropped", stats.Drops.QueueFull)
	}
	if n := s.faults.Load(); n > s.notice {
		s.notice = n
		s.warn("metlo: a callback panicked, or the recorder did; the requests were served", "panics", n)
	}
	if n := s.unfetched.Load(); n > s.unread {
		s.unread = n
		s.warn("metlo: the instance's configuration could not be fetched: the last one stays in use", "times", n)
	}
	s.reported, s.reportAt = stats, now
	s.call(func() {
		if s.settings.hooks.Stats != nil {
			s.settings.hooks.Stats(stats)
		}
	})
}

package capture

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/metlo-go/metlo"
)

const (
	batchTraces  = 100
	batchBytes   = 512 << 10 // bytes of records in a batch; their traces with the JSON take about three times as much
	senderBytes  = 3 * batchBytes
	batchWait    = time.Second
	sendTimeout  = 30 * time.Second // time limit of a request with its retries
	refusedPause = time.Minute      // pause after the collector rejected the key
	firstPause   = time.Second      // pause after the first failure; each further failure doubles it
	longestPause = 30 * time.Second
	fullRequest  = 1 << 20   // bytes of traces that fill a request; the collector accepts 2 MiB
	largestTrace = 2<<20 - 2 // maximum number of bytes of a trace that the collector accepts
	maxElements  = 1000      // maximum number of elements in the path of a trace
	mostOfBurst  = 500       // maximum number of traces sent at once: half the length of the collector's queue
	logEvery     = time.Minute
	reportEvery  = time.Second
)

// sender builds the traces of records and sends them in one goroutine.
type sender struct {
	*Recorder

	analyzer *Analyzer
	values   traceBuilder // builder of WithValues, or nil
	sink     sink

	pace     *rate.Limiter
	failures int       // consecutive failures
	keyWorks bool      // whether the collector has ever accepted the key
	unkeyed  bool      // whether the collector rejects the key
	outage   time.Time // beginning of the current outage
	before   int64     // traces lost before the outage
	logged   map[string]time.Time
	reports  <-chan time.Time
	reported Stats
	reportAt time.Time
	notice   int64 // logged faults
	unread   int64 // logged failures to fetch the configuration
}

func newSender(r *Recorder) *sender {
	s := &sender{Recorder: r, analyzer: newAnalyzer(r.settings.credentials), logged: map[string]time.Time{}}
	s.sink = collectorSink{r.client}
	if r.settings.values != nil {
		s.values, s.sink = r.settings.values(r)
	}
	if r.settings.output != nil {
		s.sink = &outputSink{w: r.settings.output}
	}
	s.pace = rate.NewLimiter(rate.Limit(r.settings.sendRate), max(min(int(r.settings.sendRate*5), mostOfBurst), batchTraces))
	return s
}

func (s *sender) run() {
	if s.settings.hooks.Stats != nil || s.settings.logger != nil {
		ticker := time.NewTicker(reportEvery)
		defer ticker.Stop()
		s.reports = ticker.C
	}
	for s.wait() {
		s.batch()
		s.report(false)
	}
	s.abandon() // drops traces that were put back after a Shutdown
	s.report(true)
}

// wait waits for a batch: enough records, records that have waited for batchWait, or any records during Shutdown. It returns false
// when the sender must end.
func (s *sender) wait() bool {
	ripe := time.NewTimer(batchWait)
	defer ripe.Stop()
	waited := false
	for {
		closing := s.isClosing() // read before the queue, to which nothing is added after this
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

// batch sends one batch. Traces that certainly did not arrive return to the head of the queue. During Shutdown each waiting trace
// is tried once more instead.
func (s *sender) batch() {
	lastTry := s.isClosing()
	records, size := s.take()
	if len(records) == 0 {
		return
	}
	left := int64(len(records))
	defer func() {
		// This counts each record once, even after a panic.
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
	for rest := records; len(rest) > 0; {
		var items []*item
		items, rest = s.items(rest, tell)
		if !s.paced(len(items)) {
			s.abandoned.Add(int64(len(items) + len(rest)))
			tell(closed, len(items)+len(rest))
			return
		}
		unsent := s.send(items, tell)
		if len(unsent) == 0 {
			continue
		}
		if lastTry && s.ctx.Err() == nil {
			tell(failed, len(unsent))
			continue
		}
		for _, data := range rest {
			unsent = append(unsent, &item{data: data})
		}
		if s.ctx.Err() != nil {
			s.abandoned.Add(int64(len(unsent)))
			tell(closed, len(unsent))
			return
		}
		kept := 0
		for _, item := range unsent {
			kept += len(item.data) + recordOverhead
		}
		s.putBack(unsent, kept)
		left -= int64(len(unsent))
		size -= kept
		s.pause()
		return
	}
}

func sent(s *Stats, n int64)    { s.Sent += n }
func failed(s *Stats, n int64)  { s.Failed += n }
func unknown(s *Stats, n int64) { s.Unknown += n }
func faulted(s *Stats, n int64) { s.Drops.Fault += n }
func closed(s *Stats, n int64)  { s.Drops.Closed += n }
func tooLong(s *Stats, n int64) { s.Drops.TooLarge += n }

// items builds the traces of as many records as one request takes, and counts the records that have no trace.
func (s *sender) items(records [][]byte, tell func(func(*Stats, int64), int)) (items []*item, rest [][]byte) {
	s.analyzer.use(s.config.Load())
	size := 0
	for len(records) > 0 && size < fullRequest {
		made := &item{data: records[0]}
		records = records[1:]
		switch outcome, ok := s.make(made); {
		case !ok:
			tell(faulted, 1)
		case outcome == unusable:
			tell(failed, 1)
		case outcome == tooLarge || made.analyzed != nil && made.size() > largestTrace:
			tell(tooLong, 1)
		case outcome != usable:
			tell(func(stats *Stats, n int64) { stats.Reasons.add(outcome, n) }, 1)
		default:
			items = append(items, made)
			size += made.size()
		}
	}
	return items, records
}

func (r *SkipReasons) add(what outcome, n int64) {
	switch what {
	case blocked:
		r.Blocked += n
	case unrouted:
		r.Unrouted += n
	case noOperation:
		r.NoOperation += n
	default:
		r.Host += n
	}
}

// make builds the trace of a record. ok is false after a panic.
func (s *sender) make(made *item) (what outcome, ok bool) {
	defer func() {
		if s.contained(recover()) {
			ok = false
		}
	}()
	x := decodeRecord(made.data)
	host, named := s.hostOf(&x, s.analyzer.config)
	switch {
	case !named:
		return otherHost, true
	case strings.Count(x.path, "/") > maxElements:
		return tooLarge, true
	case s.analyzer.config.blocks(host, escapedPath(&x)):
		return blocked, true
	case s.values != nil:
		made.trace, what = s.values.build(&x, host, s.analyzer.config)
	default:
		made.analyzed, what = s.analyze(&x, host)
	}
	return what, true
}

// contained counts a recovered panic and reports whether there was one.
func (s *sender) contained(panicked any) bool {
	if panicked == nil {
		return false
	}
	s.faults.Add(1)
	return true
}

// send sends items and counts the results. It returns the items that certainly did not arrive.
func (s *sender) send(items []*item, tell func(func(*Stats, int64), int)) (unsent []*item) {
	if len(items) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, sendTimeout)
	defer cancel()
	began := s.now()
	arrived, uncertain, err := s.sink.send(ctx, items)
	tell(sent, arrived)
	tell(unknown, uncertain)
	unsent = items[arrived+uncertain:]
	if errors.Is(err, metlo.ErrInvalidArgument) {
		return s.sendAlone(unsent, tell)
	}
	s.learn(err)
	s.call(func() {
		if s.settings.hooks.Request != nil {
			s.settings.hooks.Request(SendInfo{Traces: len(items), Sent: arrived, Duration: s.now().Sub(began), Err: err})
		}
	})
	return unsent
}

// sendAlone sends items of which one is invalid. It sends each half separately until the invalid item is alone.
func (s *sender) sendAlone(items []*item, tell func(func(*Stats, int64), int)) (unsent []*item) {
	if len(items) > 1 {
		half := len(items) / 2
		unsent = append(unsent, s.send(items[:half:half], tell)...)
		return append(unsent, s.send(items[half:], tell)...)
	}
	if trace := items[0].trace; trace != nil && trace.Request.Body+trace.Response.Body != "" {
		// It may be too long for the collector.
		trace.Request.Body, trace.Response.Body = "", ""
		return s.send(items, tell)
	}
	if items[0].isTooLarge() {
		tell(tooLong, 1)
	} else {
		tell(failed, 1)
	}
	return nil
}

// learn updates the state of the collector after a request.
func (s *sender) learn(err error) {
	stats := s.Stats()
	lost := stats.Drops.QueueFull + stats.Failed + stats.Unknown
	if err == nil {
		if !s.outage.IsZero() {
			s.log(slog.LevelInfo, "metlo: traces are sent again", "lost", lost-s.before, "after", s.now().Sub(s.outage).Round(time.Millisecond))
		}
		s.failures, s.keyWorks, s.unkeyed, s.outage = 0, true, false, time.Time{}
		return
	}
	if s.outage.IsZero() {
		s.outage, s.before = s.now(), lost
		var partly *metlo.AnalyzedBatchError
		var partlyValues *metlo.BatchError
		switch {
		case errors.As(err, &partly):
			s.before -= int64(len(partly.Unknown))
		case errors.As(err, &partlyValues):
			s.before -= int64(len(partlyValues.Unknown))
		}
	}
	s.failures++
	var e *metlo.Error
	if errors.As(err, &e) && (e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden) && !s.keyWorks {
		if !s.unkeyed {
			s.warn("metlo: the collector rejects the API key: the recorder tries again every minute", "err", err)
		}
		s.unkeyed = true
		return
	}
	s.unkeyed = false
	s.warn("metlo: traces could not be sent", "err", err)
}

// pause waits before the next attempt, at most until Shutdown. A collector rejects a valid key while its database is down, so a key
// that worked before is tried again soon.
func (s *sender) pause() {
	d := min(firstPause<<min(max(s.failures-1, 0), 10), longestPause)
	if s.unkeyed {
		d = refusedPause
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-s.ctx.Done():
			return
		case <-s.closing:
			return
		case <-s.reports:
			s.report(false)
		}
	}
}

// paced waits until the send rate allows n more traces, at most until Shutdown. It reports whether they may be sent.
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

// warn logs a message at most once a minute.
func (s *sender) warn(message string, args ...any) {
	now := s.now()
	if last, ok := s.logged[message]; s.settings.logger == nil || (ok && now.Sub(last) < logEvery) {
		return
	}
	s.logged[message] = now
	s.log(slog.LevelWarn, message, args...)
}

func (s *sender) log(level slog.Level, message string, args ...any) {
	if s.settings.logger != nil {
		s.call(func() { s.settings.logger.Log(s.ctx, level, message, args...) })
	}
}

// call runs a callback and recovers from its panics.
func (s *sender) call(f func()) {
	defer func() { s.contained(recover()) }()
	f()
}

// report passes the counts to the hook and logs losses, at most once in reportEvery, and at the end.
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
		s.warn("metlo: the recorder or a callback panicked; the requests were served", "panics", n)
	}
	if n := s.unfetched.Load(); n > s.unread {
		s.unread = n
		s.warn("metlo: the instance's configuration could not be fetched: the last one stays in use", "times", n)
	}
	if stats.Drops.TooLarge > s.reported.Drops.TooLarge {
		s.warn("metlo: traces were dropped: they are longer than the collector accepts", "dropped", stats.Drops.TooLarge)
	}
	if stats.BadPatterns > s.reported.BadPatterns {
		for _, fault := range s.config.Load().faults {
			s.warn("metlo: a pattern of the instance cannot be used: "+fault.Error(), "patterns", stats.BadPatterns)
		}
	}
	if stats.Reasons.Host > s.reported.Reasons.Host && stats.Sent == 0 {
		s.warn("metlo: no trace was sent so far, and requests to hosts that WithHost does not name were skipped", "skipped", stats.Reasons.Host)
	}
	s.reported, s.reportAt = stats, now
	s.call(func() {
		if s.settings.hooks.Stats != nil {
			s.settings.hooks.Stats(stats)
		}
	})
}

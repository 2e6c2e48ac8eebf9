package capture

// Stats counts requests by their result. Seen is always the sum of Sent, Dropped, Skipped, SampledOut, Failed, Unknown and Queued.
// A request is counted when it ends.
type Stats struct {
	Seen       int64 // incoming and outgoing requests that have ended
	Sent       int64 // traces that the collector accepted
	Dropped    int64 // traces that were dropped; see Drops
	Skipped    int64 // requests that are not recorded; see Reasons
	SampledOut int64 // requests that sampling left out
	Failed     int64 // traces that could not be sent, or that the collector rejects
	Unknown    int64 // traces that were sent and may have arrived
	Queued     int64 // traces that wait or are being sent

	Drops       Drops       // Dropped by reason
	Reasons     SkipReasons // Skipped by reason
	BadPatterns int64       // patterns of the instance that package regexp cannot compile
	QueuedBytes int64       // memory of records that wait or are being sent, and of copies
}

// SkipReasons counts skipped requests by reason.
type SkipReasons struct {
	Rules       int64 // a rule of WithSkips, or a method that Metlo does not track
	Host        int64 // a host that neither WithHost nor the instance's host map names
	Blocked     int64 // a host or path that the instance blocks
	Unrouted    int64 // status 404 or 405 without a route template
	NoOperation int64 // no readable GraphQL operation
	NoExchange  int64 // no exchange of request and response, such as a hijacked connection
}

// Drops counts dropped traces by reason.
type Drops struct {
	QueueFull int64 // the queue was full
	Closed    int64 // the request ended after the begin of Shutdown, or the trace still waited when Shutdown ran out of time
	Fault     int64 // a callback or the recorder panicked
	TooLarge  int64 // the trace exceeds the collector's limit of 2 MiB, or its path has over 1,000 elements
}

// Stats returns the current counts.
func (r *Recorder) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.snapshot()
}

// snapshot returns the current counts. The caller holds r.mu.
func (r *Recorder) snapshot() Stats {
	s := r.stats
	s.Dropped = s.Drops.QueueFull + s.Drops.Closed + s.Drops.Fault + s.Drops.TooLarge
	s.Skipped = s.Reasons.Rules + s.Reasons.Host + s.Reasons.Blocked + s.Reasons.Unrouted + s.Reasons.NoOperation + s.Reasons.NoExchange
	s.Seen = s.Sent + s.Dropped + s.Skipped + s.SampledOut + s.Failed + s.Unknown + s.Queued
	if config := r.config.Load(); config != nil {
		s.BadPatterns = int64(len(config.faults))
	}
	s.QueuedBytes = r.budget.used.Load()
	return s
}

// count applies change to the counts under the lock.
func (r *Recorder) count(change func(*Stats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.stats)
}

// skip counts a skipped request.
func (r *Recorder) skip(change func(*SkipReasons)) { r.count(func(s *Stats) { change(&s.Reasons) }) }

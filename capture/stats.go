package capture

// Stats counts requests by what became of them. Seen is always the sum of Sent, Dropped, Skipped, SampledOut, Failed,
// Unknown and Queued. A request is counted when it ends.
type Stats struct {
	Seen       int64 // requests that ended, served and made
	Sent       int64 // the collector took the trace
	Dropped    int64 // there was no room, or the recorder was shut down; see Drops
	Skipped    int64 // not wanted; see Reasons
	SampledOut int64 // enough of their kind were kept
	Failed     int64 // could not be sent, or are no trace that the collector takes
	Unknown    int64 // were sent, and what became of them is not known
	Queued     int64 // wait, or are being sent

	Drops       Drops
	Reasons     SkipReasons
	BadPatterns int64 // patterns of the instance's data classes that package regexp does not run
	QueuedBytes int64 // memory that waits, is being sent, or is being copied
}

// SkipReasons counts skipped requests by the reason.
type SkipReasons struct {
	Rules       int64 // of WithSkips, or a method that Metlo does not track
	Host        int64 // neither named by WithHost nor by the host map of the instance
	Blocked     int64 // the instance does not want the host or the path
	Unrouted    int64 // 404 and 405 without a template
	NoOperation int64 // no GraphQL operation could be read
	NoExchange  int64 // not an exchange of request and response, such as a hijacked connection
}

// Drops counts dropped requests by the reason.
type Drops struct {
	QueueFull int64 // the collector is slower than the traffic
	Closed    int64 // ended after Shutdown began, or waited when its time was up
	Fault     int64 // a callback panicked, or the recorder did
}

// Stats returns the counts at this moment.
func (r *Recorder) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.snapshot()
}

// snapshot is Stats for a caller that holds r.mu.
func (r *Recorder) snapshot() Stats {
	s := r.stats
	s.Dropped = s.Drops.QueueFull + s.Drops.Closed + s.Drops.Fault
	s.Skipped = s.Reasons.Rules + s.Reasons.Host + s.Reasons.Blocked + s.Reasons.Unrouted + s.Reasons.NoOperation + s.Reasons.NoExchange
	s.Seen = s.Sent + s.Dropped + s.Skipped + s.SampledOut + s.Failed + s.Unknown + s.Queued
	if config := r.config.Load(); config != nil {
		s.BadPatterns = int64(len(config.classes.Faults))
	}
	s.QueuedBytes = r.budget.used.Load()
	return s
}

// count changes the counts, all at once.
func (r *Recorder) count(change func(*Stats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.stats)
}

// skip counts a request that is not recorded.
func (r *Recorder) skip(change func(*SkipReasons)) { r.count(func(s *Stats) { change(&s.Reasons) }) }

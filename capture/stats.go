package capture

// Stats counts requests by what became of them. Seen is always the sum of Sent, Dropped, Skipped, SampledOut, Failed,
// Unknown and Queued. A request is counted when it ends.
type Stats struct {
	Seen       int64 // requests that ended, served and made
	Sent       int64 // the collector took the trace
	Dropped    int64 // there was no room, or the recorder was shut down; see Drops
	Skipped    int64 // not wanted: see Skips, and what is no exchange of request and response, such as a hijacked connection
	SampledOut int64 // enough of their kind were kept
	Failed     int64 // could not be sent, or are no trace that the collector takes
	Unknown    int64 // were sent, and what became of them is not known
	Queued     int64 // wait, or are being sent

	Drops       Drops
	QueuedBytes int64 // memory that waits, is being sent, or is being copied
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
	s.Seen = s.Sent + s.Dropped + s.Skipped + s.SampledOut + s.Failed + s.Unknown + s.Queued
	s.QueuedBytes = r.budget.used.Load()
	return s
}

// count changes the counts, all at once.
func (r *Recorder) count(change func(*Stats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.stats)
}

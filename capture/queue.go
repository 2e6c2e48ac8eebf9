package capture

import "sync/atomic"

const (
	recordOverhead = 64 // bytes of memory of a waiting record in addition to its length
	wakeRecords    = 100
	wakeBytes      = 512 << 10
)

// budget limits the memory of waiting records, growing copies and the batch being sent.
type budget struct {
	used  atomic.Int64
	limit int64
}

// reserve reserves n bytes and reports whether they were free.
func (b *budget) reserve(n int) bool {
	if b.used.Add(int64(n)) > b.limit {
		b.used.Add(int64(-n))
		return false
	}
	return true
}

func (b *budget) release(n int) { b.used.Add(int64(-n)) }

// roomy reports whether at least an eighth of the memory is free.
func (b *budget) roomy() bool { return b.used.Load() <= b.limit-b.limit/8 }

// isFull reports whether the queue was full and has not enough room yet. It checks each time, because the end of an unrecorded
// exchange with large bodies also releases memory.
func (r *Recorder) isFull() bool {
	if !r.full.Load() {
		return false
	}
	if !r.budget.roomy() {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if items := r.settings.queueItems; len(r.queue) > items-max(items/8, 1) {
		return true
	}
	r.full.Store(false)
	return false
}

// push queues a record, or counts it as dropped. It never waits for the sender. held is the memory that the caller has reserved;
// push takes it over.
func (r *Recorder) push(encode func() []byte, size, held int) {
	size += recordOverhead
	if !r.budget.reserve(size - held) {
		r.full.Store(true)
		r.budget.release(held)
		r.drop(func(d *Drops) { d.QueueFull++ })
		return
	}
	record := encode()
	r.budget.release(size - recordOverhead - len(record))
	size = recordOverhead + len(record)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		r.stats.Drops.Closed++
		r.budget.release(size)
	case len(r.queue) >= r.settings.queueItems:
		r.full.Store(true)
		r.stats.Drops.QueueFull++
		r.budget.release(size)
	default:
		r.queue = append(r.queue, record)
		r.queueBytes += size
		r.stats.Queued++
		if n := len(r.queue); n == 1 || n == wakeRecords || r.queueBytes >= wakeBytes {
			r.signal()
		}
	}
}

// signal wakes the sender if it waits.
func (r *Recorder) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Recorder) drop(change func(*Drops)) { r.count(func(s *Stats) { change(&s.Drops) }) }

// take removes the records of one batch from the queue. Their memory stays reserved until settle.
func (r *Recorder) take() (batch [][]byte, size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for n < len(r.queue) && n < batchTraces {
		next := len(r.queue[n]) + recordOverhead
		if n > 0 && size+next > batchBytes {
			break
		}
		size += next
		n++
	}
	batch = append(batch, r.queue[:n]...)
	clear(r.queue[:n])
	r.queue = r.queue[n:]
	if len(r.queue) == 0 {
		r.queue = nil // releases the memory of a burst
	}
	r.queueBytes -= size
	return batch, size
}

// waiting returns the number of waiting records, and whether they fill a batch.
func (r *Recorder) waiting() (n int, enough bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue), len(r.queue) >= batchTraces || r.queueBytes >= wakeBytes
}

// settle counts the results of a batch and releases its memory.
func (r *Recorder) settle(size int, change func(*Stats)) {
	r.budget.release(size)
	r.count(change)
}

// putBack returns items to the head of the queue. Their memory stays reserved.
func (r *Recorder) putBack(items []*item, size int) {
	records := make([][]byte, 0, len(items))
	for _, item := range items {
		records = append(records, item.data)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = append(records, r.queue...)
	r.queueBytes += size
}

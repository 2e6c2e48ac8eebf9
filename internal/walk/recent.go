package walk

import "time"

const tick = time.Millisecond // precision of bounds of time

// byTime walks a list that is sorted by time, newest first. Times do not change, so a response leaves nothing out that
// is newer than its last row; the next one begins with that row's millisecond. Only where one millisecond fills a
// response the walk goes by offset.
func (w *walker[T]) byTime() error {
	end, n := w.Until, w.First
	if n == 0 {
		n = w.MaxLimit
	}
	var newest time.Time
	for {
		a, err := w.get(Part{End: end}, n, 0, nil)
		if err != nil {
			return err
		}
		if !w.limited {
			w.allow(w.total)
		}
		switch {
		case a.Rows == 0, a.Rows < a.limit && a.holds(0):
			return w.checkCount(newest)
		case a.untimed || a.unordered || w.unbounded:
			return w.pages(Part{End: w.Until}, w.total)
		}
		if newest.IsZero() {
			newest = a.newest
		}
		last := a.oldest.Truncate(tick)
		if next := last.Add(tick); end.IsZero() || next.Before(end) {
			end = next
		} else if end, err = w.millisecond(last, end); err != nil {
			return err
		} else if end.IsZero() {
			return w.checkCount(newest)
		}
		n = w.MaxLimit
	}
}

// millisecond walks the one from last to end, of which one response does not show the end, and those right before it that
// have rows too. It returns the end of the window behind them: zero if nothing is older. It learns nothing of a server that
// ignores bounds of time.
func (w *walker[T]) millisecond(last, end time.Time) (time.Time, error) {
	for {
		p := Part{Start: last, End: end}
		held, total, err := w.whole(p, w.MaxLimit)
		if err != nil || w.unbounded {
			return end, err
		}
		if !held {
			items := w.items
			err = w.pages(p, total)
			w.items = items // the rows behind are not yet counted
		}
		if err != nil {
			return time.Time{}, err
		}
		next, err := w.behind(last)
		if err != nil || next.Before(last) {
			return next, err
		}
		last, end = last.Add(-tick), last
	}
}

// behind returns the end of the window that begins with the newest rows older than a time, or zero if there are none.
// Its pages overlap by a row, so that it skips none.
func (w *walker[T]) behind(last time.Time) (time.Time, error) {
	for at, overlap := 0, false; ; {
		a, err := w.get(Part{End: last}, w.MaxLimit, at, nil)
		switch {
		case err != nil || a.Rows == 0:
			return time.Time{}, err
		case overlap && a.newest.Before(last):
			at, overlap = at/2, at/2 > 0 // rows have vanished
			continue
		case a.oldest.Before(last):
			return a.oldest.Truncate(tick).Add(tick), nil
		case a.holds(at):
			return time.Time{}, nil
		}
		overlap = a.Rows > 1
		at += max(a.Rows-1, 1)
	}
}

// checkCount compares the received number of items with the server's, since rows without a time are in no window.
func (w *walker[T]) checkCount(newest time.Time) error {
	if len(w.seen) >= w.total {
		return nil
	}
	all := Part{End: w.Until}
	a, err := w.get(all, w.MaxLimit, max(w.total-w.MaxLimit, 0), nil)
	if err == nil && !a.untimed && !a.unordered {
		if len(w.seen) >= a.Total {
			return nil
		}
		a, err = w.get(Part{End: newest}, w.MaxLimit, 0, nil) // excludes rows that appeared meanwhile
		if err == nil && len(w.seen) >= a.Total {
			return nil
		}
	}
	if err != nil {
		return err
	}
	return w.pages(all, a.Total)
}

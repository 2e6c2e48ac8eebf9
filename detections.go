package metlo

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"time"

	"github.com/metlo-go/metlo/internal/wire"
)

const (
	maxDetectionLimit = 50 // the server refuses more
	crowdPasses       = 20 // times that the detections of one millisecond are walked
	crowdIdle         = 5  // passes in a row that bring nothing new, after which the rest is given up
)

// DetectionsService reads what Metlo has found lately: endpoints and data fields by the time at which it first kept them.
type DetectionsService struct{ client *Client }

// DetectionDay counts what was detected on a day.
type DetectionDay struct {
	Day          time.Time `json:"day"` // midnight UTC at the start of the day
	NumEndpoints int       `json:"numEndpoints"`
	NumFields    int       `json:"numFields"`
}

// DetectionListOptions filters detections. Values of one field are alternatives; fields that are set apply together.
type DetectionListOptions struct {
	Start      time.Time   `url:"-"`                                      // earliest creation, inclusive, to the millisecond; zero for no bound
	End        time.Time   `url:"-"`                                      // latest creation, inclusive, to the millisecond; zero for no bound
	RiskScores []RiskScore `url:"detectionRiskScores,omitempty,brackets"` // only of endpoints
	Hosts      []string    `url:"detectionHosts,omitempty,brackets"`
	Limit      int         `url:"-"` // items of a page, at most 50; 0 for the server's default of 10
	Offset     int         `url:"-"` // items to skip
}

// ListEndpoints returns one page of endpoints, the newest first. Its errors are [ErrInvalidArgument] and those of the
// server.
//
// GET /new-detections?detectionType=endpoint
func (s *DetectionsService) ListEndpoints(ctx context.Context, opts *DetectionListOptions) (*Page[Endpoint], error) {
	return s.endpoints(opts).page(ctx)
}

// AllEndpoints returns an iterator over every endpoint that passes the filter, the newest first, each once. It walks
// by time, 50 items a request, so that endpoints that appear or vanish meanwhile hide no other. Limit sets only the
// size of the first request. The sequence ends after the first error; [IncompleteError] says that the server keeps some
// back.
//
// GET /new-detections?detectionType=endpoint
func (s *DetectionsService) AllEndpoints(ctx context.Context, opts *DetectionListOptions) iter.Seq2[Endpoint, error] {
	return s.endpoints(opts).all(ctx)
}

// ListDataFields returns one page of data fields with their endpoints, the newest first. The server applies no risk
// scores to data fields: with them it returns [ErrInvalidArgument].
//
// GET /new-detections?detectionType=data_field
func (s *DetectionsService) ListDataFields(ctx context.Context, opts *DetectionListOptions) (*Page[DataField], error) {
	return s.dataFields(opts).page(ctx)
}

// AllDataFields returns an iterator over every data field that passes the filter, the newest first, each once, as
// [DetectionsService.AllEndpoints] does for endpoints. The server applies no risk scores to data fields: with them the
// sequence is one [ErrInvalidArgument].
//
// GET /new-detections?detectionType=data_field
func (s *DetectionsService) AllDataFields(ctx context.Context, opts *DetectionListOptions) iter.Seq2[DataField, error] {
	return s.dataFields(opts).all(ctx)
}

// Daily returns how many endpoints and data fields were detected on each day that had any, newest first, for at most 20
// days. The server remembers its answer for an hour.
//
// GET /new-detections-agg
func (s *DetectionsService) Daily(ctx context.Context) ([]DetectionDay, error) {
	return fetchAll[DetectionDay](ctx, s.client, newRequest(http.MethodGet, "/new-detections-agg"))
}

func (s *DetectionsService) endpoints(opts *DetectionListOptions) detections[Endpoint] {
	return newDetections(s.client, "endpoint", opts, func(e *Endpoint) (string, time.Time) { return e.UUID, e.CreatedAt })
}

func (s *DetectionsService) dataFields(opts *DetectionListOptions) detections[DataField] {
	d := newDetections(s.client, "data_field", opts, func(f *DataField) (string, time.Time) { return f.UUID, f.CreatedAt })
	if opts != nil && opts.RiskScores != nil {
		d.base.fail("RiskScores is set, which the server applies only to endpoints: leave it nil")
	}
	return d
}

// detections is a list that the server sends newest first, in pages of at most 50.
type detections[T any] struct {
	client *Client
	opts   DetectionListOptions
	base   *request
	key    func(*T) (id string, created time.Time)
}

func newDetections[T any](c *Client, kind string, opts *DetectionListOptions, key func(*T) (string, time.Time)) detections[T] {
	d := detections[T]{client: c, key: key}
	if opts != nil {
		d.opts = *opts
		d.opts.Start, d.opts.End = d.opts.Start.Truncate(time.Millisecond), d.opts.End.Truncate(time.Millisecond)
	}
	d.base = newRequest(http.MethodGet, "/new-detections").filter(&d.opts).window(d.opts.Limit, d.opts.Offset)
	if d.opts.Limit > maxDetectionLimit {
		d.base.fail("Limit %d is over %d, which the server refuses: use AllEndpoints or AllDataFields", d.opts.Limit, maxDetectionLimit)
	}
	if !d.opts.End.IsZero() && d.opts.Start.After(d.opts.End) {
		d.base.fail("Start is after End: swap them")
	}
	d.base.param("detectionType", kind)
	if !d.opts.Start.IsZero() {
		d.base.param("start", instant(d.opts.Start))
	}
	return d
}

// ask describes the request for a page of what was created until end; the zero end is no bound.
func (d detections[T]) ask(end time.Time, limit, offset int) *request {
	r := d.base.copy()
	if !end.IsZero() {
		r.param("end", instant(end))
	}
	r.number("detectionLimit", limit)
	r.number("detectionOffset", offset)
	return r
}

func (d detections[T]) page(ctx context.Context) (*Page[T], error) {
	page, err := fetchList[T](ctx, d.client, d.ask(d.opts.End, d.opts.Limit, d.opts.Offset), d.opts.Limit, nil)
	if err != nil {
		return nil, err
	}
	page.Offset = d.opts.Offset
	return &page, nil
}

func (d detections[T]) all(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		w := &detectionWalk[T]{detections: d, ctx: ctx, yield: yield, skip: d.opts.Offset}
		if err := w.run(); err != nil && !errors.Is(err, wire.ErrStop) {
			var zero T
			yield(zero, err)
		}
	}
}

// detectionWalk yields every detection once.
//
// Times of creation do not change, so a page leaves nothing out that is newer than its last row; the next page begins
// at that row's millisecond, which may hold more rows. Only where one millisecond fills a page does the walk go by
// offset, and only there, since rows of one time have no order, does it check that no row hid between two pages.
type detectionWalk[T any] struct {
	detections[T]
	ctx   context.Context
	yield func(T, error) bool
	seen  idSet
	skip  int // items not to yield

	yielded int
	missing int // rows that no pass through their millisecond brought, at least
}

// run moves end back from page to page.
func (w *detectionWalk[T]) run() error {
	end, limit := w.opts.End, w.opts.Limit
	if limit == 0 {
		limit = maxDetectionLimit
	}
	for {
		page, err := w.get(end, limit, 0)
		if err != nil {
			return err
		}
		rows := len(page.Items)
		var next time.Time
		if rows > 0 {
			next = w.before(page.Items)
		}
		switch {
		case rows == 0 || (rows < limit && page.Total >= 0 && rows >= page.Total):
			next = time.Time{}
			err = w.emit(page.Items)
		case end.IsZero() || next.Before(end):
			err = w.emit(page.Items)
		case rows < limit:
			next, err = w.crowd(end, rows) // the server caps its pages
		default:
			next, err = w.crowd(end, maxDetectionLimit)
		}
		if err != nil {
			return err
		}
		if next.IsZero() {
			return w.finish()
		}
		end, limit = next, maxDetectionLimit
	}
}

func (w *detectionWalk[T]) finish() error {
	if w.missing == 0 {
		return nil
	}
	return &IncompleteError{Seen: w.yielded, Total: w.yielded + w.missing, route: w.base.route}
}

// before returns the end of the next page: right behind the millisecond of the oldest row.
func (w *detectionWalk[T]) before(rows []T) time.Time {
	_, oldest := w.key(&rows[0])
	for i := range rows {
		if _, created := w.key(&rows[i]); created.Before(oldest) {
			oldest = created
		}
	}
	return oldest.Truncate(time.Millisecond).Add(time.Millisecond)
}

// crowd yields the rows of the last millisecond before end, which fill a page, and returns the end of the page that
// follows them: zero if nothing does.
func (w *detectionWalk[T]) crowd(end time.Time, size int) (time.Time, error) {
	var ids idSet // since rows last vanished
	var last crowdPass[T]
	total, most, idle := -1, 0, 0
	for pass := 0; pass < crowdPasses && idle < crowdIdle; pass++ {
		before := ids.len()
		got, err := w.pass(end, max(size-pass, 1), &ids)
		if err != nil {
			return time.Time{}, err
		}
		if got.ended {
			last = got
		}
		if got.moved || (pass > 0 && got.total != total) {
			ids, most, before = idSet{}, 0, -1
		}
		total, most = got.total, max(most, got.rows)
		if got.ended && !got.moved && ids.len() >= most {
			return last.next, w.emit(last.older)
		}
		if idle++; ids.len() > before {
			idle = 0
		}
	}
	w.missing += max(most-ids.len(), 1)
	return last.next, w.emit(last.older)
}

// crowdPass is what one walk by offset through a millisecond came to.
type crowdPass[T any] struct {
	rows  int       // before the first older one
	total int       // as the last page says
	moved bool      // the total did not stand still
	ended bool      // the first older row, or the end of the list, was reached
	older []T       // rows of the last page that are older
	next  time.Time // end of the page that follows; zero if no row is older
}

func (w *detectionWalk[T]) pass(end time.Time, size int, ids *idSet) (crowdPass[T], error) {
	var pass idSet
	var got crowdPass[T]
	for known := 0; !got.ended && known < 3; known++ { // an offset that is ignored would not end otherwise
		page, err := w.get(end, size, got.rows)
		if err != nil {
			return got, err
		}
		got.moved = got.moved || (got.rows > 0 && page.Total != got.total)
		got.total = page.Total
		n := slices.IndexFunc(page.Items, func(item T) bool {
			_, created := w.key(&item)
			return created.Before(end.Add(-time.Millisecond))
		})
		switch {
		case n >= 0:
			got.ended, got.older, got.next = true, page.Items[n:], w.before(page.Items)
		case len(page.Items) == 0:
			got.ended, n = got.rows >= got.total, 0
		default:
			n = len(page.Items)
		}
		if err := w.emit(page.Items[:n]); err != nil {
			return got, err
		}
		got.rows += n
		for i := range n {
			id, _ := w.key(&page.Items[i])
			ids.add(id)
			if pass.add(id) {
				known = -1
			}
		}
	}
	return got, nil
}

func (w *detectionWalk[T]) get(end time.Time, limit, offset int) (Page[T], error) {
	return fetchList[T](w.ctx, w.client, w.ask(end, limit, offset), limit, nil)
}

// emit yields the rows that are new.
func (w *detectionWalk[T]) emit(rows []T) error {
	for i := range rows {
		id, _ := w.key(&rows[i])
		switch {
		case id != "" && !w.seen.add(id):
		case w.skip > 0:
			w.skip--
		default:
			w.yielded++
			if !w.yield(rows[i], nil) {
				return wire.ErrStop
			}
		}
	}
	return nil
}

// instant writes a time as the server reads it, to the millisecond.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z07:00") }

package metlo

import (
	"context"
	"iter"
	"net/http"
	"time"

	"github.com/metlo-go/metlo/internal/walk"

	"github.com/metlo-go/metlo/internal/wire"
)

const maxDetectionLimit = 50 // the server refuses more

// DetectionsService reads what Metlo has found lately: endpoints and data fields by the time at which it first kept them.
type DetectionsService struct{ client *Client }

// DetectionDay counts what was detected on a day.
type DetectionDay struct {
	Day          time.Time `json:"day"` // midnight UTC at the start of the day
	NumEndpoints int       `json:"numEndpoints"`
	NumFields    int       `json:"numFields"`
}

// MarshalJSON encodes the day as the server does.
func (d DetectionDay) MarshalJSON() ([]byte, error) {
	return wire.MarshalFields(d, "numEndpoints", "numFields")
}

// DetectionListOptions filters detections. Values of one field are alternatives; fields that are set apply together.
type DetectionListOptions struct {
	Start      time.Time   `url:"-"`                                      // earliest creation, inclusive, to the millisecond; zero for no bound
	End        time.Time   `url:"-"`                                      // latest creation, inclusive, to the millisecond; zero for no bound
	RiskScores []RiskScore `url:"detectionRiskScores,omitempty,brackets"` // of the endpoints, or of those that hold the data fields
	Hosts      []string    `url:"detectionHosts,omitempty,brackets"`
	Offset     int         `url:"-"` // items to skip
	Limit      int         `url:"-"` // List…: items of the page, at most 50; 0 for the server's default of 10
	PageSize   int         `url:"-"` // All…: items of the first request, at most 50; 0 for 50
	OnTotal    func(int)   `url:"-"` // All…: gets the number of items to come once the server says it, and when it changes
}

// ListEndpoints returns one page of endpoints, the newest first. Its errors are [ErrInvalidArgument] and those of the
// server.
//
// GET /new-detections?detectionType=endpoint
func (s *DetectionsService) ListEndpoints(ctx context.Context, opts *DetectionListOptions) (*Page[Endpoint], error) {
	return s.endpoints("Detections.ListEndpoints", opts).page(ctx)
}

// AllEndpoints returns an iterator over every endpoint that passes the filter, the newest first, each once. It walks
// by time, 50 items a request, so endpoints that appear or vanish meanwhile hide no other. Where one millisecond has
// more than 50, or an item has no time, it walks by pages until a count proves that none is missing. The sequence ends
// after the first error; the last one may be an [IncompleteError].
//
// Range over it with two variables. A loop with one compiles and drops the error, so a walk that fails looks like one
// empty item; tools/rangeerr finds such loops.
//
// GET /new-detections?detectionType=endpoint
func (s *DetectionsService) AllEndpoints(ctx context.Context, opts *DetectionListOptions) iter.Seq2[Endpoint, error] {
	return s.endpoints("Detections.AllEndpoints", opts).all(ctx)
}

// ListDataFields returns one page of data fields with their endpoints, the newest first. Its errors are
// [ErrInvalidArgument] and those of the server.
//
// GET /new-detections?detectionType=data_field
func (s *DetectionsService) ListDataFields(ctx context.Context, opts *DetectionListOptions) (*Page[DataField], error) {
	return s.dataFields("Detections.ListDataFields", opts).page(ctx)
}

// AllDataFields returns an iterator over every data field that passes the filter, the newest first, each once, as
// [DetectionsService.AllEndpoints] does for endpoints.
//
// Range over it with two variables. A loop with one compiles and drops the error, so a walk that fails looks like one
// empty item; tools/rangeerr finds such loops.
//
// GET /new-detections?detectionType=data_field
func (s *DetectionsService) AllDataFields(ctx context.Context, opts *DetectionListOptions) iter.Seq2[DataField, error] {
	return s.dataFields("Detections.AllDataFields", opts).all(ctx)
}

// Daily returns how many endpoints and data fields were detected on each day that had any, newest first, for at most 20
// days. The server remembers its answer for an hour.
//
// GET /new-detections-agg
func (s *DetectionsService) Daily(ctx context.Context) ([]DetectionDay, error) {
	return fetchAll[DetectionDay](ctx, s.client, newRequest("Detections.Daily", http.MethodGet, "/new-detections-agg"), anything)
}

func (s *DetectionsService) endpoints(name string, opts *DetectionListOptions) *listing[Endpoint] {
	return detections(s.client, name, "endpoint", opts, describeEndpoint)
}

func (s *DetectionsService) dataFields(name string, opts *DetectionListOptions) *listing[DataField] {
	return detections(s.client, name, "data_field", opts, describeDataField)
}

// detections returns a list that the server sends newest first.
func detections[T any](c *Client, name, kind string, opts *DetectionListOptions, describe func(*T) (walk.Item, error)) *listing[T] {
	o := valueOf(opts)
	l := &listing[T]{
		client: c,
		base:   newRequest(name, http.MethodGet, "/new-detections").filter(&o).window(o.Limit, o.Offset),
		window: window{
			limit: o.Limit, offset: o.Offset, pageSize: o.PageSize, onTotal: o.OnTotal,
			since: o.Start.Truncate(time.Millisecond), until: o.End.Truncate(time.Millisecond),
		},
		describe:  describe,
		detection: true,
		few:       defaultRows,
	}
	if o.Limit > maxDetectionLimit {
		l.base.fail("Limit %d is over %d, which the server refuses: use AllEndpoints or AllDataFields", o.Limit, maxDetectionLimit)
	}
	if o.PageSize > maxDetectionLimit {
		l.base.fail("PageSize %d is over %d, which the server refuses: use 0 for the default", o.PageSize, maxDetectionLimit)
	}
	if !o.End.IsZero() && o.Start.After(o.End) {
		l.base.fail("Start is after End: swap them")
	}
	l.base.param("detectionType", kind)
	return l
}

// instant adds a time to the query as the server reads it, to the millisecond, unless it is zero.
func (r *request) instant(name string, t time.Time) {
	if !t.IsZero() {
		r.param(name, t.UTC().Format("2006-01-02T15:04:05.999Z07:00"))
	}
}

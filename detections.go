package metlo

import (
	"context"
	"iter"
	"net/http"
	"time"

	"github.com/metlo-go/metlo/internal/walk"
)

const maxDetectionLimit = 50 // the server refuses more

// DetectionsService lists new endpoints and data fields, ordered by the time at which Metlo first stored them.
type DetectionsService struct{ client *Client }

// DetectionDay counts the detections of a day.
type DetectionDay struct {
	Day          time.Time `json:"day,omitzero"` // midnight UTC at the start of the day
	NumEndpoints int       `json:"numEndpoints"`
	NumFields    int       `json:"numFields"`
}

// DetectionFilter selects detections. Values of one field are alternatives; fields that are set apply together.
type DetectionFilter struct {
	CreatedAfter  time.Time   `url:"-"`                                      // earliest creation, inclusive, to the millisecond; zero for no bound
	CreatedBefore time.Time   `url:"-"`                                      // latest creation, inclusive, to the millisecond; zero for no bound
	RiskScores    []RiskScore `url:"detectionRiskScores,omitempty,brackets"` // risk of the endpoints, or of those that hold the data fields
	Hosts         []string    `url:"detectionHosts,omitempty,brackets"`
}

// ListEndpoints returns one page of endpoints, newest first. The error is [ErrInvalidArgument] or one of the server's.
//
// GET /new-detections?detectionType=endpoint
func (s *DetectionsService) ListEndpoints(ctx context.Context, filter *DetectionFilter, offset, limit int) (*Page[Endpoint], error) {
	return s.endpoints("Detections.ListEndpoints", filter).page(ctx, offset, limit)
}

// AllEndpoints returns an iterator over every endpoint that passes the filter, newest first, each once. It walks by
// time, 50 items per request, so endpoints that appear or vanish meanwhile hide no other. If one millisecond has more
// than 50, or an item has no time, it walks by pages until a count proves that none is missing. The sequence ends after
// the first error; the last one may be an [IncompleteError].
//
// GET /new-detections?detectionType=endpoint
func (s *DetectionsService) AllEndpoints(ctx context.Context, filter *DetectionFilter, opts ...WalkOption) iter.Seq2[Endpoint, error] {
	return s.endpoints("Detections.AllEndpoints", filter).all(ctx, opts)
}

// ListDataFields returns one page of data fields with their endpoints, newest first. The error is [ErrInvalidArgument]
// or one of the server's.
//
// GET /new-detections?detectionType=data_field
func (s *DetectionsService) ListDataFields(ctx context.Context, filter *DetectionFilter, offset, limit int) (*Page[DataField], error) {
	return s.dataFields("Detections.ListDataFields", filter).page(ctx, offset, limit)
}

// AllDataFields returns an iterator over every data field that passes the filter, newest first, each once. It walks
// like [DetectionsService.AllEndpoints].
//
// GET /new-detections?detectionType=data_field
func (s *DetectionsService) AllDataFields(ctx context.Context, filter *DetectionFilter, opts ...WalkOption) iter.Seq2[DataField, error] {
	return s.dataFields("Detections.AllDataFields", filter).all(ctx, opts)
}

// Daily returns how many endpoints and data fields were detected per day, newest first, for at most 20 days. Days
// without detections are absent. The server caches its answer for an hour.
//
// GET /new-detections-agg
func (s *DetectionsService) Daily(ctx context.Context) ([]DetectionDay, error) {
	return fetchAll[DetectionDay](ctx, s.client, newRequest("Detections.Daily", http.MethodGet, "/new-detections-agg"), anything)
}

func (s *DetectionsService) endpoints(name string, filter *DetectionFilter) *listing[Endpoint] {
	return detections(s.client, name, "endpoint", filter, describeEndpoint)
}

func (s *DetectionsService) dataFields(name string, filter *DetectionFilter) *listing[DataField] {
	return detections(s.client, name, "data_field", filter, describeDataField)
}

// detections returns a list that the server sorts newest first.
func detections[T any](c *Client, name, kind string, filter *DetectionFilter, describe func(*T) (walk.Item, error)) *listing[T] {
	f := valueOf(filter)
	l := &listing[T]{
		client:       c,
		base:         newRequest(name, http.MethodGet, "/new-detections").filter(&f),
		describe:     describe,
		since:        f.CreatedAfter.Truncate(time.Millisecond),
		until:        f.CreatedBefore.Truncate(time.Millisecond),
		detection:    true,
		defaultLimit: defaultRows,
		maxLimit:     maxDetectionLimit,
	}
	l.base.period(f.CreatedAfter, f.CreatedBefore)
	l.base.param("detectionType", kind)
	return l
}

// period rejects bounds with no time between them.
func (r *request) period(after, before time.Time) {
	if !after.IsZero() && !before.IsZero() && after.After(before) {
		r.fail("the earliest creation time is after the latest: swap them")
	}
}

// instant adds a time to the query in the server's format, to the millisecond, unless it is zero.
func (r *request) instant(name string, t time.Time) {
	if !t.IsZero() {
		r.param(name, t.UTC().Format("2006-01-02T15:04:05.999Z07:00"))
	}
}

package metlo

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/metlo-go/metlo/internal/walk"
	"github.com/metlo-go/metlo/internal/wire"
)

const (
	maxAlertLimit = 50_000 // the server binds one SQL parameter for each row
)

const noUpdateType = "UpdateType is empty: use UpdateResolve, UpdateUnresolve, UpdateIgnore or UpdateUnignore"

// AlertsService reads alerts and moves them through triage.
type AlertsService struct{ client *Client }

// Alert is a finding about an endpoint.
type Alert struct {
	UUID              string          `json:"uuid"`
	Type              AlertType       `json:"type"`
	RiskScore         RiskScore       `json:"riskScore"`
	APIEndpointUUID   string          `json:"apiEndpointUuid"`
	Description       string          `json:"description"`
	CreatedAt         time.Time       `json:"createdAt,omitzero"`
	UpdatedAt         time.Time       `json:"updatedAt,omitzero"`
	Status            AlertStatus     `json:"status"`
	ResolutionMessage string          `json:"resolutionMessage"` // survives when the alert is opened again
	Context           json.RawMessage `json:"context,omitzero"`  // an object that depends on the type; see Trace, Field and SpecPointer
	APIEndpoint       AlertEndpoint   `json:"apiEndpoint"`
}

func (a *Alert) accept() error {
	dropNull(&a.Context)
	return hasID(a.UUID)
}

func describeAlert(a *Alert) (walk.Item, error) {
	return walk.Item{Key: walk.UUIDKey(a.UUID), Created: a.CreatedAt, Values: [2]string{a.APIEndpoint.Host, string(a.Type)}}, a.accept()
}

// AlertEndpoint is the endpoint that an alert is about.
type AlertEndpoint struct {
	UUID            string     `json:"uuid"`
	Path            string     `json:"path"`
	Host            string     `json:"host"`
	Method          RestMethod `json:"method"`
	OpenAPISpecName string     `json:"openapiSpecName"`  // empty if the endpoint has no spec
	OpenAPISpec     *AlertSpec `json:"openapiSpec"`      // nil if the alert is not about a spec
	Details         *Endpoint  `json:"details,omitzero"` // the whole endpoint; only set by calls that change an alert
}

// AlertSpec is the part of an OpenAPI document that an alert is about.
type AlertSpec struct {
	Extension            SpecExtension            `json:"extension"`
	MinimizedSpecContext map[string]MinimizedSpec `json:"minimizedSpecContext"` // pointers such as paths./users.get to excerpts
}

// MinimizedSpec is an excerpt of an OpenAPI document.
type MinimizedSpec struct {
	LineNumber    int    `json:"lineNumber"` // line of the document, counted from 1
	MinimizedSpec string `json:"minimizedSpec"`
}

// AlertFilter selects alerts. Values of one field are alternatives; fields that are set apply together.
type AlertFilter struct {
	UUID            string        `url:"uuid,omitempty"`
	APIEndpointUUID string        `url:"apiEndpointUuid,omitempty"`
	RiskScores      []RiskScore   `url:"riskScores,omitempty,brackets"`
	Statuses        []AlertStatus `url:"status,omitempty,brackets"`
	AlertTypes      []AlertType   `url:"alertTypes,omitempty,brackets"`
	Hosts           []string      `url:"hosts,omitempty,brackets"`
	SortOrder       SortOrder     `url:"order,omitempty"` // order of the risk scores among alerts of one status; default DESC
}

// AlertUpdate is a change of one alert's status.
type AlertUpdate struct {
	UpdateType        AlertUpdateType `json:"updateType"`
	ResolutionMessage string          `json:"resolutionMessage,omitzero"` // only UpdateResolve keeps it
}

// AlertBulkUpdate is a change of the status of many alerts. It applies to alerts in the status from which UpdateType
// leads: open ones for resolve and ignore, ignored ones for unignore, resolved ones for unresolve.
type AlertBulkUpdate struct {
	UpdateType        AlertUpdateType
	ResolutionMessage string // only UpdateResolve keeps it

	UUID            string // selects one alert; excludes every other filter
	APIEndpointUUID string
	RiskScores      []RiskScore
	AlertTypes      []AlertType
	Hosts           []string
	AllAlerts       bool // selects every alert in the status; excludes every filter
}

func (s *AlertsService) listing(name string, filter *AlertFilter) *listing[Alert] {
	f := valueOf(filter)
	l := &listing[Alert]{
		client:    s.client,
		base:      newRequest(name, http.MethodGet, "/alerts").filter(&f),
		describe:  describeAlert,
		filters:   []string{"hosts[]", "alertTypes[]"},
		values:    s.client.hostsOr(texts(alertTypes.values)),
		newest:    len(f.Statuses) == 1 && len(f.RiskScores) == 1,
		maxLimit:  maxAlertLimit,
		unlimited: maxAlertLimit,
	}
	if f.APIEndpointUUID != "" { // an endpoint has one host
		l.describe = func(a *Alert) (walk.Item, error) {
			item, err := describeAlert(a)
			item.Values = [2]string{item.Values[1]}
			return item, err
		}
		l.filters, l.values = l.filters[1:], always(texts(alertTypes.values))
	}
	if f.UUID == "" && f.APIEndpointUUID == "" {
		l.defaultLimit = defaultRows
	}
	l.base.optionalUUID(f.UUID, f.APIEndpointUUID)
	return l
}

// List returns one page of at most limit alerts, starting at offset: open alerts first, then ignored and resolved ones,
// each group by risk and then newest first. A limit of 0 means 10, or all alerts if the filter names an endpoint or an
// id. The maximum is 50,000. The error is [ErrInvalidArgument] or one of the server's.
//
// GET /alerts
func (s *AlertsService) List(ctx context.Context, filter *AlertFilter, offset, limit int) (*Page[Alert], error) {
	l := s.listing("Alerts.List", filter)
	if limit == 0 && l.defaultLimit > 0 { // the server sends all of them without a limit
		limit = l.defaultLimit
		if maxPage := s.client.maxPage; maxPage > 0 {
			limit = min(l.defaultLimit, maxPage)
		}
	}
	return l.page(ctx, offset, limit)
}

// All returns an iterator over every alert that passes the filter throughout the walk, each once. The loop may resolve
// the alerts that it visits. All takes two requests if the server sends the whole list at once. Otherwise it walks by
// host and type, or by pages, until a count proves that no alert is missing; docs/listing.md describes cost and
// assumptions.
//
// The sequence ends after the first error. A final [IncompleteError] holds how many alerts may be missing.
//
// GET /alerts
func (s *AlertsService) All(ctx context.Context, filter *AlertFilter, opts ...WalkOption) iter.Seq2[Alert, error] {
	return s.listing("Alerts.All", filter).all(ctx, opts)
}

// AllCreated is like [AlertsService.All] for the alerts created between two times, both inclusive and exact to the
// millisecond. A zero time sets no bound. Alerts without a creation time are included. The server cannot filter by
// time, so the walk usually costs as much as All. With one status and one risk score the server sends the newest alerts
// first, and the walk stops at the earliest time.
//
// GET /alerts
func (s *AlertsService) AllCreated(ctx context.Context, after, before time.Time, filter *AlertFilter, opts ...WalkOption) iter.Seq2[Alert, error] {
	l := s.listing("Alerts.AllCreated", filter)
	l.since, l.until = after.Truncate(time.Millisecond), before.Truncate(time.Millisecond)
	l.base.period(after, before)
	return l.all(ctx, opts)
}

// Get returns an alert. If it does not exist, the error is [ErrNotFound].
//
// GET /alerts?uuid=
func (s *AlertsService) Get(ctx context.Context, id string) (*Alert, error) {
	r := newRequest("Alerts.Get", http.MethodGet, "/alerts")
	r.uuid(id)
	r.query = "uuid=" + id
	var alert *Alert
	err := s.client.send(ctx, r, func(body []byte) error {
		alerts, _, err := wire.Items[Alert](body, wire.ListOptions{MaxItem: s.client.maxBytes, MaxRows: pageRows})
		switch {
		case err != nil:
			return err
		case len(alerts) == 0:
			return s.client.missing(r, "no alert has this id")
		case !strings.EqualFold(alerts[0].UUID, id):
			return errShape
		}
		alert = &alerts[0]
		return alert.accept()
	})
	if err != nil {
		return nil, err
	}
	return alert, nil
}

// Update changes the status of an alert and returns the changed alert with its whole endpoint. The error is
// [ErrConflict] if the alert's status does not allow the update, and [ErrNotFound] if the alert does not exist.
//
// PUT /alert/:uuid
func (s *AlertsService) Update(ctx context.Context, id string, update *AlertUpdate) (*Alert, error) {
	r := newRequest("Alerts.Update", http.MethodPut, "/alert/{uuid}", id)
	if update == nil || update.UpdateType == "" {
		r.fail(noUpdateType)
	}
	answer, err := fetch(ctx, s.client, r.encode(update), (*updatedAlert).accept)
	if err != nil {
		return nil, err
	}
	alert, e := (*Alert)(&answer.alertParts), &answer.APIEndpoint
	alert.APIEndpoint = AlertEndpoint{
		UUID: e.UUID, Path: e.Path, Host: e.Host, Method: e.Method, OpenAPISpecName: e.OpenAPISpecName, Details: e,
	}
	return alert, nil
}

// alertParts is an alert without methods, so that structs can embed its fields for JSON.
type alertParts Alert

// updatedAlert is an alert with a whole endpoint, as the server returns it after a change.
type updatedAlert struct {
	alertParts
	APIEndpoint Endpoint `json:"apiEndpoint"`
}

func (a *updatedAlert) accept() error { return (*Alert)(&a.alertParts).accept() }

// Resolve closes an open alert. The message may be empty; surrounding space is removed. The error is [ErrConflict] if
// the alert is not open, and [ErrNotFound] if it does not exist.
//
// PUT /alert/:uuid
func (s *AlertsService) Resolve(ctx context.Context, id, message string) (*Alert, error) {
	return s.Update(ctx, id, &AlertUpdate{UpdateType: UpdateResolve, ResolutionMessage: message})
}

// Unresolve reopens a resolved alert. The error is [ErrConflict] if the alert is not resolved, and [ErrNotFound] if it
// does not exist.
//
// PUT /alert/:uuid
func (s *AlertsService) Unresolve(ctx context.Context, id string) (*Alert, error) {
	return s.Update(ctx, id, &AlertUpdate{UpdateType: UpdateUnresolve})
}

// Ignore sets an open alert aside. The error is [ErrConflict] if the alert is not open, and [ErrNotFound] if it does
// not exist.
//
// PUT /alert/:uuid
func (s *AlertsService) Ignore(ctx context.Context, id string) (*Alert, error) {
	return s.Update(ctx, id, &AlertUpdate{UpdateType: UpdateIgnore})
}

// Unignore reopens an ignored alert. The error is [ErrConflict] if the alert is not ignored, and [ErrNotFound] if it
// does not exist.
//
// PUT /alert/:uuid
func (s *AlertsService) Unignore(ctx context.Context, id string) (*Alert, error) {
	return s.Update(ctx, id, &AlertUpdate{UpdateType: UpdateUnignore})
}

// ChangeOutcome is the outcome of one alert's change.
type ChangeOutcome string

// The outcomes of a change.
const (
	ChangeDone     ChangeOutcome = "done"
	ChangeConflict ChangeOutcome = "conflict" // the alert's status does not allow the change: ErrConflict
	ChangeGone     ChangeOutcome = "gone"     // the alert does not exist: ErrNotFound
	ChangeFailed   ChangeOutcome = "failed"   // any other error; the alert may be changed if the response was lost
	ChangeNotSent  ChangeOutcome = "not sent" // the context ended first, or an earlier change met an error that this one would meet too
)

// AlertChange is the result of changing one alert.
type AlertChange struct {
	UUID    string
	Outcome ChangeOutcome
	Err     error // nil if done
}

// changesAtOnce is the maximum number of changes that wait for a response; the client's rate limit decides how many
// start.
const changesAtOnce = 8

// ResolveEach resolves alerts one by one, like [AlertsService.UpdateEach]. [AlertsService.UpdateMany] takes one
// request, but does not report which alerts it changed.
//
// PUT /alert/:uuid
func (s *AlertsService) ResolveEach(ctx context.Context, ids []string, message string) iter.Seq[AlertChange] {
	return s.UpdateEach(ctx, ids, &AlertUpdate{UpdateType: UpdateResolve, ResolutionMessage: message})
}

// UpdateEach changes alerts one by one, up to 8 at once within the client's rate limit. It yields one result for every
// id, in the order in which the changes end. After a failure that every change would meet, such as no access or no
// response, the remaining changes are [ChangeNotSent]. Breaking out of the loop starts no further change, and waits for
// those in flight.
//
// PUT /alert/:uuid
func (s *AlertsService) UpdateEach(ctx context.Context, ids []string, update *AlertUpdate) iter.Seq[AlertChange] {
	return func(yield func(AlertChange) bool) {
		ended := make(chan AlertChange, changesAtOnce)
		started, running := 0, 0
		defer func() {
			for ; running > 0; running-- {
				<-ended
			}
		}()
		var halt error
		for started < len(ids) || running > 0 {
			if halt == nil {
				halt = ctx.Err()
			}
			var change AlertChange
			switch {
			case halt == nil && started < len(ids) && running < changesAtOnce:
				id := ids[started]
				started, running = started+1, running+1
				go func() {
					_, err := s.Update(ctx, id, update)
					ended <- AlertChange{id, outcomeOf(err), err}
				}()
				continue
			case running > 0:
				change = <-ended
				running--
				if halt == nil && failsForAll(change.Err) {
					halt = change.Err
				}
			default:
				change = AlertChange{ids[started], ChangeNotSent, halt}
				started++
			}
			if !yield(change) {
				return
			}
		}
	}
}

func outcomeOf(err error) ChangeOutcome {
	var e *Error
	switch {
	case err == nil:
		return ChangeDone
	case errors.Is(err, ErrConflict):
		return ChangeConflict
	case errors.Is(err, ErrNotFound):
		return ChangeGone
	case errors.As(err, &e) && e.StatusCode == 0 && !slices.ContainsFunc(e.Attempts, func(a Attempt) bool { return !a.Unsent }):
		return ChangeNotSent
	}
	return ChangeFailed
}

// failsForAll reports whether every other change would meet the same failure.
func failsForAll(err error) bool {
	for _, kind := range []error{
		context.Canceled, context.DeadlineExceeded, ErrUnauthorized, ErrForbidden, ErrRateLimited, ErrNoResponse,
		ErrRedirected, ErrProxy, ErrInvalidResponse,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	var e *Error
	return errors.As(err, &e) && e.StatusCode > http.StatusInternalServerError
}

// UpdateMany changes the status of every alert that passes the filter and whose status allows the update. The server
// does not report how many. The error is [ErrNoMatch] if no alert matches, and [ErrInvalidArgument] for an update
// without any filter unless AllAlerts is set.
//
// PUT /alerts
func (s *AlertsService) UpdateMany(ctx context.Context, update *AlertBulkUpdate) error {
	r := newRequest("Alerts.UpdateMany", http.MethodPut, "/alerts")
	if update == nil {
		r.fail("the update is nil: name its type and a filter")
		update = &AlertBulkUpdate{}
	}
	update.check(r)
	return exec(ctx, s.client, r.encode(struct {
		UpdateType        AlertUpdateType `json:"updateType"`
		ResolutionMessage string          `json:"resolutionMessage,omitzero"`
		UUID              string          `json:"uuid,omitzero"`
		APIEndpointUUID   string          `json:"apiEndpointUuid,omitzero"`
		RiskScores        []RiskScore     `json:"riskScores,omitempty"`
		AlertTypes        []AlertType     `json:"alertTypes,omitempty"`
		Hosts             []string        `json:"hosts,omitempty"`
	}{
		update.UpdateType, update.ResolutionMessage, update.UUID, update.APIEndpointUUID,
		update.RiskScores, update.AlertTypes, update.Hosts,
	}))
}

// check rejects an update that would reach other alerts than the caller intended.
func (u *AlertBulkUpdate) check(r *request) {
	if u.UpdateType == "" {
		r.fail(noUpdateType)
	}
	r.optionalUUID(u.UUID, u.APIEndpointUUID)
	lists := 0
	for name, list := range map[string]struct{ set, empty bool }{
		"RiskScores": {u.RiskScores != nil, len(u.RiskScores) == 0},
		"AlertTypes": {u.AlertTypes != nil, len(u.AlertTypes) == 0},
		"Hosts":      {u.Hosts != nil, len(u.Hosts) == 0},
	} {
		if list.set && list.empty {
			r.fail("%s is empty, which the server reads as no filter: use nil if no filter is meant", name)
		}
		if list.set {
			lists++
		}
	}
	if n := len(u.RiskScores) + len(u.AlertTypes) + len(u.Hosts); n > maxFilterValues {
		r.fail("%d filter values are over %d: split the update", n, maxFilterValues)
	}
	filtered := u.APIEndpointUUID != "" || lists > 0
	switch {
	case u.UUID != "" && filtered:
		r.fail("UUID is set together with another filter, which the server would ignore: use one of them")
	case u.AllAlerts && (filtered || u.UUID != ""):
		r.fail("AllAlerts is set together with a filter: use one of them")
	case !u.AllAlerts && !filtered && u.UUID == "":
		r.fail("no filter is set, and the server would change every alert: set a filter, or AllAlerts")
	}
}

// AlertField identifies the data field of an alert.
type AlertField struct {
	Section   DataSection
	Path      string // dotted, as in [DataField.DataPath]; empty if the alert names no path parameter
	DataClass string // data class of the value; empty for [AlertBasicAuthentication]
}

// Trace returns the request and response that raised the alert, taken from Context. It is nil for types of alert
// without a trace: [AlertNewEndpoint], [AlertUnauthenticatedSensitive] and [AlertUnsecuredEndpoint].
func (a *Alert) Trace() *CapturedTrace { return parseAlertContext(a.Context).Trace }

// Field returns the data field of the alert: the field named by Description for [AlertPIIData] and
// [AlertQuerySensitiveData], the path parameter for [AlertPathSensitiveData], and the header authorization for
// [AlertBasicAuthentication]. It is nil for other types, and if Description cannot be parsed.
func (a *Alert) Field() *AlertField {
	return alertField(a.Type, a.Description, a.APIEndpoint.Path, a.Context)
}

// SpecPointer returns the place in the OpenAPI document that the traffic contradicts, one element per level, such as
// paths, /users, get, responses. The source is Context. The result is nil for types other than [AlertOpenAPISpecDiff].
// Joined by dots it is the key of the excerpt in [AlertSpec.MinimizedSpecContext].
func (a *Alert) SpecPointer() []string { return parseAlertContext(a.Context).PathPointer }

// alertContext holds the parts of Context. A member of an unexpected form counts as absent.
type alertContext struct {
	Trace        *CapturedTrace
	PathPointer  []string
	PathTokenIdx *int // index of the path's element, from 0
}

func parseAlertContext(raw json.RawMessage) alertContext {
	var members struct {
		Trace        json.RawMessage `json:"trace"`
		PathPointer  json.RawMessage `json:"pathPointer"`
		PathTokenIdx json.RawMessage `json:"pathTokenIdx"`
	}
	var c alertContext
	if wire.Value(raw, &members) != nil {
		return c
	}
	if trace := new(CapturedTrace); isObject(members.Trace) && wire.Value(members.Trace, trace) == nil {
		c.Trace = trace
	}
	if pointer := []string(nil); wire.Value(members.PathPointer, &pointer) == nil {
		c.PathPointer = pointer
	}
	if index := 0; wire.Value(members.PathTokenIdx, &index) == nil {
		c.PathTokenIdx = &index
	}
	return c
}

func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }

// alertField parses context for the type that needs it: most contexts hold a whole trace.
func alertField(kind AlertType, description, path string, context json.RawMessage) *AlertField {
	kind, _ = alertTypes.find(string(kind))
	switch kind {
	case AlertBasicAuthentication:
		return &AlertField{Section: SectionRequestHeaders, Path: "authorization"}
	case AlertPIIData:
		return fieldOfPII(description)
	case AlertQuerySensitiveData:
		name, class, ok := quotedAndClass(description, "Query Parameter '", "' contains sensitive data of type ")
		if !ok {
			return nil
		}
		return &AlertField{Section: SectionRequestQuery, Path: name, DataClass: class}
	case AlertPathSensitiveData:
		_, class, ok := strings.Cut(description, "sensitive data of type ")
		if !ok {
			return nil
		}
		return &AlertField{
			Section: SectionRequestPath, Path: pathParameter(path, parseAlertContext(context).PathTokenIdx), DataClass: strings.TrimSuffix(class, "."),
		}
	}
	return nil
}

// fieldOfPII parses: Sensitive data of type CLASS has been detected in field 'PATH' of SECTION.
func fieldOfPII(description string) *AlertField {
	rest, ok := strings.CutPrefix(description, "Sensitive data of type ")
	if !ok {
		return nil
	}
	for _, section := range dataSections.values {
		field, ok := strings.CutSuffix(rest, "' of "+sectionLabel(section)+".")
		if !ok {
			continue
		}
		if class, path, ok := strings.Cut(field, " has been detected in field '"); ok {
			return &AlertField{Section: section, Path: path, DataClass: class}
		}
	}
	return nil
}

// sectionLabel returns the name of a section in the server's descriptions.
func sectionLabel(section DataSection) string {
	switch section {
	case SectionRequestPath:
		return "Request Path Parameters"
	case SectionRequestQuery:
		return "Request Query Parameters"
	case SectionRequestHeaders:
		return "Request Headers"
	case SectionRequestBody:
		return "Request Body"
	case SectionResponseHeaders:
		return "Response Headers"
	}
	return "Response Body"
}

// quotedAndClass splits a description at the last possible place, because the quoted name may contain any text.
func quotedAndClass(description, prefix, middle string) (name, class string, ok bool) {
	rest, ok := strings.CutPrefix(description, prefix)
	at := strings.LastIndex(rest, middle)
	if !ok || at < 0 {
		return "", "", false
	}
	return rest[:at], strings.TrimSuffix(rest[at+len(middle):], "."), true
}

// pathParameter returns the name of the parameter at an element of a path.
func pathParameter(path string, index *int) string {
	elements := slices.DeleteFunc(strings.Split(path, "/"), func(element string) bool { return element == "" })
	if index == nil || *index < 0 || *index >= len(elements) {
		return ""
	}
	element := elements[*index]
	if strings.HasPrefix(element, "{") && strings.HasSuffix(element, "}") {
		return element[1 : len(element)-1]
	}
	return ""
}

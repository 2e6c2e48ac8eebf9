package backend

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// UnmarshalJSONFrom reads a time or null.
func (t *stamp) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	tok, err := dec.ReadToken()
	if err != nil {
		return err
	}
	switch tok.Kind() {
	case 'n':
		t.Time = time.Time{}
		return nil
	case '"':
		t.Time, err = time.Parse(time.RFC3339Nano, tok.String())
		return err
	}
	return fmt.Errorf("a time is a string or null, not %s", tok.Kind())
}

// dataset is the input of Load. Each list holds rows in the API's form, as in its lists or one by one.
type dataset struct {
	Endpoints  []loadedEndpoint `json:"endpoints"`
	DataFields []loadedField    `json:"dataFields"`
	Alerts     []loadedAlert    `json:"alerts"`
	Hosts      []loadedHost     `json:"hosts"`
	Specs      []specColumns    `json:"specs"`
	Usage      map[string][]struct {
		Date  stamp  `json:"date"`
		Count string `json:"count"`
	} `json:"usage"`
}

type loadedEndpoint struct {
	endpointRow
	IsAuthenticatedDetected *bool    `json:"isAuthenticatedDetected"` // true when it is absent
	DataClasses             []string `json:"dataClasses"`
	IsPublic                bool     `json:"isPublic"`
}

type loadedField struct {
	fieldRow
	APIEndpoint *loadedEndpoint `json:"apiEndpoint"`
}

type loadedAlert struct {
	alertStart
	alertMiddle
	APIEndpoint *loadedAlertEndpoint `json:"apiEndpoint"`
}

// loadedAlertEndpoint is the endpoint of an alert in a list, or of a changed alert.
type loadedAlertEndpoint struct {
	loadedEndpoint
	OpenapiSpec jsontext.Value `json:"openapiSpec"`
	Details     jsontext.Value `json:"details"`
}

type loadedHost struct {
	Host         string         `json:"host"`
	NumEndpoints jsontext.Value `json:"numEndpoints"` // ignored: it is counted
	IsPublic     bool           `json:"isPublic"`
}

// Load fills the store from a data set in JSON.
func (st *Store) Load(r io.Reader) error {
	if r == nil {
		return errors.New("Load: the reader is nil; open the data set first")
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("Load: reading the data set: %w", err)
	}
	if err := st.loadJSON(data); err != nil {
		return fmt.Errorf("Load: %w", err)
	}
	return nil
}

func (st *Store) loadJSON(data []byte) error {
	d, err := readDataset(data)
	if err != nil {
		return err
	}
	for _, part := range []func(*dataset) error{
		st.loadHosts, st.loadEndpoints, st.loadFields, st.loadAlerts, st.loadSpecs, st.loadUsage, st.checkClasses,
	} {
		if err := part(d); err != nil {
			return err
		}
	}
	return nil
}

func (st *Store) loadHosts(d *dataset) error {
	for i, h := range d.Hosts {
		if h.Host == "" {
			return missing("hosts", i, "host")
		}
		st.hosts[h.Host], st.hostsJudged[h.Host] = h.IsPublic, true
	}
	return nil
}

func (st *Store) loadEndpoints(d *dataset) error {
	for i := range d.Endpoints {
		row := &d.Endpoints[i]
		uuid, err := newID("endpoints", i, row.UUID, func(id string) bool { return st.byID[id] != nil })
		if err != nil {
			return err
		}
		if err := errors.Join(
			required("endpoints", i, "host", row.Host), required("endpoints", i, "path", row.Path),
			oneOfEnum("endpoints", i, "method", &row.Method, "", methods()),
			oneOfEnum("endpoints", i, "riskScore", &row.RiskScore, "none", riskScores()),
		); err != nil {
			return err
		}
		row.UUID = uuid
		st.loadEndpoint(row)
	}
	return nil
}

// loadEndpoint adds an endpoint. Missing fields get the server's defaults.
func (st *Store) loadEndpoint(row *loadedEndpoint) *endpoint {
	e := st.newEndpoint(row.Host, row.Method, row.Path)
	e.uuid, e.riskScore = row.UUID, row.RiskScore
	e.createdAt, e.updatedAt = orTime(row.CreatedAt, e.createdAt), orTime(row.UpdatedAt, e.updatedAt)
	e.firstDetected, e.lastActive = row.FirstDetected.Time, row.LastActive.Time
	e.owner, e.specName = row.Owner, row.OpenapiSpecName
	e.oldEndpointUuids, e.resourcePermissions = row.OldEndpointUuids, row.ResourcePermissions
	e.authUserSet, e.isGraphQL, e.userSet, e.fullTrace = row.IsAuthenticatedUserSet, row.IsGraphQl, row.UserSet, row.FullTraceCaptureEnabled
	e.hostIPs, e.srcIPs, e.graphQLMetadata = orObject(row.HostIPs), orObject(row.SrcIPs), orObject(row.GraphQlMetadata)
	if !st.fixtures { // otherwise those of the path
		e.tokens = [6]*string{row.Token0, row.Token1, row.Token2, row.Token3, row.Token4, row.Token5}
	}
	if row.IsAuthenticatedDetected != nil {
		e.authDetected = *row.IsAuthenticatedDetected
	}
	if row.PathRegex != "" {
		e.pathRegex = row.PathRegex
	}
	if row.NumberParams != 0 {
		e.numberParams = row.NumberParams
	}
	if row.IsPublic && !st.hostsJudged[e.host] {
		st.hosts[e.host], st.hostsJudged[e.host] = true, true
	}
	st.addEndpoint(e)
	return e
}

func (st *Store) loadFields(d *dataset) error {
	for i, row := range d.DataFields {
		uuid, err := newID("dataFields", i, row.UUID, func(id string) bool { return st.fields[id] != nil })
		if err != nil {
			return err
		}
		id := row.APIEndpointUUID
		if id == "" && row.APIEndpoint != nil {
			id = row.APIEndpoint.UUID
		}
		e := st.byID[id]
		if e == nil {
			return unknownEndpoint("dataFields", i, id)
		}
		if err := errors.Join(
			oneOfEnum("dataFields", i, "dataSection", &row.DataSection, "", dataSections()),
			oneOfEnum("dataFields", i, "dataType", &row.DataType, "unknown", dataTypes()),
		); err != nil {
			return err
		}
		now := st.tick()
		f := &dataField{
			uuid: uuid, dataType: row.DataType, dataSection: row.DataSection, dataPath: row.DataPath, dataTag: row.DataTag,
			dataClasses: row.DataClasses, falsePositives: row.FalsePositives, scannerIdentified: row.ScannerIdentified,
			contentType: row.ContentType, entity: row.Entity, createdAt: orTime(row.CreatedAt, now), updatedAt: orTime(row.UpdatedAt, now),
			lastSeen: row.LastSeen.Time, statusCode: row.StatusCode, isNullable: row.IsNullable, matches: orObject(row.Matches),
		}
		if f.statusCode != nil && *f.statusCode == 0 {
			f.statusCode = nil
		}
		if f.dataTag == nil {
			f.setTag()
		}
		st.addField(e, f)
	}
	return nil
}

func (st *Store) loadAlerts(d *dataset) error {
	for i, row := range d.Alerts {
		uuid, err := newID("alerts", i, row.UUID, func(id string) bool { return st.alertByID[id] != nil })
		if err != nil {
			return err
		}
		e, err := st.alertsEndpoint(i, &row)
		if err != nil {
			return err
		}
		if err := errors.Join(
			oneOfEnum("alerts", i, "type", &row.Type, "", alertTypes()),
			oneOfEnum("alerts", i, "riskScore", &row.RiskScore, "none", riskScores()),
			oneOfEnum("alerts", i, "status", &row.Status, statusOpen, statuses()),
		); err != nil {
			return err
		}
		now := st.tick()
		st.addAlert(&alert{
			endpoint: e, uuid: uuid, kind: row.Type, riskScore: row.RiskScore, description: row.Description,
			status: row.Status, createdAt: orTime(row.CreatedAt, now), updatedAt: orTime(row.UpdatedAt, now),
			resolutionMessage: row.ResolutionMessage, context: orObject(row.Context),
		})
	}
	return nil
}

// alertsEndpoint finds the endpoint of an alert by its UUID, or otherwise by host, method and path. It adds an endpoint
// that the alert describes and that does not exist.
func (st *Store) alertsEndpoint(i int, row *loadedAlert) (*endpoint, error) {
	within, id := row.APIEndpoint, row.APIEndpointUUID
	if id == "" && within != nil {
		id = within.UUID
	}
	if e := st.byID[id]; e != nil {
		return e, nil
	}
	if within == nil || within.Host == "" && within.Path == "" && within.Method == "" {
		return nil, unknownEndpoint("alerts", i, id)
	}
	if id == "" {
		for _, e := range st.endpoints {
			if e.host == within.Host && e.method == within.Method && e.path == within.Path {
				return e, nil
			}
		}
	}
	list := dataset{Endpoints: []loadedEndpoint{within.loadedEndpoint}}
	list.Endpoints[0].UUID = id
	if err := st.loadEndpoints(&list); err != nil {
		return nil, fmt.Errorf("alerts[%d].apiEndpoint: %w", i, err)
	}
	return st.endpoints[len(st.endpoints)-1], nil
}

func (st *Store) loadSpecs(d *dataset) error {
	for i, row := range d.Specs {
		if err := required("specs", i, "name", row.Name); err != nil {
			return err
		}
		if st.specNamed(row.Name) != nil {
			return fmt.Errorf("specs[%d].name: %q is there twice", i, row.Name)
		}
		now := st.tick()
		st.specs = append(st.specs, &spec{
			name: row.Name, text: row.Spec, extension: row.Extension, hosts: row.Hosts, createdAt: orTime(row.CreatedAt, now),
			updatedAt: orTime(row.UpdatedAt, now), specUpdatedAt: row.SpecUpdatedAt.Time, autoGenerated: row.IsAutoGenerated,
			context: orObject(row.MinimizedSpecContext),
		})
	}
	return nil
}

func (st *Store) loadUsage(d *dataset) error {
	for id, days := range d.Usage {
		e := st.byID[id]
		if e == nil {
			return fmt.Errorf("usage: there is no endpoint %q", id)
		}
		for i, day := range days {
			n, err := strconv.Atoi(day.Count)
			if err != nil {
				return fmt.Errorf("usage[%s][%d].count: %q is not a number", id, i, day.Count)
			}
			e.calls[day.Date.UTC().Truncate(time.Hour)] += n
		}
	}
	return nil
}

// checkClasses rejects data classes of an endpoint that none of its data fields has: the server computes them.
func (st *Store) checkClasses(d *dataset) error {
	for i, row := range d.Endpoints {
		have := st.byID[row.UUID].dataClasses()
		for _, class := range row.DataClasses {
			if !slices.Contains(have, class) {
				return fmt.Errorf("endpoints[%d].dataClasses: no data field of the endpoint has %q; add one, since an endpoint has the classes of its data fields", i, class)
			}
		}
	}
	return nil
}

// Fixtures holds rows of a data set by the name of their list.
type Fixtures map[string][]jsontext.Value

// LoadFixtures fills the store with rows that the caller built.
func (st *Store) LoadFixtures(rows Fixtures) error {
	st.fixtures = true
	defer func() { st.fixtures = false }()
	data, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	return st.loadJSON(data)
}

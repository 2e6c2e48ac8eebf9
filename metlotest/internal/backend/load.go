package backend

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/zod"
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

type dataset struct {
	Endpoints  []endpointListItem `json:"endpoints"`
	DataFields []fieldSQL         `json:"dataFields"`
	Alerts     []loadedAlert      `json:"alerts"`
	Hosts      []hostVisibility   `json:"hosts"`
	Specs      []specColumns      `json:"specs"`
	Usage      map[string][]struct {
		Date  stamp  `json:"date"`
		Count string `json:"count"`
	} `json:"usage"`
}

type loadedAlert struct {
	alertStart
	alertMiddle
}

type hostVisibility struct {
	Host     string `json:"host"`
	IsPublic bool   `json:"isPublic"`
}

func (st *Store) Load(r io.Reader) error {
	if r == nil {
		return fmt.Errorf("Load: the reader is nil; open the data set first")
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("Load: reading the data set: %w", err)
	}
	var d dataset
	if err := json.Unmarshal(data, &d, js.CodecOptions()); err != nil {
		return fmt.Errorf("Load: the data set is not in the expected form (an object with endpoints, dataFields, alerts, hosts, specs and usage): %w", err)
	}
	for _, h := range d.Hosts {
		st.hosts[h.Host], st.hostsJudged[h.Host] = h.IsPublic, true
	}
	for _, part := range []func(*dataset) error{st.loadEndpoints, st.loadFields, st.loadAlerts, st.loadSpecs, st.loadUsage} {
		if err := part(&d); err != nil {
			return fmt.Errorf("Load: %w", err)
		}
	}
	return nil
}

// oneOfEnum refuses a value that the wire does not know.
func oneOfEnum(what, id, value string, allowed []string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s %s: %q is not one of %q", what, id, value, allowed)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func newID(what, id string, taken bool) error {
	switch {
	case !zod.IsUUID(id):
		return fmt.Errorf("%s: %q is not a UUID", what, id)
	case taken:
		return fmt.Errorf("%s %s is there twice", what, id)
	}
	return nil
}

func (st *Store) loadEndpoints(d *dataset) error {
	for _, row := range d.Endpoints {
		if err := firstError(
			newID("endpoint", row.UUID, st.byID[row.UUID] != nil),
			oneOfEnum("endpoint", row.UUID, row.RiskScore, riskScores()),
			oneOfEnum("endpoint", row.UUID, row.Method, methods()),
		); err != nil {
			return err
		}
		e := &endpoint{
			uuid: row.UUID, path: row.Path, pathRegex: row.PathRegex, host: row.Host, method: row.Method, riskScore: row.RiskScore,
			createdAt: row.CreatedAt.Time, updatedAt: row.UpdatedAt.Time, firstDetected: row.FirstDetected.Time,
			lastActive: row.LastActive.Time, numberParams: row.NumberParams, owner: row.Owner, specName: row.OpenapiSpecName,
			oldEndpointUuids: row.OldEndpointUuids, resourcePermissions: row.ResourcePermissions,
			authDetected: row.IsAuthenticatedDetected, authUserSet: row.IsAuthenticatedUserSet, isGraphQL: row.IsGraphQl,
			userSet: row.UserSet, fullTrace: row.FullTraceCaptureEnabled, hostIPs: orObject(row.HostIPs),
			srcIPs: orObject(row.SrcIPs), graphQLMetadata: orObject(row.GraphQlMetadata),
			tokens: [6]*string{row.Token0, row.Token1, row.Token2, row.Token3, row.Token4, row.Token5},
			calls:  map[time.Time]int{},
		}
		if e.pathRegex == "" {
			e.pathRegex = pathRegex(e.path)
		}
		st.addEndpoint(e)
	}
	return nil
}

func orObject(v jsontext.Value) jsontext.Value {
	if v == nil {
		return emptyObject()
	}
	return v
}

func (st *Store) loadFields(d *dataset) error {
	for _, row := range d.DataFields {
		e := st.byID[row.APIEndpointUUID]
		if e == nil {
			return fmt.Errorf("data field %s: there is no endpoint %q", row.UUID, row.APIEndpointUUID)
		}
		if err := firstError(
			newID("data field", row.UUID, st.fields[row.UUID] != nil),
			oneOfEnum("data field", row.UUID, row.DataSection, dataSections()),
		); err != nil {
			return err
		}
		st.addField(e, &dataField{
			uuid: row.UUID, dataType: row.DataType, dataSection: row.DataSection, dataPath: row.DataPath, dataTag: row.DataTag,
			dataClasses: row.DataClasses, falsePositives: row.FalsePositives, scannerIdentified: row.ScannerIdentified,
			contentType: row.ContentType, entity: row.Entity, createdAt: row.CreatedAt.Time, updatedAt: row.UpdatedAt.Time,
			lastSeen: row.LastSeen.Time, statusCode: row.StatusCode, isNullable: row.IsNullable, matches: orObject(row.Matches),
		})
	}
	return nil
}

func (st *Store) loadAlerts(d *dataset) error {
	for _, row := range d.Alerts {
		e := st.byID[row.APIEndpointUUID]
		if e == nil {
			return fmt.Errorf("alert %s: there is no endpoint %q", row.UUID, row.APIEndpointUUID)
		}
		if err := firstError(
			newID("alert", row.UUID, st.alertByID[row.UUID] != nil),
			oneOfEnum("alert", row.UUID, row.RiskScore, riskScores()),
			oneOfEnum("alert", row.UUID, row.Status, statuses()),
			oneOfEnum("alert", row.UUID, row.Type, alertTypes()),
		); err != nil {
			return err
		}
		st.addAlert(&alert{
			endpoint: e, uuid: row.UUID, kind: row.Type, riskScore: row.RiskScore, description: row.Description,
			status: row.Status, createdAt: row.CreatedAt.Time, updatedAt: row.UpdatedAt.Time,
			resolutionMessage: row.ResolutionMessage, context: orObject(row.Context),
		})
	}
	return nil
}

func (st *Store) loadSpecs(d *dataset) error {
	for _, row := range d.Specs {
		if row.Name == "" || st.specNamed(row.Name) != nil {
			return fmt.Errorf("spec %q: a spec needs a name of its own", row.Name)
		}
		st.specs = append(st.specs, &spec{
			name: row.Name, text: row.Spec, extension: row.Extension, hosts: row.Hosts, createdAt: row.CreatedAt.Time,
			updatedAt: row.UpdatedAt.Time, specUpdatedAt: row.SpecUpdatedAt.Time, autoGenerated: row.IsAutoGenerated,
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
		for _, day := range days {
			n, err := strconv.Atoi(day.Count)
			if err != nil {
				return fmt.Errorf("usage of %s: the count %q is not a number", id, day.Count)
			}
			e.calls[day.Date.UTC().Truncate(time.Hour)] += n
		}
	}
	return nil
}

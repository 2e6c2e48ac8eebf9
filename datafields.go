package metlo

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/metlo-go/metlo/internal/walk"
)

// DataFieldsService curates the data fields of endpoints. [EndpointsService.Get] returns the fields of one.
type DataFieldsService struct{ client *Client }

// DataField is a value that requests to an endpoint or their responses hold under one path.
type DataField struct {
	UUID              string          `json:"uuid"`
	DataClasses       []string        `json:"dataClasses"`
	FalsePositives    []string        `json:"falsePositives"`    // classes that the scanner found and a user denied
	ScannerIdentified []string        `json:"scannerIdentified"` // classes that the scanner found
	DataType          DataType        `json:"dataType"`
	DataTag           DataTag         `json:"dataTag"` // PII if it has a data class
	DataSection       DataSection     `json:"dataSection"`
	CreatedAt         time.Time       `json:"createdAt,omitzero"`
	UpdatedAt         time.Time       `json:"updatedAt,omitzero"`
	DataPath          string          `json:"dataPath"`    // dotted: user.email; [] is an array, [string] a map with any key
	StatusCode        int             `json:"statusCode"`  // of the response; -1 in a request
	ContentType       string          `json:"contentType"` // of a body; */* if unknown
	IsNullable        *bool           `json:"isNullable"`  // nil if unknown
	LastSeen          time.Time       `json:"lastSeen,omitzero"`
	Matches           json.RawMessage `json:"matches,omitzero"`
	Entity            string          `json:"entity"` // such as User.id; empty if none is set
	APIEndpointUUID   string          `json:"apiEndpointUuid"`
	APIEndpoint       *Endpoint       `json:"apiEndpoint"` // only in detections
}

func (f *DataField) accept() error {
	dropNull(&f.Matches)
	if f.APIEndpoint != nil {
		dropNull(&f.APIEndpoint.GraphQLMetadata)
	}
	return hasID(f.UUID)
}

func describeDataField(f *DataField) (walk.Item, error) {
	return walk.Item{Key: walk.UUIDKey(f.UUID), Created: f.CreatedAt}, f.accept()
}

// DataPathUpdate is what the change of a path did to the data fields of an endpoint.
type DataPathUpdate struct {
	Updated          map[string]DataField `json:"updated"` // by UUID; a field that only moved has no more than UUID and DataPath
	Deleted          []string             `json:"deleted"` // UUIDs of fields that were merged into another
	UpdateDataFields []MovedDataField     `json:"updateDataFields"`
}

func (u *DataPathUpdate) check() error {
	if u.Updated == nil {
		return errShape
	}
	for _, field := range u.Updated {
		if err := field.accept(); err != nil {
			return err
		}
	}
	return nil
}

// MovedDataField is a data field that has another path now.
type MovedDataField struct {
	UUID     string `json:"uuid"`
	DataPath string `json:"dataPath"`
}

// DataClassesUpdate replaces the data classes of a data field.
type DataClassesUpdate struct {
	DataClasses []string    `json:"dataClasses"` // none clears them; names are not checked by the server
	DataPath    string      `json:"dataPath"`    // of the field, as it is
	DataSection DataSection `json:"dataSection"` // of the field, as it is
}

// UpdateClasses replaces the data classes of a data field and returns it. Classes that the scanner found and that are
// not given become false positives; the tag and the risk score of the endpoint follow. Without a field of this id, path
// and section it returns [ErrNotFound].
//
// POST /data-field/:uuid/update-classes
func (s *DataFieldsService) UpdateClasses(ctx context.Context, id string, update *DataClassesUpdate) (*DataField, error) {
	r := newRequest("DataFields.UpdateClasses", http.MethodPost, "/data-field/{uuid}/update-classes", id)
	if update == nil {
		r.fail("the update is nil: name the classes, the path and the section")
		update = &DataClassesUpdate{}
	}
	body := *update
	if body.DataClasses == nil {
		body.DataClasses = []string{}
	}
	return fetch(ctx, s.client, r.encode(body), (*DataField).accept)
}

// SetEntity sets which entity of the testing configuration a data field holds, such as User.id, and returns the field;
// nil clears it. An entity that is not among [TestingService.EntityTags] is [ErrBadRequest]; without such a field it
// returns [ErrNotFound].
//
// PUT /data-field/:uuid/update-entity
func (s *DataFieldsService) SetEntity(ctx context.Context, id string, entity *string) (*DataField, error) {
	r := newRequest("DataFields.SetEntity", http.MethodPut, "/data-field/{uuid}/update-entity", id)
	return fetch(ctx, s.client, r.encode(struct {
		Entity *string `json:"entity"`
	}{entity}), (*DataField).accept)
}

// UpdatePath changes the path of a data field and returns what that did: fields below the path move or are merged, and
// for a path parameter the endpoint's path changes too. A path that another field has is [ErrConflict]; without such a
// field it returns [ErrNotFound].
//
// PUT /data-field/:uuid/update-data-path
func (s *DataFieldsService) UpdatePath(ctx context.Context, id, dataPath string) (*DataPathUpdate, error) {
	r := newRequest("DataFields.UpdatePath", http.MethodPut, "/data-field/{uuid}/update-data-path", id)
	return fetch(ctx, s.client, r.encode(struct {
		DataPath string `json:"dataPath"`
	}{dataPath}), (*DataPathUpdate).check)
}

// Delete deletes a data field and returns it; the risk score of its endpoint follows. Traffic that holds it brings it
// back. Without such a field it returns [ErrNotFound].
//
// DELETE /data-field/:uuid
func (s *DataFieldsService) Delete(ctx context.Context, id string) (*DataField, error) {
	return fetch(ctx, s.client, newRequest("DataFields.Delete", http.MethodDelete, "/data-field/{uuid}", id), (*DataField).accept)
}

// ClearAllSensitiveData wipes the data classes, false positives and tags of all data fields, sets every risk score to
// none, and deletes all alerts about sensitive data. Without [Wipe.WholeInstance] it is [ErrInvalidArgument].
//
// POST /clear-sensitive-data
func (s *DataFieldsService) ClearAllSensitiveData(ctx context.Context, wipe Wipe) error {
	return exec(ctx, s.client, wipe.check(newRequest("DataFields.ClearAllSensitiveData", http.MethodPost, "/clear-sensitive-data")))
}

// DeleteAll deletes all data fields of all endpoints, sets every risk score to none, and deletes all alerts about
// sensitive data. Without [Wipe.WholeInstance] it is [ErrInvalidArgument].
//
// POST /clear-all-datafields
func (s *DataFieldsService) DeleteAll(ctx context.Context, wipe Wipe) error {
	return exec(ctx, s.client, wipe.check(newRequest("DataFields.DeleteAll", http.MethodPost, "/clear-all-datafields")))
}

// Wipe confirms a call that destroys data of the whole instance.
type Wipe struct {
	WholeInstance bool // must be true
}

func (w Wipe) check(r *request) *request {
	if !w.WholeInstance {
		r.fail("it changes the whole instance: pass Wipe{WholeInstance: true} to confirm that")
	}
	return r
}

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

// DataField is a value, at one path, of the requests to an endpoint or of their responses.
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
	StatusCode        int             `json:"statusCode"`  // status of the response; -1 in a request
	ContentType       string          `json:"contentType"` // media type of the body; */* if unknown
	IsNullable        *bool           `json:"isNullable"`  // nil if unknown
	LastSeen          time.Time       `json:"lastSeen,omitzero"`
	Matches           json.RawMessage `json:"matches,omitzero"`
	Entity            string          `json:"entity"` // such as User.id; empty if none is set
	APIEndpointUUID   string          `json:"apiEndpointUuid"`
	APIEndpoint       *Endpoint       `json:"apiEndpoint"` // only set in detections
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

// DataPathUpdate describes how the change of a path affected the data fields of an endpoint.
type DataPathUpdate struct {
	Updated          map[string]DataField `json:"updated"` // changed fields by UUID; a field that only moved has no more than UUID and DataPath
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

// MovedDataField is a data field with a new path.
type MovedDataField struct {
	UUID     string `json:"uuid"`
	DataPath string `json:"dataPath"`
}

// DataClassesUpdate replaces the data classes of a data field.
type DataClassesUpdate struct {
	DataClasses []string    `json:"dataClasses"` // replace the field's classes; empty clears them; the server does not check names
	DataPath    string      `json:"dataPath"`    // the field's current path
	DataSection DataSection `json:"dataSection"` // the field's current section
}

// UpdateClasses replaces the data classes of a data field and returns the field. Classes that the scanner found and the
// update leaves out become false positives. The tag and the endpoint's risk score follow. If no field has this id, path
// and section, the error is [ErrNotFound].
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

// SetEntity sets the entity of the testing configuration that a data field holds, such as User.id, and returns the
// field; nil clears it. The error is [ErrBadRequest] for an entity that is not in [TestingService.EntityTags], and
// [ErrNotFound] if the field does not exist.
//
// PUT /data-field/:uuid/update-entity
func (s *DataFieldsService) SetEntity(ctx context.Context, id string, entity *string) (*DataField, error) {
	r := newRequest("DataFields.SetEntity", http.MethodPut, "/data-field/{uuid}/update-entity", id)
	return fetch(ctx, s.client, r.encode(struct {
		Entity *string `json:"entity"`
	}{entity}), (*DataField).accept)
}

// UpdatePath changes the path of a data field and returns the affected fields. Fields below the path move or are
// merged; for a path parameter the endpoint's path changes too. The error is [ErrConflict] if another field has the
// path, and [ErrNotFound] if the field does not exist.
//
// PUT /data-field/:uuid/update-data-path
func (s *DataFieldsService) UpdatePath(ctx context.Context, id, dataPath string) (*DataPathUpdate, error) {
	r := newRequest("DataFields.UpdatePath", http.MethodPut, "/data-field/{uuid}/update-data-path", id)
	return fetch(ctx, s.client, r.encode(struct {
		DataPath string `json:"dataPath"`
	}{dataPath}), (*DataPathUpdate).check)
}

// Delete deletes a data field and returns it; the risk score of its endpoint follows. Traffic that contains the field
// creates it again. If the field does not exist, the error is [ErrNotFound].
//
// DELETE /data-field/:uuid
func (s *DataFieldsService) Delete(ctx context.Context, id string) (*DataField, error) {
	return fetch(ctx, s.client, newRequest("DataFields.Delete", http.MethodDelete, "/data-field/{uuid}", id), (*DataField).accept)
}

// ClearAllSensitiveData clears the data classes, false positives and tags of all data fields, sets every risk score to
// none, and deletes all alerts about sensitive data. Without [Wipe.WholeInstance] the error is [ErrInvalidArgument].
//
// POST /clear-sensitive-data
func (s *DataFieldsService) ClearAllSensitiveData(ctx context.Context, wipe Wipe) error {
	return exec(ctx, s.client, wipe.check(newRequest("DataFields.ClearAllSensitiveData", http.MethodPost, "/clear-sensitive-data")))
}

// DeleteAll deletes all data fields of all endpoints, sets every risk score to none, and deletes all alerts about
// sensitive data. Without [Wipe.WholeInstance] the error is [ErrInvalidArgument].
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
		r.fail("the call changes the whole instance: pass Wipe{WholeInstance: true} to confirm it")
	}
	return r
}

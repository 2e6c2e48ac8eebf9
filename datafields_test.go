package metlo_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

func ExampleDataFieldsService_UpdateClasses() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	found, err := client.Endpoints.List(ctx, &metlo.EndpointFilter{SearchQuery: "^/v1/payments/"}, 0, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	endpoint, err := client.Endpoints.Get(ctx, found.Items[0].UUID)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, field := range endpoint.DataFields {
		if field.DataPath != "ip" {
			continue
		}
		// The address of the shop's own proxy is not personal data.
		field, err := client.DataFields.UpdateClasses(ctx, field.UUID, &metlo.DataClassesUpdate{
			DataPath: field.DataPath, DataSection: field.DataSection, DataClasses: []string{},
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(field.DataPath, "classes:", field.DataClasses, "false positives:", field.FalsePositives)
	}
	// Output: ip classes: [] false positives: [IP Address]
}

const aField = "00000000-0000-4000-a000-0000000000a1" // an id of the recordings

func TestDataFieldsCalls(t *testing.T) {
	update := &metlo.DataClassesUpdate{DataClasses: []string{"Email"}, DataPath: "email", DataSection: metlo.SectionRequestQuery}
	const sentUpdate = `{"dataClasses":["Email"],"dataPath":"email","dataSection":"reqQuery"}`
	updateClasses := func(id string, update *metlo.DataClassesUpdate) func(*testing.T, *metlo.Client) error {
		return func(t *testing.T, c *metlo.Client) error {
			_, err := c.DataFields.UpdateClasses(t.Context(), id, update)
			return err
		}
	}
	updatePath := func(id, path string) func(*testing.T, *metlo.Client) error {
		return func(t *testing.T, c *metlo.Client) error {
			_, err := c.DataFields.UpdatePath(t.Context(), id, path)
			return err
		}
	}
	assertRecordedCalls(t, "data_fields", map[string]recordedCall{
		"UpdateClasses": {
			call: func(t *testing.T, c *metlo.Client) error {
				field, err := c.DataFields.UpdateClasses(t.Context(), aField, update)
				if assert.NoError(t, err) {
					assert.Equal(t, aField, field.UUID)
					assert.Equal(t, []string{"Email"}, field.DataClasses)
					assert.Equal(t, []string{"Social Security Number"}, field.FalsePositives)
					assert.Equal(t, metlo.SectionRequestQuery, field.DataSection)
					assert.Equal(t, -1, field.StatusCode)
					assert.Equal(t, new(false), field.IsNullable)
				}
				return err
			},
			sent: "POST /api/v1/data-field/" + aField + "/update-classes", body: sentUpdate, recording: "update_classes",
		},
		"UpdateClasses to none": {
			call: updateClasses(aField, &metlo.DataClassesUpdate{DataPath: "email", DataSection: metlo.SectionRequestQuery}),
			sent: "POST /api/v1/data-field/" + aField + "/update-classes",
			body: `{"dataClasses":[],"dataPath":"email","dataSection":"reqQuery"}`, recording: "update_classes_unknown_class",
		},
		"UpdateClasses of nothing": {
			call: updateClasses(kit.Nowhere, update), sent: "POST /api/v1/data-field/" + kit.Nowhere + "/update-classes",
			body: sentUpdate, recording: "update_classes_missing", want: metlo.ErrNotFound,
		},
		"UpdateClasses in an unknown section": {
			call: updateClasses(aField, &metlo.DataClassesUpdate{DataClasses: []string{"Email"}, DataPath: "email", DataSection: "QUERY"}),
			sent: "POST /api/v1/data-field/" + aField + "/update-classes",
			body: `{"dataClasses":["Email"],"dataPath":"email","dataSection":"QUERY"}`, recording: "update_classes_bad_section",
			want: metlo.ErrBadRequest,
		},
		"SetEntity": {
			call: func(t *testing.T, c *metlo.Client) error {
				field, err := c.DataFields.SetEntity(t.Context(), aField, new("Order.id"))
				if assert.NoError(t, err) {
					assert.Equal(t, "Order.id", field.Entity)
				}
				return err
			},
			sent: "PUT /api/v1/data-field/" + aField + "/update-entity", body: `{"entity":"Order.id"}`, recording: "entity_set",
		},
		"SetEntity to none": {
			call: func(t *testing.T, c *metlo.Client) error {
				field, err := c.DataFields.SetEntity(t.Context(), aField, nil)
				if assert.NoError(t, err) {
					assert.Empty(t, field.Entity)
				}
				return err
			},
			sent: "PUT /api/v1/data-field/" + aField + "/update-entity", body: `{"entity":null}`, recording: "update_entity_clear",
		},
		"SetEntity to one that is not known": {
			call: func(t *testing.T, c *metlo.Client) error {
				_, err := c.DataFields.SetEntity(t.Context(), aField, new("user.id"))
				return err
			},
			sent: "PUT /api/v1/data-field/" + aField + "/update-entity", body: `{"entity":"user.id"}`,
			recording: "update_entity_unknown", want: metlo.ErrBadRequest,
		},
		"UpdatePath": {
			call: func(t *testing.T, c *metlo.Client) error {
				const moved = "00000000-0000-4000-a000-0000000000a3"
				update, err := c.DataFields.UpdatePath(t.Context(), moved, "user.national_id")
				if assert.NoError(t, err) {
					assert.Equal(t, "user.national_id", update.Updated[moved].DataPath)
					assert.Empty(t, update.Deleted)
				}
				return err
			},
			sent: "PUT /api/v1/data-field/00000000-0000-4000-a000-0000000000a3/update-data-path",
			body: `{"dataPath":"user.national_id"}`, recording: "update_data_path",
		},
		"UpdatePath to one that is taken": {
			call: updatePath(aField, "user.national_id"), sent: "PUT /api/v1/data-field/" + aField + "/update-data-path",
			body: `{"dataPath":"user.national_id"}`, recording: "update_data_path_conflict", want: metlo.ErrConflict,
		},
		"UpdatePath of nothing": {
			call: updatePath(kit.Nowhere, "x"), sent: "PUT /api/v1/data-field/" + kit.Nowhere + "/update-data-path",
			body: `{"dataPath":"x"}`, recording: "update_data_path_missing", want: metlo.ErrNotFound,
		},
		"Delete": {
			call: func(t *testing.T, c *metlo.Client) error {
				field, err := c.DataFields.Delete(t.Context(), "00000000-0000-4000-a000-0000000000aa")
				if assert.NoError(t, err) {
					assert.Equal(t, "00000000-0000-4000-a000-0000000000aa", field.UUID)
				}
				return err
			},
			sent: "DELETE /api/v1/data-field/00000000-0000-4000-a000-0000000000aa", recording: "delete",
		},
		"Delete of nothing": {
			call: func(t *testing.T, c *metlo.Client) error {
				_, err := c.DataFields.Delete(t.Context(), kit.Nowhere)
				return err
			},
			sent: "DELETE /api/v1/data-field/" + kit.Nowhere, recording: "delete_missing", want: metlo.ErrNotFound,
		},
	})
}

func TestDataFieldsOfAllEndpoints(t *testing.T) {
	client, server := scriptedClient(t, always(http.StatusOK, "OK"))
	require.NoError(t, client.DataFields.ClearAllSensitiveData(t.Context(), metlo.Wipe{WholeInstance: true}))
	require.NoError(t, client.DataFields.DeleteAll(t.Context(), metlo.Wipe{WholeInstance: true}))
	require.ErrorIs(t, client.DataFields.ClearAllSensitiveData(t.Context(), metlo.Wipe{}), metlo.ErrInvalidArgument)
	require.ErrorIs(t, client.DataFields.DeleteAll(t.Context(), metlo.Wipe{}), metlo.ErrInvalidArgument)
	require.Len(t, server.sent, 2)
	assert.Equal(t, "POST /api/v1/clear-sensitive-data", server.sent[0].Method+" "+server.sent[0].Path)
	assert.Equal(t, "POST /api/v1/clear-all-datafields", server.sent[1].Method+" "+server.sent[1].Path)
}

// The server answers OK for a field that does not exist, and so do servers that are not Metlo's backend.
func TestDataFieldsSetEntityOfNothing(t *testing.T) {
	client, server := scriptedClient(t, always(http.StatusOK, "OK"))
	_, err := client.DataFields.SetEntity(t.Context(), kit.Nowhere, nil)
	require.ErrorIs(t, err, metlo.ErrNotFound)
	require.ErrorContains(t, err, "base URL", "other servers send this text too")
	assert.Len(t, server.sent, 1, "an error causes no request")
}

func TestDataFieldsMeetFaults(t *testing.T) {
	assertFaults(t, map[string]func(context.Context, *metlo.Client) error{
		"UpdateClasses": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.DataFields.UpdateClasses(ctx, aField, &metlo.DataClassesUpdate{})
			return err
		},
		"SetEntity": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.DataFields.SetEntity(ctx, aField, nil)
			return err
		},
		"UpdatePath": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.DataFields.UpdatePath(ctx, aField, "a")
			return err
		},
		"Delete": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.DataFields.Delete(ctx, aField)
			return err
		},
		"ClearAllSensitiveData": func(ctx context.Context, c *metlo.Client) error {
			return c.DataFields.ClearAllSensitiveData(ctx, metlo.Wipe{WholeInstance: true})
		},
		"DeleteAll": func(ctx context.Context, c *metlo.Client) error {
			return c.DataFields.DeleteAll(ctx, metlo.Wipe{WholeInstance: true})
		},
	})
}

func TestDataFieldsRefuse(t *testing.T) {
	rows := map[string]refusal{
		"a nil update": {func(ctx context.Context, c *metlo.Client) error {
			_, err := c.DataFields.UpdateClasses(ctx, aField, nil)
			return err
		}, "name the classes, the path and the section"},
	}
	for _, id := range []string{"", "a1", "..", aField[:35]} {
		for name, call := range map[string]func(context.Context, *metlo.Client) error{
			"UpdateClasses": func(ctx context.Context, c *metlo.Client) error {
				_, err := c.DataFields.UpdateClasses(ctx, id, &metlo.DataClassesUpdate{})
				return err
			},
			"SetEntity": func(ctx context.Context, c *metlo.Client) error {
				_, err := c.DataFields.SetEntity(ctx, id, nil)
				return err
			},
			"UpdatePath": func(ctx context.Context, c *metlo.Client) error {
				_, err := c.DataFields.UpdatePath(ctx, id, "a")
				return err
			},
			"Delete": func(ctx context.Context, c *metlo.Client) error { _, err := c.DataFields.Delete(ctx, id); return err },
		} {
			rows[name+" of the id "+id] = refusal{call, "is not a UUID"}
		}
	}
	assertRefusals(t, rows)
}

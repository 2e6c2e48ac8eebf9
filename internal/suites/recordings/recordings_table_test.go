package recordings_test

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
)

const (
	nowhere    = kit.Nowhere
	notUUID    = "is not a UUID"
	noSuchForm = "the SDK always sends lists in brackets"
	noBadLimit = "a limit that is no count cannot be given"
)

type client = metlo.Client

func listAlerts(f metlo.AlertFilter, offset, limit int) func(context.Context, *client) (any, error) {
	return value(func(ctx context.Context, c *client) (*metlo.Page[metlo.Alert], error) {
		return c.Alerts.List(ctx, &f, offset, limit)
	})
}

func updateAlert(id string, update metlo.AlertUpdateType, message string) func(context.Context, *client) (any, error) {
	return value(func(ctx context.Context, c *client) (*metlo.Alert, error) {
		return c.Alerts.Update(ctx, id, &metlo.AlertUpdate{UpdateType: update, ResolutionMessage: message})
	})
}

func updateAlerts(u metlo.AlertBulkUpdate) func(context.Context, *client) (any, error) {
	return done(func(ctx context.Context, c *client) error { return c.Alerts.UpdateMany(ctx, &u) })
}

var alertReplays = map[string]replay{
	"list":      {call: listAlerts(metlo.AlertFilter{}, 0, 3)},
	"list_page": {call: listAlerts(metlo.AlertFilter{}, 185, 2)},
	"list_filters": {call: listAlerts(metlo.AlertFilter{
		RiskScores: []metlo.RiskScore{metlo.RiskHigh, metlo.RiskMedium}, Statuses: []metlo.AlertStatus{metlo.StatusOpen},
		AlertTypes: []metlo.AlertType{metlo.AlertPIIData}, SortOrder: metlo.Ascending,
	}, 0, 1)},
	"list_by_uuid": {call: value(func(ctx context.Context, c *client) (*metlo.Alert, error) {
		return c.Alerts.Get(ctx, kit.AlertID(1))
	})},
	"list_by_endpoint":            {call: listAlerts(metlo.AlertFilter{APIEndpointUUID: kit.EndpointID(5)}, 0, 0)},
	"list_status_documented_name": {call: listAlerts(metlo.AlertFilter{Statuses: []metlo.AlertStatus{"RESOLVED"}}, 0, 1), want: metlo.ErrBadRequest, message: "status.0"},
	"list_type_documented_name":   {call: listAlerts(metlo.AlertFilter{AlertTypes: []metlo.AlertType{"PII_DATA_DETECTED"}}, 0, 1), want: metlo.ErrBadRequest, message: "alertTypes.0"},
	"list_status_no_brackets":     {raw: noSuchForm, want: metlo.ErrBadRequest, message: "Expected array, received string"},
	"list_uuid_invalid": {
		call: listAlerts(metlo.AlertFilter{UUID: "nope"}, 0, 0), guard: notUUID,
		want: metlo.ErrBadRequest, message: "uuid: Invalid uuid",
	},
	"resolve": {call: value(func(ctx context.Context, c *client) (*metlo.Alert, error) {
		return c.Alerts.Resolve(ctx, kit.AlertID(1), "  fixed  ")
	})},
	"resolve_again": {
		call: value(func(ctx context.Context, c *client) (*metlo.Alert, error) {
			return c.Alerts.Resolve(ctx, kit.AlertID(1), "")
		}),
		want: metlo.ErrConflict, message: "already resolved",
	},
	"unresolve": {call: value(func(ctx context.Context, c *client) (*metlo.Alert, error) {
		return c.Alerts.Unresolve(ctx, kit.AlertID(1))
	})},
	"ignore": {call: value(func(ctx context.Context, c *client) (*metlo.Alert, error) {
		return c.Alerts.Ignore(ctx, kit.AlertID(1))
	})},
	"unignore": {call: value(func(ctx context.Context, c *client) (*metlo.Alert, error) {
		return c.Alerts.Unignore(ctx, kit.AlertID(1))
	})},
	"unignore_open": {
		call: updateAlert(kit.AlertID(1), metlo.UpdateUnignore, ""), want: metlo.ErrConflict, message: "currently not ignored",
	},
	"update_documented_name": {call: updateAlert(kit.AlertID(1), "RESOLVE", ""), want: metlo.ErrBadRequest, message: "updateType"},
	"update_missing":         {call: updateAlert(nowhere, metlo.UpdateResolve, ""), want: metlo.ErrNotFound, message: "no alert has this id"},
	"update_not_uuid": {
		call: updateAlert("nope", metlo.UpdateResolve, ""), guard: notUUID,
		want: metlo.ErrBadRequest, message: "invalid input syntax for type uuid",
	},
	"batch_resolve": {call: updateAlerts(metlo.AlertBulkUpdate{
		UpdateType: metlo.UpdateResolve, ResolutionMessage: "sweep",
		RiskScores: []metlo.RiskScore{metlo.RiskLow}, AlertTypes: []metlo.AlertType{metlo.AlertNewEndpoint},
	})},
	"batch_by_endpoint": {call: updateAlerts(metlo.AlertBulkUpdate{UpdateType: metlo.UpdateIgnore, APIEndpointUUID: kit.EndpointID(6)})},
	"batch_none_match": {
		call: updateAlerts(metlo.AlertBulkUpdate{UpdateType: metlo.UpdateResolve, Hosts: []string{"nope.example.com"}}),
		want: metlo.ErrNoMatch, message: "no alert matched",
	},
}

var dataClassReplays = map[string]replay{
	"list": {call: value(func(ctx context.Context, c *client) ([]metlo.DataClass, error) { return c.DataClasses.List(ctx) })},
}

func updateClasses(id string, update metlo.DataClassesUpdate) func(context.Context, *client) (any, error) {
	return value(func(ctx context.Context, c *client) (*metlo.DataField, error) {
		return c.DataFields.UpdateClasses(ctx, id, &update)
	})
}

func setEntity(id string, entity *string) func(context.Context, *client) (any, error) {
	return value(func(ctx context.Context, c *client) (*metlo.DataField, error) {
		return c.DataFields.SetEntity(ctx, id, entity)
	})
}

func updatePath(id, path string) func(context.Context, *client) (any, error) {
	return value(func(ctx context.Context, c *client) (*metlo.DataPathUpdate, error) {
		return c.DataFields.UpdatePath(ctx, id, path)
	})
}

func deleteField(id string) func(context.Context, *client) (any, error) {
	return value(func(ctx context.Context, c *client) (*metlo.DataField, error) { return c.DataFields.Delete(ctx, id) })
}

var emailInQuery = metlo.DataClassesUpdate{
	DataClasses: []string{metlo.ClassEmail}, DataPath: "email", DataSection: metlo.SectionRequestQuery,
}

var dataFieldReplays = map[string]replay{
	"update_classes": {call: updateClasses(kit.FieldID(0xa1), emailInQuery)},
	"update_classes_unknown_class": {call: updateClasses(kit.FieldID(0xa1), metlo.DataClassesUpdate{
		DataClasses: []string{"Nope"}, DataPath: "email", DataSection: metlo.SectionRequestQuery,
	})},
	"update_classes_bad_section": {
		call: updateClasses(kit.FieldID(0xa1), metlo.DataClassesUpdate{
			DataClasses: []string{metlo.ClassEmail}, DataPath: "email", DataSection: "QUERY",
		}), want: metlo.ErrBadRequest, message: "dataSection",
	},
	"update_classes_missing": {call: updateClasses(nowhere, emailInQuery), want: metlo.ErrNotFound, message: "no data field"},
	"update_entity_unknown": {
		call: setEntity(kit.FieldID(0xa1), new("user.id")), want: metlo.ErrBadRequest, message: "user.id is not a valid entity.",
	},
	"update_entity_clear":       {call: setEntity(kit.FieldID(0xa1), nil)},
	"update_data_path":          {call: updatePath(kit.FieldID(0xa3), "user.national_id")},
	"update_data_path_conflict": {call: updatePath(kit.FieldID(0xa3), "user.national_id"), want: metlo.ErrConflict, message: "already exists"},
	"update_data_path_missing":  {call: updatePath(nowhere, "x"), want: metlo.ErrNotFound, message: "Data field not found."},
	"delete":                    {call: deleteField(kit.FieldID(0xaa))},
	"delete_missing":            {call: deleteField(nowhere), want: metlo.ErrNotFound, message: "no data field"},
}

func listEndpoints(f metlo.EndpointFilter, offset, limit int) func(context.Context, *client) (any, error) {
	return value(func(ctx context.Context, c *client) (*metlo.Page[metlo.Endpoint], error) {
		return c.Endpoints.List(ctx, &f, offset, limit)
	})
}

func getEndpoint(id string) func(context.Context, *client) (any, error) {
	return value(func(ctx context.Context, c *client) (*metlo.EndpointDetail, error) { return c.Endpoints.Get(ctx, id) })
}

func endpointUsage(id string) func(context.Context, *client) (any, error) {
	return value(func(ctx context.Context, c *client) ([]metlo.EndpointUsage, error) { return c.Endpoints.Usage(ctx, id) })
}

func suggestedPaths(id string) func(context.Context, *client) (any, error) {
	return value(func(ctx context.Context, c *client) ([]string, error) { return c.Endpoints.SuggestedPaths(ctx, id) })
}

func deleteEndpoints(ids ...string) func(context.Context, *client) (any, error) {
	return done(func(ctx context.Context, c *client) error { return c.Endpoints.DeleteMany(ctx, ids...) })
}

func uploadSchema(id string) func(context.Context, *client) (any, error) {
	return done(func(ctx context.Context, c *client) error {
		return c.Endpoints.UploadGraphQLSchema(ctx, id, strings.NewReader("type Query { me: String }"))
	})
}

var endpointReplays = map[string]replay{
	"list_default": {call: listEndpoints(metlo.EndpointFilter{}, 0, 3)},
	"list_page_2":  {call: listEndpoints(metlo.EndpointFilter{}, 62, 2)},
	"list_filter_brackets": {call: listEndpoints(metlo.EndpointFilter{
		Hosts: []string{"shop.example.com", "pay.example.com"}, RiskScores: []metlo.RiskScore{metlo.RiskHigh},
		Methods: []metlo.RestMethod{metlo.MethodGet},
	}, 0, 1)},
	"list_filter_no_brackets_repeated": {raw: noSuchForm},
	"list_filter_no_brackets_single":   {raw: noSuchForm, want: metlo.ErrBadRequest, message: "Expected array, received string"},
	"list_filter_documented_enum_name": {call: listEndpoints(metlo.EndpointFilter{RiskScores: []metlo.RiskScore{"HIGH"}}, 0, 1), want: metlo.ErrBadRequest, message: "riskScores.0"},
	"list_filter_data_classes":         {call: listEndpoints(metlo.EndpointFilter{DataClasses: []string{metlo.ClassEmail}}, 0, 1)},
	"list_filter_permissions":          {call: listEndpoints(metlo.EndpointFilter{ResourcePermissions: []string{"orders:read"}}, 0, 1)},
	"list_search":                      {call: listEndpoints(metlo.EndpointFilter{SearchQuery: "/cards/"}, 0, 1)},
	"list_authenticated_true":          {call: listEndpoints(metlo.EndpointFilter{IsAuthenticated: new(true)}, 0, 1)},
	"list_authenticated_false":         {call: listEndpoints(metlo.EndpointFilter{IsAuthenticated: new(false)}, 0, 1)},
	"list_host_type_public":            {call: listEndpoints(metlo.EndpointFilter{HostType: metlo.HostPublic}, 0, 1)},
	"list_host_type_documented_name":   {call: listEndpoints(metlo.EndpointFilter{HostType: "EXTERNAL"}, 0, 1), want: metlo.ErrBadRequest, message: "hostType"},
	"list_limit_zero":                  {raw: "a limit of 0 stands for the default"},
	"list_limit_negative": {
		call: listEndpoints(metlo.EndpointFilter{}, 0, -1), guard: "limit -1 is negative",
		want: metlo.ErrBadRequest, message: "limit",
	},
	"list_limit_not_number":   {raw: noBadLimit, want: metlo.ErrBadRequest, message: "limit"},
	"get":                     {call: getEndpoint(kit.EndpointID(0xb))},
	"get_missing":             {call: getEndpoint(nowhere), want: metlo.ErrNotFound, message: "the endpoint does not exist"},
	"get_not_uuid":            {call: getEndpoint("not-a-uuid"), guard: notUUID, want: metlo.ErrNotFound, message: "Endpoint does not exist."},
	"usage":                   {call: endpointUsage(kit.EndpointID(2))},
	"usage_empty":             {call: endpointUsage(kit.EndpointID(0x3c))},
	"suggested_paths":         {call: suggestedPaths(kit.EndpointID(0xb))},
	"suggested_paths_missing": {call: suggestedPaths(nowhere)},
	"set_authenticated": {call: done(func(ctx context.Context, c *client) error {
		return c.Endpoints.SetAuthenticated(ctx, kit.EndpointID(0xb), new(true))
	})},
	"set_authenticated_missing": {call: done(func(ctx context.Context, c *client) error {
		return c.Endpoints.SetAuthenticated(ctx, nowhere, new(true))
	}), want: metlo.ErrNotFound, message: "Endpoint does not exist."},
	"set_full_trace_capture": {call: done(func(ctx context.Context, c *client) error {
		return c.Endpoints.SetFullTraceCapture(ctx, kit.EndpointID(0xb), true)
	})},
	"set_full_trace_capture_bad_body": {raw: "the argument is a bool", want: metlo.ErrBadRequest, message: "enabled: Expected boolean"},
	"set_user_set": {call: done(func(ctx context.Context, c *client) error {
		return c.Endpoints.SetPathLocked(ctx, kit.EndpointID(0xb), true)
	})},
	"update_paths": {call: done(func(ctx context.Context, c *client) error {
		return c.Endpoints.UpdatePaths(ctx, kit.EndpointID(0xc), "/v1/tickets/12/{param1}")
	})},
	"update_paths_bad": {call: done(func(ctx context.Context, c *client) error {
		return c.Endpoints.UpdatePaths(ctx, kit.EndpointID(0xd))
	}), guard: "no path: pass"},
	"delete": {call: done(func(ctx context.Context, c *client) error { return c.Endpoints.Delete(ctx, kit.EndpointID(0x3f)) })},
	"delete_missing": {
		call: done(func(ctx context.Context, c *client) error { return c.Endpoints.Delete(ctx, nowhere) }),
		want: metlo.ErrServer, message: "Internal Server Error",
	},
	"delete_many":           {call: deleteEndpoints(kit.EndpointID(0x3d), kit.EndpointID(0x3e))},
	"delete_many_missing":   {call: deleteEndpoints(nowhere)},
	"delete_many_empty":     {call: deleteEndpoints(), guard: "no id: pass", want: metlo.ErrServer, message: "Internal Server Error"},
	"delete_many_bad_body":  {raw: "the SDK names the ids as the server does", want: metlo.ErrBadRequest, message: "uuids: Required"},
	"graphql_schema_upload": {call: uploadSchema(kit.EndpointID(0x32))},
	"graphql_schema_upload_not_graphql_endpoint": {
		call: uploadSchema(kit.EndpointID(0x33)), want: metlo.ErrBadRequest, message: "non Graphql endpoint",
	},
	"graphql_schema_upload_no_file": {
		call: done(func(ctx context.Context, c *client) error {
			return c.Endpoints.UploadGraphQLSchema(ctx, kit.EndpointID(0x32), nil)
		}), guard: "the reader is nil", want: metlo.ErrServer, message: "Cannot read properties of undefined",
	},
	"graphql_schema_delete": {call: done(func(ctx context.Context, c *client) error {
		return c.Endpoints.DeleteGraphQLSchema(ctx, kit.EndpointID(0x32))
	})},
	"graphql_schema_delete_missing": {call: done(func(ctx context.Context, c *client) error {
		return c.Endpoints.DeleteGraphQLSchema(ctx, nowhere)
	}), want: metlo.ErrNotFound, message: "Endpoint does not exist"},
}

func genTest(o metlo.TestEndpointQuery) func(context.Context, *client) (any, error) {
	return value(func(ctx context.Context, c *client) (*metlo.TestEndpoint, error) {
		return c.Testing.Endpoint(ctx, &o)
	})
}

func genTests(host string) func(context.Context, *client) (any, error) {
	return value(func(ctx context.Context, c *client) ([]metlo.TestEndpoint, error) {
		return c.Testing.Endpoints(ctx, host)
	})
}

func putTestingConfig(text string) func(context.Context, *client) (any, error) {
	return done(func(ctx context.Context, c *client) error { return c.Testing.UpdateConfig(ctx, text) })
}

func getTestingConfig(ctx context.Context, c *client) (*metlo.TestingConfig, error) {
	return c.Testing.Config(ctx)
}

var testingReplays = map[string]replay{
	"gen_test_endpoint": {call: genTest(metlo.TestEndpointQuery{
		Endpoint: "/v3/cards/11/{param1}", Host: "api.example.org", Method: metlo.MethodPost,
	})},
	"gen_test_endpoint_missing": {
		call: genTest(metlo.TestEndpointQuery{Endpoint: "/nope", Host: "api.example.org", Method: metlo.MethodGet}),
		want: metlo.ErrNotFound, message: "Could not find endpoint.",
	},
	"gen_test_endpoint_no_endpoint": {
		call: genTest(metlo.TestEndpointQuery{}), guard: "Endpoint is empty",
		want: metlo.ErrBadRequest, message: "No endpoint specified.",
	},
	"gen_test_endpoints": {call: genTests("pay.example.com")},
	"gen_test_endpoints_no_host": {
		call: genTests(""), guard: "the host is empty", want: metlo.ErrBadRequest, message: "No host specified.",
	},
	"gen_test_endpoints_unknown_host": {call: genTests("nope.example.com")},
	"global_env": {call: value(func(ctx context.Context, c *client) ([]metlo.EnvVariable, error) {
		return c.Testing.GlobalEnv(ctx)
	})},
	"config_get_empty": {call: value(getTestingConfig)},
	"config_put":       {call: putTestingConfig(recordedConfig("testing", "config_put"))},
	"config_get":       {call: value(getTestingConfig)},
	"config_put_syntax_error": {
		call: putTestingConfig(recordedConfig("testing", "config_put_syntax_error")),
		want: metlo.ErrBadRequest, message: "line 1, column 1",
	},
	"config_put_no_string": {raw: "the argument is a string", want: metlo.ErrBadRequest, message: "configString: Required"},
	"entity_tags": {call: value(func(ctx context.Context, c *client) ([]string, error) {
		return c.Testing.EntityTags(ctx)
	})},
	"resource_permissions": {call: value(func(ctx context.Context, c *client) ([]string, error) {
		return c.Testing.ResourcePermissions(ctx)
	})},
}

var transportReplays = map[string]replay{
	"health":        {call: done(func(ctx context.Context, c *client) error { return c.Ping(ctx) })},
	"unknown_route": {raw: "the route does not exist", want: metlo.ErrInvalidResponse, message: "Cannot GET /api/v1/nope"},
	"bad_json":      {raw: "the SDK sends JSON only", want: metlo.ErrBadRequest, message: "SyntaxError: Expected property name or '}'"},
}

// recordedConfig returns the text that a recorded request sent as configString.
func recordedConfig(section, name string) string {
	var body struct {
		ConfigString string `json:"configString"`
	}
	for _, rec := range kit.Recordings(section) {
		if rec.Name == name && rec.Request.Body != nil {
			if err := json.Unmarshal([]byte(*rec.Request.Body), &body); err != nil {
				panic(err)
			}
		}
	}
	return body.ConfigString
}

package metlo_test

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

type text[E any] interface {
	*E
	encoding.TextUnmarshaler
}

type enumValue interface {
	~string
	Known() bool
}

func checkEnum[E enumValue, P text[E]](t *testing.T, input string, parse func(string) (E, error)) {
	t.Helper()
	v, err := parse(input)
	switch {
	case err != nil && (!errors.Is(err, metlo.ErrInvalidArgument) || v != ""):
		t.Fatalf("%T: value %q with error %v", v, v, err)
	case err == nil && !v.Known():
		t.Fatalf("%T: %q is parsed from %q, and is not known", v, v, input)
	}
	var got E
	if err := P(&got).UnmarshalText([]byte(input)); err != nil {
		t.Fatalf("%T: %v", got, err)
	}
	var again E
	if err := P(&again).UnmarshalText([]byte(got)); err != nil || again != got {
		t.Fatalf("%T: %q is read again as %q: %v", got, got, again, err)
	}
	if !got.Known() && string(got) != input {
		t.Fatalf("%T: an unknown value %q became %q", got, input, got)
	}
}

func FuzzEnums(f *testing.F) {
	for _, seed := range []string{
		"high", "HIGH", " high ", "Open", "UNRESOLVED", "RESOLVE", "EXTERNAL", "PII_DATA_DETECTED", "GET", "reqBody", "", "ſ", "İ", "\xff", "a\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		checkEnum[metlo.RiskScore](t, input, metlo.ParseRiskScore)
		checkEnum[metlo.AlertStatus](t, input, metlo.ParseAlertStatus)
		checkEnum[metlo.AlertUpdateType](t, input, metlo.ParseAlertUpdateType)
		checkEnum[metlo.AlertType](t, input, metlo.ParseAlertType)
		checkEnum[metlo.HostType](t, input, metlo.ParseHostType)
		checkEnum[metlo.RestMethod](t, input, metlo.ParseRestMethod)
		checkEnum[metlo.DataSection](t, input, metlo.ParseDataSection)
		checkEnum[metlo.DataType](t, input, metlo.ParseDataType)
		checkEnum[metlo.DataTag](t, input, metlo.ParseDataTag)
		checkEnum[metlo.APIKeyType](t, input, metlo.ParseAPIKeyType)
		checkEnum[metlo.SpecExtension](t, input, metlo.ParseSpecExtension)
		checkEnum[metlo.AuthType](t, input, metlo.ParseAuthType)
		checkEnum[metlo.HostSort](t, input, metlo.ParseHostSort)
		checkEnum[metlo.SortOrder](t, input, metlo.ParseSortOrder)
		checkEnum[metlo.AnalysisType](t, input, metlo.ParseAnalysisType)
	})
}

// TestEnumValues checks that each value is known and has the server's spelling, and that callers may change the lists.
func TestEnumValues(t *testing.T) {
	checkValues(t, metlo.RiskScores, metlo.RiskNone, metlo.RiskHigh, 4)
	checkValues(t, metlo.AlertStatuses, metlo.StatusOpen, metlo.StatusResolved, 3)
	checkValues(t, metlo.AlertUpdateTypes, metlo.UpdateResolve, metlo.UpdateUnignore, 4)
	checkValues(t, metlo.AlertTypes, metlo.AlertNewEndpoint, metlo.AlertUnauthenticatedSensitive, 8)
	checkValues(t, metlo.HostTypes, metlo.HostPublic, metlo.HostAny, 3)
	checkValues(t, metlo.RestMethods, metlo.MethodGet, metlo.MethodTrace, 9)
	checkValues(t, metlo.DataSections, metlo.SectionRequestPath, metlo.SectionResponseBody, 6)
	checkValues(t, metlo.DataTypes, metlo.TypeInteger, metlo.TypeUnknown, 7)
	checkValues(t, metlo.DataTags, metlo.TagPII, metlo.TagPII, 1)
	checkValues(t, metlo.APIKeyTypes, metlo.KeyGeneric, metlo.KeyAWS, 4)
	checkValues(t, metlo.SpecExtensions, metlo.SpecJSON, metlo.SpecYAML, 2)
	checkValues(t, metlo.AuthTypes, metlo.AuthBasic, metlo.AuthSessionCookie, 4)
	checkValues(t, metlo.HostSorts, metlo.SortByHost, metlo.SortByNumEndpoints, 2)
	checkValues(t, metlo.SortOrders, metlo.Ascending, metlo.Descending, 2)
	checkValues(t, metlo.AnalysisTypes, metlo.AnalysisFull, metlo.AnalysisPartial, 2)
}

func checkValues[E enumValue](t *testing.T, values func() []E, first, last E, n int) {
	t.Helper()
	got := values()
	if len(got) != n || got[0] != first || got[n-1] != last {
		t.Errorf("%T: %v, want %d from %s to %s", first, got, n, first, last)
	}
	for i, v := range got {
		if !v.Known() {
			t.Errorf("%T: %q is not known as such", v, v)
		}
		got[i] = "x"
	}
	if values()[0] != first {
		t.Errorf("%T: a caller changed the list of all", first)
	}
}

func ExampleParseRiskScore() {
	risk, err := metlo.ParseRiskScore("HIGH")
	fmt.Println(risk, err, risk.AtLeast(metlo.RiskMedium))
	_, err = metlo.ParseRiskScore("extreme")
	fmt.Println(errors.Is(err, metlo.ErrInvalidArgument))
	// Output:
	// high <nil> true
	// true
}

// Find the endpoints that return a data class without authentication.
func ExampleDataSection_IsResponse() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	open := &metlo.EndpointFilter{DataClasses: []string{metlo.ClassEmail}, IsAuthenticated: new(false)}
	for endpoint, err := range client.Endpoints.All(ctx, open) {
		if err != nil {
			fmt.Println(err)
			return
		}
		detail, err := client.Endpoints.Get(ctx, endpoint.UUID)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, field := range detail.DataFields {
			if field.DataSection.IsResponse() && slices.Contains(field.DataClasses, metlo.ClassEmail) {
				fmt.Println(endpoint.Method, endpoint.Host+endpoint.Path, "returns", field.DataPath)
			}
		}
	}
	// Output: GET shop.example.com/v1/export/customers returns [].email
}

package metlo_test

import (
	"encoding"
	"errors"
	"testing"

	"github.com/metlo-go/metlo"
)

type text[E any] interface {
	*E
	encoding.TextUnmarshaler
}

type enumValue interface {
	~string
	String() string
	Known() bool
	encoding.TextMarshaler
}

func checkEnum[E enumValue, P text[E]](t *testing.T, input string, parse func(string) (E, error)) {
	t.Helper()
	v, err := parse(input)
	switch {
	case err != nil && (!errors.Is(err, metlo.ErrInvalidArgument) || v != ""):
		t.Fatalf("%T: value %q with error %v", v, v, err)
	case err == nil && (!v.Known() || v.String() != string(v)):
		t.Fatalf("%T: %q is parsed from %q, and is not known as %q", v, v, input, v.String())
	}
	var got E
	if err := P(&got).UnmarshalText([]byte(input)); err != nil {
		t.Fatalf("%T: %v", got, err)
	}
	sent, err := got.MarshalText()
	if err != nil {
		t.Fatalf("%T: %v", got, err)
	}
	var again E
	if err := P(&again).UnmarshalText(sent); err != nil || again != got {
		t.Fatalf("%T: %q is sent as %q and read as %q: %v", got, got, sent, again, err)
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

// FuzzCredentialsFile has a client be made from the file that the Metlo CLI writes.

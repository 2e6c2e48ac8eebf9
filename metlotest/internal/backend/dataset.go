package backend

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/metlo-go/metlo/metlotest/internal/zod"
)

// readDataset decodes a data set, and rejects unknown keys.
func readDataset(data []byte) (*dataset, error) {
	var d dataset
	if err := json.Unmarshal(data, &d, json.RejectUnknownMembers(true)); err != nil {
		return nil, datasetError(data, err)
	}
	return &d, nil
}

const datasetForm = "the data set is an object with the lists endpoints, dataFields, alerts, hosts and specs, and with usage"

// datasetError names the place of a problem in a data set.
func datasetError(data []byte, err error) error {
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntactic):
		line := 1 + strings.Count(string(data[:min(int(syntactic.ByteOffset), len(data))]), "\n")
		return fmt.Errorf("line %d%s: %w (%s)", line, inPlace(syntactic.JSONPointer), syntactic.Err, datasetForm)
	case !errors.As(err, &semantic):
		return fmt.Errorf("%w (%s)", err, datasetForm)
	case errors.Is(err, json.ErrUnknownName):
		return fmt.Errorf("%s: there is no such key (%s)", place(semantic.JSONPointer), datasetForm)
	case semantic.Err != nil:
		return fmt.Errorf("%s: %w", place(semantic.JSONPointer), semantic.Err)
	}
	return fmt.Errorf("%s: a JSON %s does not fit here (%s)", place(semantic.JSONPointer), semantic.JSONKind, datasetForm)
}

func inPlace(at jsontext.Pointer) string {
	if at == "" {
		return ""
	}
	return ", " + place(at)
}

// place formats a pointer like alerts[3].riskScore.
func place(at jsontext.Pointer) string {
	if at == "" {
		return "the data set"
	}
	text := regexp.MustCompile(`/(\d+)`).ReplaceAllString(string(at), "[$1]")
	return strings.ReplaceAll(strings.TrimPrefix(text, "/"), "/", ".")
}

// oneOfEnum rejects an unknown value, and sets a missing one.
func oneOfEnum(list string, i int, key string, value *string, byDefault string, allowed []string) error {
	if *value == "" {
		*value = byDefault
	}
	switch {
	case slices.Contains(allowed, *value):
		return nil
	case *value == "":
		return missing(list, i, key)
	}
	return fmt.Errorf("%s[%d].%s: %q is not one of %q", list, i, key, *value, allowed)
}

func required(list string, i int, key, value string) error {
	if value == "" {
		return missing(list, i, key)
	}
	return nil
}

func missing(list string, i int, key string) error {
	return fmt.Errorf("%s[%d].%s: is missing", list, i, key)
}

func unknownEndpoint(list string, i int, id string) error {
	if id == "" {
		return missing(list, i, "apiEndpointUuid")
	}
	return fmt.Errorf("%s[%d].apiEndpointUuid: there is no endpoint %q", list, i, id)
}

// newID returns the id of a row, a new one if it has none.
func newID(list string, i int, id string, taken func(string) bool) (string, error) {
	switch {
	case id == "":
		return newUUID(), nil
	case !zod.IsUUID(id):
		return "", fmt.Errorf("%s[%d].uuid: %q is not a UUID", list, i, id)
	case taken(id):
		return "", fmt.Errorf("%s[%d].uuid: %s is there twice", list, i, id)
	}
	return id, nil
}

func orTime(t stamp, byDefault time.Time) time.Time {
	if t.IsZero() {
		return byDefault
	}
	return t.Time
}

func orObject(v jsontext.Value) jsontext.Value {
	if len(v) == 0 || v.Kind() == 'n' {
		return emptyObject()
	}
	return v
}

package recordings_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
)

// replay describes how the SDK handles one recording.
type replay struct {
	// call is the service method that sends the recorded request. If the SDK rejects the request, the call must fail
	// without sending anything, and guard is a part of its error.
	call  func(context.Context, *metlo.Client) (any, error)
	guard string
	// raw is the reason why no method sends such a request. It then goes through Call.
	raw string
	// want is the sentinel of the recorded answer, and text a part of its text; nil for a success.
	want    error
	message string
}

// value returns a call that returns the fetched value; done is for calls that return only an error.
func value[T any](call func(context.Context, *metlo.Client) (T, error)) func(context.Context, *metlo.Client) (any, error) {
	return func(ctx context.Context, c *metlo.Client) (any, error) { return call(ctx, c) }
}

func done(call func(context.Context, *metlo.Client) error) func(context.Context, *metlo.Client) (any, error) {
	return func(ctx context.Context, c *metlo.Client) (any, error) { return nil, call(ctx, c) }
}

// TestRecordings holds every exchange that was recorded with a real server against the SDK, in one of three classes.
// Sent: the method sends what that server accepted, and returns what it answered. Refused: the SDK does not send it.
// Raw: no method sends it. The answers of the last two go through Call.
func TestRecordings(t *testing.T) {
	sections := map[string]map[string]replay{
		"alerts":       alertReplays,
		"collector":    collectorReplays,
		"data_classes": dataClassReplays,
		"data_fields":  dataFieldReplays,
		"endpoints":    endpointReplays,
		"hosts":        hostReplays,
		"keys":         keyReplays,
		"settings":     settingsReplays,
		"specs":        specReplays,
		"summary":      summaryReplays,
		"testing":      testingReplays,
		"transport":    transportReplays,
		"webhooks":     webhookReplays,
	}
	var sent, refused, raw, total int
	var listed []string
	for section, replays := range sections {
		t.Run(section, func(t *testing.T) {
			seen := map[string]bool{}
			for _, rec := range kit.Recordings(section) {
				total++
				seen[rec.Name] = true
				r, ok := replays[rec.Name]
				if !ok {
					t.Errorf("%s: no replay", rec.Name)
					continue
				}
				t.Run(rec.Name, func(t *testing.T) {
					switch {
					case r.raw != "":
						raw++
						listed = append(listed, fmt.Sprintf("raw     %s/%s: %s", section, rec.Name, r.raw))
						replayRaw(t, rec, r)
					case r.guard != "":
						refused++
						listed = append(listed, fmt.Sprintf("refused %s/%s: %s", section, rec.Name, r.guard))
						replayRefused(t, rec, r)
					default:
						sent++
						replaySent(t, rec, r)
					}
				})
			}
			for name := range replays {
				assert.True(t, seen[name], "%s: no recording", name)
			}
		})
	}
	sort.Strings(listed)
	for _, line := range listed {
		t.Log(line)
	}
	t.Logf("%d sent, %d refused, %d raw of %d", sent, refused, raw, total)
}

// answerer answers every request with the recorded response, and records requests.
type answerer struct {
	rec  kit.Recording
	sent []*http.Request
	body []byte
}

func (a *answerer) RoundTrip(r *http.Request) (*http.Response, error) {
	a.sent = append(a.sent, r)
	if r.Body != nil {
		a.body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	if len(a.sent) > 1 && strings.HasSuffix(r.URL.Path, "/summary/endpoint-tracked") { // the second request of Ping
		a.sent = a.sent[:1]
		return kit.JSON(http.StatusOK, `{"exists":true}`).RoundTrip(r)
	}
	return &http.Response{
		StatusCode: a.rec.Response.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {a.rec.Response.ContentType}},
		Body:          io.NopCloser(strings.NewReader(a.rec.Response.Body)),
		ContentLength: int64(len(a.rec.Response.Body)),
		Request:       r,
	}, nil
}

func replaySent(t *testing.T, rec kit.Recording, r replay) {
	server := &answerer{rec: rec}
	got, err := r.call(t.Context(), kit.Client(t, server, metlo.WithCollectorURL("https://collector.example.com")))
	require.Len(t, server.sent, 1, "one request; error: %v", err)
	sameRequest(t, rec, server.sent[0], server.body)
	checkOutcome(t, r, err)
	if r.want == nil && got != nil {
		sameAnswer(t, rec, got)
	}
}

func replayRefused(t *testing.T, rec kit.Recording, r replay) {
	server := &answerer{rec: rec}
	client := kit.Client(t, server, metlo.WithCollectorURL("https://collector.example.com"))
	_, err := r.call(t.Context(), client)
	require.ErrorIs(t, err, metlo.ErrInvalidArgument)
	require.Contains(t, err.Error(), r.guard)
	require.Empty(t, server.sent, "nothing is sent")
	replayRaw(t, rec, r)
}

func replayRaw(t *testing.T, rec kit.Recording, r replay) {
	server := &answerer{rec: rec}
	client := kit.Client(t, server)
	target, err := url.Parse(rec.Request.Path)
	require.NoError(t, err)
	path := cmp.Or(strings.TrimPrefix(strings.TrimPrefix(target.EscapedPath(), "/api/v1"), "/api/v2"), "/")
	var body any
	if rec.Request.Body != nil {
		body = []byte(*rec.Request.Body)
	}
	var answer []byte
	err = client.Call(t.Context(), rec.Request.Method, path, target.Query(), body, &answer)
	require.Len(t, server.sent, 1)
	assert.Equal(t, rec.Request.Method, server.sent[0].Method)
	assert.Equal(t, target.Query(), server.sent[0].URL.Query())
	checkOutcome(t, r, err)
	if r.want == nil {
		assert.Equal(t, rec.Response.Body, string(answer))
	}
}

func checkOutcome(t *testing.T, r replay, err error) {
	t.Helper()
	if r.want == nil {
		require.NoError(t, err)
		return
	}
	require.ErrorIs(t, err, r.want)
	assert.Contains(t, err.Error(), r.message)
	assert.Equal(t, 1, kit.CountSentinels(err), "an error matches one sentinel")
	var e *metlo.Error
	require.ErrorAs(t, err, &e)
}

func sameRequest(t *testing.T, rec kit.Recording, sent *http.Request, body []byte) {
	t.Helper()
	want, err := url.Parse(rec.Request.Path)
	require.NoError(t, err)
	assert.Equal(t, rec.Request.Method, sent.Method)
	assert.Equal(t, want.Path, sent.URL.Path)
	assert.Equal(t, multiset(want.Query()), multiset(sent.URL.Query()))
	wantHost := "metlo.example.com"
	if rec.Service == "collector" {
		wantHost = "collector.example.com"
	}
	assert.Equal(t, wantHost, sent.URL.Host)
	switch {
	case rec.Request.Body == nil:
		assert.Empty(t, body)
	case strings.HasPrefix(*rec.Request.ContentType, "multipart/"):
		sameForm(t, *rec.Request.ContentType, []byte(*rec.Request.Body), sent.Header.Get("Content-Type"), body)
	default:
		assert.Equal(t, *rec.Request.ContentType, sent.Header.Get("Content-Type"))
		assert.JSONEq(t, *rec.Request.Body, string(body))
	}
}

func multiset(q url.Values) []string {
	var pairs []string
	for name, values := range q {
		for _, v := range values {
			pairs = append(pairs, name+"="+v)
		}
	}
	slices.Sort(pairs)
	return pairs
}

func sameForm(t *testing.T, wantType string, want []byte, gotType string, got []byte) {
	t.Helper()
	assert.Equal(t, formParts(t, wantType, want), formParts(t, gotType, got))
}

type formPart struct{ Name, Filename, ContentType, Content string }

func formParts(t *testing.T, contentType string, body []byte) []formPart {
	t.Helper()
	_, params, err := mime.ParseMediaType(contentType)
	require.NoError(t, err)
	var parts []formPart
	for r := multipart.NewReader(bytes.NewReader(body), params["boundary"]); ; {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return parts
		}
		require.NoError(t, err)
		content, err := io.ReadAll(p)
		require.NoError(t, err)
		parts = append(parts, formPart{p.FormName(), p.FileName(), p.Header.Get("Content-Type"), string(content)})
	}
}

// sameAnswer compares the server's answer with the value of a method.
func sameAnswer(t *testing.T, rec kit.Recording, got any) {
	t.Helper()
	if archive, ok := got.([]byte); ok {
		assert.Equal(t, rec.Response.Body, hex.EncodeToString(archive))
		return
	}
	var sent any
	dec := json.NewDecoder(strings.NewReader(rec.Response.Body))
	dec.UseNumber()
	require.NoError(t, dec.Decode(&sent))
	v := reflect.Indirect(reflect.ValueOf(got))
	if v.Kind() == reflect.Struct && strings.HasPrefix(v.Type().Name(), "Page[") {
		tuple := sent.([]any)
		total, err := strconv.Atoi(fmt.Sprint(tuple[1]))
		require.NoError(t, err)
		assert.Equal(t, total, int(v.FieldByName("Total").Int()))
		sameValue(t, "items", tuple[0], v.FieldByName("Items"))
		sameEncoding(t, v.FieldByName("Items"))
		return
	}
	if list, ok := sent.([]any); ok && v.Kind() == reflect.Struct {
		sent = oneOf(t, list, v.FieldByName("UUID").String())
	}
	sameValue(t, "answer", sent, v)
	sameEncoding(t, v)
}

// sameEncoding checks that a value survives storage as JSON by any encoder.
func sameEncoding(t *testing.T, v reflect.Value) {
	t.Helper()
	for name, codec := range map[string]struct {
		marshal   func(any) ([]byte, error)
		unmarshal func([]byte, any) error
	}{
		"encoding/json": {json.Marshal, json.Unmarshal},
		"json/v2":       {func(v any) ([]byte, error) { return jsonv2.Marshal(v) }, func(data []byte, v any) error { return jsonv2.Unmarshal(data, v) }},
	} {
		encoded, err := codec.marshal(v.Interface())
		require.NoError(t, err, name)
		decoded := reflect.New(v.Type())
		require.NoError(t, codec.unmarshal(encoded, decoded.Interface()), name)
		again, err := codec.marshal(decoded.Elem().Interface())
		require.NoError(t, err, name)
		assert.JSONEq(t, string(encoded), string(again), name)
		if !strings.Contains(string(encoded), "[redacted]") && name == "encoding/json" { // a Secret is not written, and json/v2 does not write an empty list as null
			assert.Equal(t, v.Interface(), decoded.Elem().Interface(), name)
		}
	}
}

// oneOf returns the item of a list, with or without a total, that has an id.
func oneOf(t *testing.T, list []any, id string) any {
	t.Helper()
	if items, ok := list[0].([]any); ok {
		list = items
	}
	for _, item := range list {
		if item.(map[string]any)["uuid"] == id {
			return item
		}
	}
	t.Fatalf("the answer holds no item %q", id)
	return nil
}

// lostKeys holds members that the server sends and no field accepts, by type.
var lostKeys = map[string]string{}

// sameValue compares a JSON value with a Go value, member by member; null is the zero value.
func sameValue(t *testing.T, path string, sent any, got reflect.Value) {
	t.Helper()
	if sent == nil {
		if got.Kind() == reflect.Slice || got.Kind() == reflect.Map {
			assert.Zero(t, got.Len(), path)
			return
		}
		assert.True(t, got.IsZero(), "%s: null is the zero value", path)
		return
	}
	if raw, ok := got.Interface().(json.RawMessage); ok {
		text, err := json.Marshal(sent)
		require.NoError(t, err)
		assert.JSONEq(t, string(text), string(raw), path)
		return
	}
	if at, ok := got.Interface().(time.Time); ok {
		want, err := time.Parse(time.RFC3339, sent.(string))
		require.NoError(t, err)
		assert.True(t, want.Equal(at), "%s: %v, want %v", path, at, want)
		return
	}
	if secret, ok := got.Interface().(metlo.Secret); ok {
		assert.Equal(t, sent, secret.Reveal(), path)
		return
	}
	switch got.Kind() {
	case reflect.Pointer:
		require.False(t, got.IsNil(), path)
		sameValue(t, path, sent, got.Elem())
	case reflect.Struct:
		sameObject(t, path, sent.(map[string]any), got)
	case reflect.Slice:
		items := sent.([]any)
		require.Equal(t, len(items), got.Len(), path)
		for i, item := range items {
			sameValue(t, fmt.Sprintf("%s[%d]", path, i), item, got.Index(i))
		}
	case reflect.Map:
		members := sent.(map[string]any)
		require.Equal(t, len(members), got.Len(), path)
		for name, member := range members {
			sameValue(t, path+"."+name, member, got.MapIndex(reflect.ValueOf(name).Convert(got.Type().Key())))
		}
	case reflect.String, reflect.Int, reflect.Bool:
		assert.Equal(t, fmt.Sprint(sent), fmt.Sprint(got.Interface()), path)
	default:
		t.Fatalf("%s: no comparison with %s", path, got.Type())
	}
}

func sameObject(t *testing.T, path string, sent map[string]any, got reflect.Value) {
	t.Helper()
	fields := fieldsByName(got)
	for name, member := range sent {
		field, ok := fields[name]
		if !ok {
			key := got.Type().Name() + "." + name
			assert.Contains(t, lostKeys, key, "%s: no field takes %q", path, name)
			continue
		}
		sameValue(t, path+"."+name, member, field)
	}
}

// fieldsByName returns a struct's fields by their JSON names; an outer field hides one of an embedded struct.
func fieldsByName(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous {
			for name, inner := range fieldsByName(v.Field(i)) {
				if _, ok := fields[name]; !ok {
					fields[name] = inner
				}
			}
		}
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.Anonymous && f.IsExported() && name != "" && name != "-" {
			fields[name] = v.Field(i)
		}
	}
	// An alert's whole endpoint, which only changes of the alert return, has a separate field.
	if alert, ok := v.Interface().(metlo.Alert); ok && alert.APIEndpoint.Details != nil {
		fields["apiEndpoint"] = reflect.ValueOf(alert.APIEndpoint.Details)
	}
	return fields
}

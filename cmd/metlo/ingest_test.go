package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/metlotest"
)

// TestArchivesEntryByEntry sends one archive with every kind of entry. Entries are independent: the command names and
// skips an entry that cannot be sent. A dry run shows the output of a run, and no value is sent.
func TestArchivesEntryByEntry(t *testing.T) {
	const name = `"name":"Content-Type","value":`
	request := func(method, url, more string) string {
		return `{"request":{"method":"` + method + `","url":"` + url + `"` + more + `},"response":{"status":200,"headers":[{` + name + `"application/json"}],"content":{"text":"{\"id\":1}"}}}`
	}
	posted := func(path, contentType, data string) string {
		return request("POST", "https://api.example.com/"+path, `,"headers":[{`+name+`"`+contentType+`"}],"postData":`+data)
	}
	answered := func(path, status string) string {
		return `{"request":{"method":"GET","url":"https://api.example.com/` + path + `"},"response":{"status":` + status + `,"headers":[],"content":{}}}`
	}
	for title, tt := range map[string]struct {
		entry string
		want  string // method, host and template of the trace, or the reason why it is left out
		field string // a field with its type
	}{
		"a NUL in a body":            {posted("items", "application/json", `{"text":"{\"name\":\"se\\u0000cret\"}"}`), "POST api.example.com /items", `"reqBody.name":["string"]`},
		"a NUL in a text":            {posted("items", "text/plain", `{"text":"se\u0000cret"}`), "POST api.example.com /items", ""},
		"a body over 2 MiB":          {posted("items", "application/json", `{"text":"{\"name\":\"`+strings.Repeat("secret", 600_000)+`\"}"}`), "POST api.example.com /items", `"reqBody.name":["string"]`},
		"an answer over 2 MiB":       {strings.Replace(request("GET", "https://api.example.com/items", ""), `{\"id\":1}`, `[`+strings.Repeat(`{\"id\":1},`, 300_000)+`{\"id\":1}]`, 1), "GET api.example.com /items", `"resBody.[].id":["integer"]`},
		"a path of 400,000 elements": {request("GET", "https://api.example.com/"+strings.Repeat("secret/", 400_000), ""), "its path has more elements than a trace may have", ""},
		"many fields":                {posted("items", "application/json", `{"text":"{`+manyMembers(50_000)+`}"}`), "POST api.example.com /items", ""},
		"bytes outside UTF-8":        {posted("items", "text/plain", `{"text":"/////w==","encoding":"base64"}`), "POST api.example.com /items", ""},
		"half a surrogate":           {posted("items", "application/json", `{"text":"{\"name\":\"\\ud83dsecret\"}"}`), "POST api.example.com /items", `"reqBody.name":["string"]`},
		"a host in upper case":       {request("GET", "https://API.Example.COM/items", ""), "GET api.example.com /items", `"resBody.id":["integer"]`},
		"a host with :443":           {request("GET", "https://api.example.com:443/items", ""), "GET api.example.com /items", ""},
		"a host with :80":            {request("GET", "http://api.example.com:80/items", ""), "GET api.example.com /items", ""},
		"a host with a final dot":    {request("GET", "https://api.example.com./items", ""), "GET api.example.com /items", ""},
		"all three":                  {request("GET", "https://API.example.com.:443/items", ""), "GET api.example.com /items", ""},
		"another port":               {request("GET", "https://api.example.com:8443/items", ""), "other host", ""},
		"another host":               {request("GET", "https://cdn.example.org/items", ""), "other host", ""},
		"multipart with params only": {posted("items", "multipart/form-data; boundary=x", `{"mimeType":"multipart/form-data","params":[{"name":"caption","value":"secret"}]}`), "POST api.example.com /items", `"reqBody.caption":["string"]`},
		"a form with params only":    {posted("items", "application/x-www-form-urlencoded", `{"params":[{"name":"count","value":5},{"name":"file","fileName":"secret.txt"}]}`), "POST api.example.com /items", `"reqBody.count":["string"]`},
		"numbers in place of texts":  {posted("items", "application/json", `{"text":5}`), "POST api.example.com /items", `"reqBody":["string"]`},
		"null in place of a text":    {posted("items", "application/json", `{"text":null}`), "POST api.example.com /items", ""},
		"a text in place of a status": {
			answered("items", `"204"`), "GET api.example.com /items", "",
		},
		"a static file":              {request("GET", "https://api.example.com/logo.PNG", ""), "a recorder skips its method, its status or its path", ""},
		"a script":                   {request("GET", "https://api.example.com/app.js?v=secret", ""), "a recorder skips its method, its status or its path", ""},
		"a probe":                    {request("GET", "https://api.example.com/healthz", ""), "a recorder skips its method, its status or its path", ""},
		"OPTIONS":                    {request("OPTIONS", "https://api.example.com/items", ""), "a recorder skips its method, its status or its path", ""},
		"another method":             {request("PURGE", "https://api.example.com/items", ""), `Metlo tracks no requests of method "PURGE"`, ""},
		"status 404":                 {answered("items", "404"), "a recorder skips its method, its status or its path", ""},
		"status 101":                 {answered("socket", "101"), "it is not an exchange of request and response", ""},
		"a web socket":               {request("GET", "wss://api.example.com/socket", ""), "it is not an HTTP request: its scheme is wss", ""},
		"data":                       {request("GET", "data:text/plain,secret", ""), "its URL names no host", ""},
		"a request that was stopped": {answered("items", "0"), "it has no response", ""},
		"no response":                {`{"request":{"method":"GET","url":"https://api.example.com/items"}}`, "it has no response", ""},
		"a member of another type":   {`{"request":{"method":"GET","url":5},"response":{"status":200}}`, "request.url is a JSON number, which is the wrong type", ""},
		"an empty entry":             {`{}`, "its URL names no host", ""},
		"null":                       {`null`, "its URL names no host", ""},
		"a number":                   {`5`, "it is a JSON number, and an object is expected", ""},
	} {
		t.Run(title, func(t *testing.T) {
			srv := shop(t)
			file := filepath.Join(t.TempDir(), "capture.har")
			const last = `{"request":{"method":"GET","url":"https://api.example.com/orders"},"response":{"status":200,"headers":[],"content":{}}}`
			require.NoError(t, os.WriteFile(file, []byte(`{"log":{"entries":[`+tt.entry+`,`+last+`]}}`), 0o600))
			ingest := func(more ...string) (stdout, stderr string) {
				cmd := command(t, srv, append([]string{"ingest", "har", file, "--host", "api.example.com"}, more...)...)
				var out, errs bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &errs
				require.NoError(t, cmd.Run(), errs.String())
				return out.String(), errs.String()
			}
			shown, dryNotes := ingest("--dry-run")
			require.Empty(t, sentTraces(t, srv.Requests()), "a dry run sends nothing")
			_, notes := ingest()
			sent := sentTraces(t, srv.Requests())
			assert.JSONEq(t, "["+strings.Join(strings.Split(strings.TrimSpace(shown), "\n"), ",")+"]", "["+strings.Join(sent, ",")+"]", "dry run and run agree")
			assert.Equal(t, dryNotes, regexp.MustCompile(`(traces?) sent`).ReplaceAllString(notes, "$1 would be sent"))
			assert.NotContains(t, strings.Join(sent, ""), "secret")

			require.NotEmpty(t, sent)
			assert.Equal(t, "GET api.example.com /orders", summary(t, sent[len(sent)-1]), "the next entry is sent")
			switch {
			case strings.Contains(tt.want, "api.example.com"):
				require.Len(t, sent, 2, notes)
				assert.Equal(t, tt.want, summary(t, sent[0]))
				assert.Contains(t, sent[0], tt.field)
			case tt.want == "other host":
				require.Len(t, sent, 1)
				assert.Contains(t, notes, "1 trace sent, 1 of other hosts left out")
			default:
				require.Len(t, sent, 1)
				assert.Contains(t, notes, "capture.har: entry 1: ")
				assert.Contains(t, notes, tt.want)
				assert.Contains(t, notes, "1 trace sent, 1 that a recorder would not send left out")
			}
		})
	}
}

// manyMembers returns members of an object within a JSON text.
func manyMembers(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `\"memberOfItem%d\":1,`, i)
	}
	return text.String() + `\"last\":1`
}

// summary returns method, host and template of a trace.
func summary(t *testing.T, trace string) string {
	t.Helper()
	var x struct {
		Request struct {
			Method string
			URL    struct{ Host, EndpointPath string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(trace), &x))
	return x.Request.Method + " " + x.Request.URL.Host + " " + x.Request.URL.EndpointPath
}

// sentTraces returns the traces that the collector has received.
func sentTraces(t *testing.T, requests []metlotest.Request) (traces []string) {
	t.Helper()
	for _, r := range requests {
		if r.Path != "/log-request/batch" {
			continue
		}
		var batch []json.RawMessage
		require.NoError(t, json.Unmarshal(r.Body, &batch))
		for _, trace := range batch {
			traces = append(traces, string(trace))
		}
	}
	return traces
}

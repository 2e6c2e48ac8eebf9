package backend

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// stamp is a time in the API's form: UTC with milliseconds, or null for zero.
type stamp struct{ time.Time }

// MarshalJSONTo writes the stamp.
func (t stamp) MarshalJSONTo(enc *jsontext.Encoder) error {
	if t.IsZero() {
		return enc.WriteToken(jsontext.Null)
	}
	return enc.WriteToken(jsontext.String(t.UTC().Format("2006-01-02T15:04:05.000Z")))
}

// endpoint is a row of api_endpoint with its related rows.
type endpoint struct {
	uuid, path, pathRegex, host, method, riskScore string
	createdAt, updatedAt, firstDetected            time.Time
	lastActive                                     time.Time
	numberParams                                   int
	owner, specName                                *string
	oldEndpointUuids, resourcePermissions          []string
	authDetected                                   bool
	authUserSet                                    *bool
	isGraphQL, userSet, fullTrace                  bool
	hostIPs, srcIPs, graphQLMetadata               jsontext.Value
	tokens                                         [6]*string

	fields    []*dataField
	traces    []*trace
	seenPaths []string
	calls     map[time.Time]int
	// fieldsSeen is the time of the last analysis of fields in calls with a status.
	fieldsSeen map[int]time.Time
	pattern    *regexp.Regexp
}

func emptyObject() jsontext.Value { return jsontext.Value("{}") }

// newEndpoint returns an endpoint that nothing is known of but its address.
func (st *Store) newEndpoint(host, method, path string) *endpoint {
	now := st.tick()
	e := &endpoint{
		uuid: st.newUUID(), path: path, pathRegex: pathRegex(path), host: host, method: method, riskScore: "none",
		createdAt: now, updatedAt: now, oldEndpointUuids: []string{}, resourcePermissions: []string{},
		authDetected: true, hostIPs: emptyObject(), srcIPs: emptyObject(), graphQLMetadata: emptyObject(),
		calls: map[time.Time]int{},
	}
	for _, token := range pathTokens(path) {
		if isParam(token) {
			e.numberParams++
		}
	}
	// The columns hold the tokens between all slashes except the first.
	for i, token := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		if i == len(e.tokens) {
			break
		}
		if isParam(token) {
			token = "{param}"
		}
		e.tokens[i] = &token
	}
	return e
}

// field returns the one at a place, nil when there is none.
func (e *endpoint) field(section, path string, status int, contentType string) *dataField {
	for _, f := range e.fields {
		if f.dataSection == section && f.dataPath == path && f.statusCode != nil && *f.statusCode == status &&
			f.contentType != nil && *f.contentType == contentType {
			return f
		}
	}
	return nil
}

func pathTokens(path string) []string {
	if path == "/" {
		return []string{"/"}
	}
	return slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return s == "" })
}

func isParam(token string) bool {
	return strings.HasPrefix(token, "{") && strings.HasSuffix(token, "}")
}

func pathRegex(path string) string {
	tokens := strings.Split(path, "/")
	for i, token := range tokens {
		if isParam(token) {
			tokens[i] = "[^/]+"
		}
	}
	return "^" + strings.Join(tokens, "/") + "(/)*$"
}

func (e *endpoint) matchesPath(path string) bool {
	if e.pattern == nil || e.pattern.String() != e.pathRegex {
		re, err := regexp.Compile(e.pathRegex)
		if err != nil {
			re = regexp.MustCompile(`^` + regexp.QuoteMeta(e.path) + `$`)
		}
		e.pattern = re
	}
	return e.pattern.MatchString(path)
}

func (e *endpoint) authenticated() bool {
	if e.authUserSet != nil {
		return *e.authUserSet
	}
	return e.authDetected
}

// dataClasses returns the distinct classes of the fields, sorted.
func (e *endpoint) dataClasses() []string {
	var classes []string
	for _, f := range e.fields {
		classes = append(classes, f.dataClasses...)
	}
	slices.Sort(classes)
	return slices.Compact(classes)
}

// dataField is a row of data_field.
type dataField struct {
	endpoint                                       *endpoint
	uuid, dataType, dataSection, dataPath          string
	dataClasses, falsePositives, scannerIdentified []string
	dataTag, contentType, entity                   *string
	createdAt, updatedAt, lastSeen                 time.Time
	statusCode                                     *int
	isNullable                                     *bool
	matches                                        jsontext.Value
}

func (f *dataField) setTag() {
	f.dataTag = nil
	if len(f.dataClasses) > 0 {
		pii := "PII"
		f.dataTag = &pii
	}
}

// alert is a row of alert.
type alert struct {
	endpoint                                   *endpoint
	uuid, kind, riskScore, description, status string
	createdAt, updatedAt                       time.Time
	resolutionMessage                          *string
	context                                    jsontext.Value
}

// spec is a row of open_api_spec.
type spec struct {
	name, text, extension               string
	hosts                               []string
	createdAt, updatedAt, specUpdatedAt time.Time
	autoGenerated                       bool
	context                             jsontext.Value
}

// webhook is a row of webhook.
type webhook struct {
	uuid, url         string
	createdAt         time.Time
	alertTypes, hosts []string
	runs              []webhookRun
}

type apiKey struct {
	key, name, keyFor string
	created           time.Time
}

package backend

import (
	"slices"
	"strings"
	"time"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

const (
	fieldLimit        = 200
	graphQLFieldLimit = 250
	// fieldStep is the minimum change of a field's last time that is written.
	fieldStep = 24 * time.Hour
)

// recordFields stores the fields of a call. Version 2 takes those of the body from the agent's analysis.
func (st *Store) recordFields(o *observation, e *endpoint) {
	for _, found := range o.findings(e) {
		st.recordField(e, found, dataType(found.value), o.at)
	}
	if !o.v2 {
		return
	}
	for place, types := range o.processed.Object("dataTypes").All() {
		kind := "unknown"
		list, _ := types.([]any)
		for _, t := range list {
			if t != "null" {
				kind = js.String(t)
			}
		}
		st.recordField(e, o.processedPlace(e, place), kind, o.at)
	}
}

// processedPlace parses a place of processed data, such as resBody.user.email.
func (o *observation) processedPlace(e *endpoint, place string) finding {
	section, path, _ := strings.Cut(place, ".")
	request, response := o.contentTypes()
	f := finding{section: section, status: noStatus}
	switch section {
	case "reqBody":
		f.contentType = request
	case "resHeaders":
		f.status = o.status
	case "resBody":
		f.contentType, f.status = response, o.status
	}
	wild := e.wildPlaces()
	if path == "" {
		return f
	}
	for name := range strings.SplitSeq(path, ".") {
		if name != "[]" {
			name, wild = wildcard(f, name, wild)
		}
		f.path = joinPath(f.path, name)
	}
	return f
}

// recordField stores a field, or its new properties.
func (st *Store) recordField(e *endpoint, found finding, kind string, at time.Time) {
	f := e.field(found.section, found.path, found.status, found.contentType)
	if f == nil {
		limit := fieldLimit
		if e.isGraphQL {
			limit = graphQLFieldLimit
		}
		if len(e.fields) >= limit || !slices.Contains(dataSections(), found.section) {
			return
		}
		isNull := kind == "unknown"
		st.addField(e, &dataField{
			uuid: st.newUUID(), dataType: kind, dataSection: found.section, dataPath: found.path,
			dataClasses: []string{}, falsePositives: []string{}, scannerIdentified: []string{}, contentType: &found.contentType,
			createdAt: at, updatedAt: at, lastSeen: at, statusCode: &found.status, isNullable: &isNull, matches: emptyObject(),
		})
		return
	}
	changed := at.Sub(f.lastSeen) > fieldStep
	if kind == "unknown" && (f.isNullable == nil || !*f.isNullable) {
		isNull := true
		f.isNullable, changed = &isNull, true
	}
	if kind != "unknown" && kind != f.dataType && at.After(f.updatedAt) {
		f.dataType, changed = kind, true
	}
	if changed {
		f.updatedAt, f.lastSeen = at, at
	}
}

// sensitiveMap holds the data classes of each place of a call.
func (st *Store) sensitiveMap(o *observation, e *endpoint) *js.Object {
	sensitive := js.New()
	add := func(key string, found []any) {
		known, _ := sensitive.Get(key).([]any)
		for _, class := range found {
			if !slices.Contains(known, class) {
				known = append(known, class)
			}
		}
		sensitive.Set(key, append([]any{}, known...))
	}
	for _, f := range o.findings(e) {
		add(f.key(), st.scanned(f.path, f.value))
	}
	if o.v2 {
		for place, found := range o.processed.Object("sensitiveDataDetected").All() {
			list, _ := found.([]any)
			f := o.processedPlace(e, place)
			add(f.key(), list)
		}
	}
	return sensitive
}

// scanKey holds the inputs of a scan, except for the classes.
type scanKey struct{ name, value string }

const scansKept = 10_000

// scanned is like scan with a cache: services send the same values repeatedly.
func (st *Store) scanned(name string, value any) []any {
	text, isText := value.(string)
	if !isText {
		return st.scan(name, value)
	}
	key := scanKey{name, text}
	found, known := st.scans[key]
	if !known {
		found = st.scan(name, value)
		if st.scans == nil || len(st.scans) >= scansKept {
			st.scans = map[scanKey][]any{}
		}
		st.scans[key] = found
	}
	return found
}

// scan returns the classes of a value and of its name.
func (st *Store) scan(name string, value any) []any {
	st.classes()
	_, isText := value.(string)
	var found []string
	if value != nil && !js.IsUndefined(value) {
		found = st.scanner.Scan(js.String(value), isText)
	}
	for _, class := range st.scanner.ScanName(name) {
		if !slices.Contains(found, class) {
			found = append(found, class)
		}
	}
	var list []any
	for _, class := range found {
		list = append(list, class)
	}
	return list
}

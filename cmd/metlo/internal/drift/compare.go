// Package drift compares OpenAPI documents with the inventory of an instance. It depends on documents and values of the
// SDK, not on commands and clients.
package drift

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/cmd/metlo/internal/rules"
)

// The rules.
const (
	ShadowEndpoint             = "shadow-endpoint"              // seen, and in no document
	ZombieEndpoint             = "zombie-endpoint"              // documented, and not seen for a time
	UndocumentedField          = "undocumented-field"           // seen, and undocumented or of another type
	UndocumentedSensitiveField = "undocumented-sensitive-field" // seen, undocumented, and carries a data class
	UndocumentedStatus         = "undocumented-status"
	UndocumentedContentType    = "undocumented-content-type"
	MissingAuthentication      = "missing-authentication"      // documented, and served without credentials
	UndocumentedAuthentication = "undocumented-authentication" // undocumented, and only served with credentials
)

// Rules returns all rules, the worst first.
func Rules() []string {
	return []string{
		MissingAuthentication, UndocumentedSensitiveField, ShadowEndpoint, ZombieEndpoint, UndocumentedField, UndocumentedStatus,
		UndocumentedContentType, UndocumentedAuthentication,
	}
}

// severityOf returns the usual severity of a rule.
func severityOf(rule string) findings.Severity {
	known, _ := rules.Lookup(rule)
	return findings.Severity(known.Severity)
}

// Options select what is compared.
type Options struct {
	Hosts     []string  // Hosts are the hosts of the instance to compare; empty for those that the documents name.
	Since     time.Time // Since is the time after which a documented operation must have been seen; otherwise it is a zombie.
	SeenSince time.Time // SeenSince leaves out endpoints and fields last seen before; zero leaves out nothing.
}

// Result holds the findings of a comparison.
type Result struct {
	Findings   *findings.List
	Documents  int // Documents is the number of compared documents.
	Operations int
	Endpoints  int
	Unknown    []string // Unknown lists the documents that could not be compared, with the reasons.
	Notes      []string // Notes list what is unknown and what was left out.
}

// Comparison compares documents with endpoints. Its methods are not safe for concurrent use.
type Comparison struct {
	options    Options
	documents  []*Document
	operations []*operation
	left       []string          // documents without a host
	tree       paths[*operation] // operations by host in lower case
	byPath     map[string]place  // places by host and path of a document, without parameter names
	onHost     map[string][]*Document
	bases      map[basePath][]string // elements of each base path
	hosts      map[string]*host      // compared hosts by name
	endpoints  paths[metlo.Endpoint]
	result     *Result
	count      map[string]int      // number of cases for each note
	names      map[string][]string // examples for each note
	reported   map[string]bool
}

// basePath is a path on a host where a document is served.
type basePath struct {
	document   *Document
	host, path string
}

type host struct {
	watched time.Time // start of the recorded traffic; zero if there was none
	traffic bool
}

// New prepares a comparison of documents with an instance that has the given hosts. It skips documents whose servers
// are not among the hosts.
func New(documents []*Document, hosts []string, options Options) (*Comparison, error) {
	if len(documents) == 0 {
		return nil, errors.New("there is no OpenAPI document to compare")
	}
	c := &Comparison{
		options: options, tree: paths[*operation]{}, byPath: map[string]place{}, onHost: map[string][]*Document{}, bases: map[basePath][]string{},
		hosts:     map[string]*host{},
		endpoints: paths[metlo.Endpoint]{}, count: map[string]int{}, names: map[string][]string{}, reported: map[string]bool{},
		result: &Result{Findings: &findings.List{}},
	}
	named := map[string]bool{} // hosts that at least one document names
	for _, d := range documents {
		for _, op := range d.operations {
			for _, s := range op.servers {
				named[s.host] = true
			}
		}
	}
	bindings := map[string][]binding{} // bindings by servers, because most operations share those of their document
	for _, d := range documents {
		var wanted []string
		var operations []*operation
		isBound, isOpen := false, false
		for _, op := range d.operations {
			key := fmt.Sprint(op.servers)
			if _, known := bindings[key]; !known {
				bindings[key] = bind(op.servers, hosts, options.Hosts, named)
			}
			op.bound = bindings[key]
			isBound = isBound || len(op.bound) > 0
			for _, s := range op.servers {
				isOpen = isOpen || s.host == ""
				if s.host != "" && !slices.Contains(wanted, s.host) {
					wanted = append(wanted, s.host)
				}
			}
			operations = append(operations, &op)
		}
		switch {
		case isBound:
			c.add(d, operations)
		case isOpen && len(options.Hosts) == 0 && len(wanted) == 0:
			return nil, fmt.Errorf("%s:%d: its servers name no host: name the host of the instance with --host", d.File, d.top().line)
		case len(options.Hosts) > 0:
			c.left = append(c.left, d.File)
		default:
			c.result.Unknown = append(c.result.Unknown, fmt.Sprintf("%s: the instance has no endpoint on %s; --host names the host that serves it", d.File, strings.Join(wanted, ", ")))
		}
	}
	return c, nil
}

// bind returns the hosts of the instance where servers are served, and their paths. A chosen host that no document
// names takes the place of all documented hosts.
func bind(servers []server, hosts, chosen []string, named map[string]bool) []binding {
	var bound []binding
	add := func(host, path string) {
		if b := (binding{host, path}); !slices.Contains(bound, b) {
			bound = append(bound, b)
		}
	}
	if len(chosen) > 0 {
		hosts = chosen
	}
	for _, h := range hosts {
		name := strings.ToLower(h)
		for _, s := range servers {
			if s.host == name || len(chosen) > 0 && (s.host == "" || !named[name]) {
				add(h, s.base)
			}
		}
	}
	return bound
}

func (c *Comparison) add(d *Document, operations []*operation) {
	c.documents = append(c.documents, d)
	for _, op := range operations {
		c.operations = append(c.operations, op)
		for _, b := range op.bound {
			if c.hosts[b.host] == nil {
				c.hosts[b.host] = &host{}
			}
			if !slices.Contains(c.onHost[b.host], d) {
				c.onHost[b.host] = append(c.onHost[b.host], d)
			}
			c.bases[basePath{d, b.host, b.path}] = elements(b.path)
			c.tree.add(b.host, op.method, elements(b.path+op.template), op)
			key := b.host + formOf(elements(b.path+op.template))
			if _, known := c.byPath[key]; !known {
				c.byPath[key] = placeOf(op.item.Origin).or(op.at)
			}
		}
	}
}

// formOf returns a path without the names of its parameters.
func formOf(path []string) string {
	var form strings.Builder
	for _, element := range path {
		form.WriteByte('/')
		if isParameter(element) {
			form.WriteString("{}")
		} else {
			form.WriteString(plain(element))
		}
	}
	return form.String()
}

// Hosts returns the hosts of the instance whose endpoints are compared.
func (c *Comparison) Hosts() []string { return slices.Sorted(maps.Keys(c.hosts)) }

// Add compares an endpoint of one of the hosts. It reports whether [Comparison.AddDetail] needs the endpoint's details
// after all endpoints were added.
func (c *Comparison) Add(e *metlo.Endpoint) bool {
	on := c.hosts[e.Host]
	if on == nil {
		return false
	}
	c.result.Endpoints++
	seen := lastSeen(e)
	isSeen := !seen.IsZero() || e.OpenAPISpecName == ""
	on.traffic = on.traffic || isSeen
	if first := firstSeen(e); !first.IsZero() && (on.watched.IsZero() || first.Before(on.watched)) {
		on.watched = first
	}
	path := elements(e.Path)
	method := string(e.Method)
	c.endpoints.add(e.Host, method, path, metlo.Endpoint{FirstDetected: e.FirstDetected, LastActive: e.LastActive, OpenAPISpecName: e.OpenAPISpecName})
	operations := c.tree.find(e.Host, method, path)
	for _, op := range operations {
		op.matched = true
		if seen.After(op.lastSeen) {
			op.lastSeen = seen
		}
		op.unknown = op.unknown || isSeen && e.LastActive.IsZero()
	}
	switch {
	case !isSeen: // only a document of the instance describes it
		return false
	case e.IsGraphQL:
		c.note(noteGraphQL, e)
		return false
	case !c.options.SeenSince.IsZero() && !seen.IsZero() && seen.Before(c.options.SeenSince):
		c.note(noteOld, e)
		return false
	case operations != nil:
		return true
	}
	return c.addUndocumented(e, path, seen)
}

// addUndocumented adds an endpoint that no operation matches, and reports whether its details are needed.
func (c *Comparison) addUndocumented(e *metlo.Endpoint, path []string, seen time.Time) bool {
	method := string(e.Method)
	switch {
	case method == "HEAD" && c.tree.find(e.Host, "GET", path) != nil: // every service answers HEAD as GET
	case method == "OPTIONS" && c.isDocumented(e.Host, path):
		c.note(notePreflight, e)
	case c.tree.overlap(e.Host, method, path):
		c.note(noteWide, e)
		return c.covered(e) != nil
	default:
		c.shadow(e, path, seen)
	}
	return false
}

// covered returns the operations that an endpoint represents: the one that a router chooses, and operations without an
// endpoint that a parameter of it covers. The instance may have treated a text as the value of a parameter.
func (c *Comparison) covered(e *metlo.Endpoint) []*operation {
	path, method := elements(e.Path), string(e.Method)
	found := slices.Clone(c.tree.find(e.Host, method, path))
	c.tree.collect(e.Host, method, path, func(op *operation) {
		if !op.matched {
			found = append(found, op)
		}
	})
	slices.SortStableFunc(found[len(c.tree.find(e.Host, method, path)):], func(x, y *operation) int { return strings.Compare(x.template, y.template) })
	return found
}

// isDocumented reports whether a document has a path for any method.
func (c *Comparison) isDocumented(host string, path []string) bool {
	return slices.ContainsFunc(metlo.RestMethods(), func(method metlo.RestMethod) bool { return c.tree.find(host, string(method), path) != nil })
}

// lastSeen returns the time of the last known request to an endpoint; zero if none is known.
func lastSeen(e *metlo.Endpoint) time.Time {
	if e.FirstDetected.After(e.LastActive) {
		return e.FirstDetected
	}
	return e.LastActive
}

func firstSeen(e *metlo.Endpoint) time.Time {
	if e.FirstDetected.IsZero() {
		return e.LastActive
	}
	return e.FirstDetected
}

func (c *Comparison) shadow(e *metlo.Endpoint, path []string, seen time.Time) {
	at := c.byPath[e.Host+formOf(path)]
	message := "the document has the path for other methods, and not for this one"
	if at.line == 0 {
		documents := c.onHost[e.Host]
		at, message = documents[0].top(), "no document has this endpoint"
		if len(documents) == 1 {
			message = "the document does not have this endpoint"
		}
		longest := -1
		for base, begin := range c.bases {
			n := len(begin)
			if base.host == e.Host && n <= len(path) && slices.EqualFunc(begin, path[:n], func(x, y string) bool { return plain(x) == plain(y) }) &&
				(n > longest || n == longest && base.document.File < at.file) {
				longest, at = n, base.document.top()
			}
		}
	}
	severity := severityOf(ShadowEndpoint)
	if len(e.DataClasses) > 0 {
		severity = findings.High
		message += "; it carries " + strings.Join(e.DataClasses, ", ")
	}
	if seen.IsZero() {
		message += "; it is not known when it was last seen"
	} else {
		message += "; last seen " + day(seen)
	}
	c.report(ShadowEndpoint, severity, e, "", message, at)
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

func (c *Comparison) report(rule string, severity findings.Severity, e *metlo.Endpoint, field, message string, at place) {
	key := strings.Join([]string{rule, string(e.Method), e.Host, e.Path, field}, "\x00")
	if c.reported[key] {
		return
	}
	c.reported[key] = true
	c.result.Findings.Add(&findings.Finding{
		ID: e.UUID, Rule: rule, Severity: severity, Method: string(e.Method), Host: e.Host, Path: e.Path, Field: field, Message: message,
		File: at.file, Line: at.line,
	})
}

// The notes on unknown results.
const (
	noteGraphQL    = "%s of GraphQL not compared with documents"
	noteOld        = "%s left out: last seen before the time of --seen-since"
	notePreflight  = "%s for OPTIONS of a documented path left out: browsers send them before a request"
	noteWide       = "%s could not be distinguished from documented ones: a parameter stands for several documented paths, or for none"
	noteUnseen     = "%s covered only by an endpoint that stands for several paths: not known whether they were seen"
	noteNoTime     = "%s with an endpoint whose last request is not known: not known whether they are zombies"
	noteTooYoung   = "%s not seen, on hosts that were not watched for that long: not known whether they are zombies; try a later --since"
	noteNoTraffic  = "%s only on hosts without traffic: not compared"
	noteNoEvidence = "%s without evidence on authentication: no request shows whether it came with credentials"
	noteFull       = "%s with as many fields as the instance keeps: further ones are not known"
)

const (
	namesShown   = 3
	fieldsKept   = 200 // maximum number of fields of an endpoint on the server
	endpointNoun = "endpoint"
)

func (c *Comparison) note(note string, e *metlo.Endpoint) { c.noteNamed(note, name(e)) }

func (c *Comparison) noteNamed(note, name string) {
	c.count[note]++
	names := append(c.names[note], name) //nolint:gocritic // the result replaces the slice in the map
	slices.Sort(names)
	c.names[note] = names[:min(len(names), namesShown)]
}

func name(e *metlo.Endpoint) string { return string(e.Method) + " " + e.Host + e.Path }

// notes returns the notes with their counts and examples.
func (c *Comparison) notes() []string {
	var all []string
	for _, note := range []string{
		noteGraphQL, noteOld, notePreflight, noteWide, noteUnseen, noteNoTime, noteTooYoung, noteNoTraffic, noteNoEvidence, noteFull,
	} {
		n := c.count[note]
		if n == 0 {
			continue
		}
		noun := endpointNoun
		if note == noteUnseen || note == noteNoTime || note == noteTooYoung || note == noteNoTraffic {
			noun = "documented operation"
		}
		examples := strings.Join(c.names[note], ", ")
		if n > namesShown {
			examples += ", …"
		}
		all = append(all, fmt.Sprintf(note, output.Count(n, noun))+" ("+examples+")")
	}
	if len(c.left) > 0 {
		all = append(all, output.Count(len(c.left), "document")+" left out, of other hosts: "+strings.Join(c.left, ", "))
	}
	return all
}

// Result returns the findings. Call it after all endpoints were added.
func (c *Comparison) Result() *Result {
	r := c.result
	compared := map[*Document]bool{}
	for _, op := range c.operations {
		if c.hasTraffic(op) {
			compared[op.document] = true
			r.Operations++
			c.zombie(op)
		}
	}
	for _, op := range c.operations {
		if compared[op.document] && !c.hasTraffic(op) {
			c.noteNamed(noteNoTraffic, op.method+" "+op.template)
		}
	}
	for _, d := range c.documents {
		if compared[d] {
			r.Documents++
			continue
		}
		var names []string
		for _, name := range c.Hosts() {
			if slices.Contains(c.onHost[name], d) {
				names = append(names, name)
			}
		}
		r.Unknown = append(r.Unknown, d.File+": no traffic of "+strings.Join(names, ", ")+" was seen")
	}
	r.Notes = append(c.notes(), r.Notes...)
	r.Findings.Sort()
	return r
}

func (c *Comparison) hasTraffic(op *operation) bool {
	return slices.ContainsFunc(op.bound, func(b binding) bool { return c.hosts[b.host].traffic })
}

// zombie reports an operation as a zombie if it is known that the operation was not seen for a time.
func (c *Comparison) zombie(op *operation) {
	since := c.options.Since
	if since.IsZero() || op.matched && !op.lastSeen.IsZero() && !op.lastSeen.Before(since) {
		return
	}
	on := op.bound[0]
	var watched time.Time
	for _, b := range op.bound {
		h := c.hosts[b.host]
		if h.traffic && !c.hosts[on.host].traffic {
			on = b
		}
		if !h.watched.IsZero() && (watched.IsZero() || h.watched.Before(watched)) {
			watched = h.watched
		}
	}
	shown := &metlo.Endpoint{Method: metlo.RestMethod(op.method), Host: on.host, Path: "/" + strings.Join(elements(on.path+op.template), "/")}
	active := func(e metlo.Endpoint) bool {
		seen := lastSeen(&e)
		return seen.IsZero() && e.OpenAPISpecName == "" || !seen.IsZero() && !seen.Before(since)
	}
	message := "documented, and not seen since traffic of the host is watched, which is since " + day(watched)
	switch {
	case op.unknown:
		c.note(noteNoTime, shown)
		return
	case !op.lastSeen.IsZero():
		message = "documented, and last seen " + day(op.lastSeen)
	case slices.ContainsFunc(op.bound, func(b binding) bool {
		return c.endpoints.cover(b.host, op.method, elements(b.path+op.template), active)
	}):
		c.note(noteUnseen, shown)
		return
	case watched.IsZero() || watched.After(since):
		c.note(noteTooYoung, shown)
		return
	}
	c.report(ZombieEndpoint, severityOf(ZombieEndpoint), shown, "", message, op.at)
}

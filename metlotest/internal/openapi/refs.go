package openapi

import (
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// resolver follows references within a document.
type resolver struct {
	root *js.Object
	seen map[any]bool
}

// workingFolder is the folder against which the server resolves paths of other documents.
const workingFolder = "/srv/metlo/backend/"

// check returns the message of json-schema-ref-parser about the first invalid reference. References to other documents
// come first; none is ever read.
func (r *resolver) check() string {
	r.seen = map[any]bool{}
	if message := r.walk(r.root, externalProblem); message != "" {
		return message
	}
	r.seen = map[any]bool{}
	return r.walk(r.root, func(ref string) string {
		_, message := r.pointer(ref)
		return message
	})
}

func (r *resolver) walk(v any, visit func(ref string) string) string {
	switch v := v.(type) {
	case *js.Object:
		if r.seen[v] {
			return ""
		}
		r.seen[v] = true
		if ref, isText := v.Get("$ref").(string); isText && ref != "" {
			if message := visit(ref); message != "" {
				return message
			}
		}
		for _, member := range v.All() {
			if message := r.walk(member, visit); message != "" {
				return message
			}
		}
	case []any:
		for _, e := range v {
			if message := r.walk(e, visit); message != "" {
				return message
			}
		}
	}
	return ""
}

func externalProblem(ref string) string {
	if ref[0] == '#' {
		return ""
	}
	document, _, _ := strings.Cut(ref, "#")
	if strings.HasPrefix(document, "http://") || strings.HasPrefix(document, "https://") {
		return "Error downloading " + document + " "
	}
	if !strings.HasPrefix(document, "/") {
		document = path.Join(workingFolder, document)
	}
	return `Unable to resolve $ref pointer "` + document + `"`
}

// pointer resolves a reference into the document.
func (r *resolver) pointer(ref string) (v any, message string) {
	fragment := strings.TrimPrefix(ref, "#")
	v = r.root
	if fragment == "" || fragment == "/" {
		return v, ""
	}
	for depth, token := range strings.Split(strings.TrimPrefix(fragment, "/"), "/") {
		if decoded, err := url.PathUnescape(token); err == nil {
			token = decoded
		}
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		if o, isObject := v.(*js.Object); isObject && depth > 0 && !o.Has(token) {
			v = r.follow(o)
		}
		next, found := member(v, token)
		if !found {
			return nil, `Token "` + token + `" does not exist.`
		}
		v = next
	}
	return v, ""
}

func member(v any, name string) (any, bool) {
	switch v := v.(type) {
	case *js.Object:
		return v.Get(name), v.Has(name)
	case []any:
		i, err := strconv.Atoi(name)
		if err == nil && i >= 0 && i < len(v) {
			return v[i], true
		}
	}
	return nil, false
}

// follow returns the target of a reference, through further references.
func (r *resolver) follow(v any) any {
	const longest = 100
	for range longest {
		o, isObject := v.(*js.Object)
		if !isObject {
			return v
		}
		ref, isText := o.Get("$ref").(string)
		if !isText || !strings.HasPrefix(ref, "#") {
			return v
		}
		target, message := r.pointer(ref)
		if message != "" {
			return v
		}
		v = target
	}
	return v
}

// object returns a member with its reference followed.
func (r *resolver) object(o *js.Object, name string) *js.Object {
	v := r.follow(o.Get(name))
	target, _ := v.(*js.Object)
	return target
}

package apitest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metlo "github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
	"github.com/metlo-go/metlo/apitest/internal/ordered"
	"github.com/metlo-go/metlo/apitest/internal/script"
	"github.com/metlo-go/metlo/testingconfig"
)

// entityRef is a reference from a data field of the endpoint to an entity of the testing config.
type entityRef struct {
	owner string // the actor or resource
	place string // such as req.path.orderId
	inReq bool
}

var sectionPlaces = map[metlo.DataSection]string{
	metlo.SectionRequestPath:     "req.path",
	metlo.SectionRequestQuery:    "req.query",
	metlo.SectionRequestHeaders:  "req.header",
	metlo.SectionRequestBody:     "req.body",
	metlo.SectionResponseHeaders: "res.header",
	metlo.SectionResponseBody:    "res.body",
}

// entityRefs returns the data fields of the endpoint that refer to an entity of the testing config.
func (in *TemplateInput) entityRefs() []entityRef {
	var out []entityRef
	for _, f := range in.Endpoint.DataFields {
		owner, key, ok := strings.Cut(f.Entity, ".")
		items := in.items(owner)
		if !ok || len(items) == 0 {
			continue
		}
		if _, known := items[0].Get(key); !known {
			continue
		}
		place := sectionPlaces[f.DataSection]
		if f.DataPath != "" {
			place += "." + f.DataPath
		}
		out = append(out, entityRef{owner: owner, place: place, inReq: strings.HasPrefix(string(f.DataSection), "req")})
	}
	return out
}

// items returns the instances of the actor or resource called name.
func (in *TemplateInput) items(name string) []testingconfig.Object {
	for _, a := range in.Config.Actors {
		if a.Name == name {
			return a.Items
		}
	}
	for _, r := range in.Config.Resources {
		if r.Name == name {
			return r.Items
		}
	}
	return nil
}

// requestEntities returns the values of the first instance of each entity that the request refers to.
func (in *TemplateInput) requestEntities() entityValues {
	out := entityValues{}
	for _, ref := range in.entityRefs() {
		if ref.inReq {
			out.add(ref.owner, in.items(ref.owner)[0])
		}
	}
	return out
}

func (v entityValues) add(owner string, item testingconfig.Object) {
	for _, f := range item {
		v[owner+"."+f.Name] = ordered.Value(f.Value)
	}
}

// neededPermissions holds the permissions that a request to the endpoint requires on one resource.
type neededPermissions struct {
	resource    string
	permissions []string
}

// permissionsNeeded returns the permissions that the endpoint requires, by resource, in the order of the config.
func (in *TemplateInput) permissionsNeeded() ([]neededPermissions, error) {
	refs := in.entityRefs()
	var out []neededPermissions
	for _, r := range in.Config.Resources {
		var perms []string
		for _, rule := range r.Endpoints {
			applies, err := in.applies(rule, r.Name, refs)
			if err != nil {
				return nil, err
			}
			if !applies {
				continue
			}
			for _, p := range rule.Permissions {
				if !slices.Contains(perms, p) {
					perms = append(perms, p)
				}
			}
		}
		if len(perms) > 0 {
			out = append(out, neededPermissions{resource: r.Name, permissions: perms})
		}
	}
	return out, nil
}

func (in *TemplateInput) applies(rule testingconfig.EndpointRule, resource string, refs []entityRef) (bool, error) {
	if len(rule.Methods) > 0 && !slices.Contains(rule.Methods, string(in.Endpoint.Method)) {
		return false, nil
	}
	for _, m := range []struct{ pattern, text string }{{rule.Host, in.Endpoint.Host}, {rule.Path, in.Endpoint.Path}} {
		ok, err := patternMatches(m.pattern, m.text)
		if err != nil || !ok {
			return false, err
		}
	}
	if rule.ContainsResource == nil {
		return true, nil
	}
	owner := rule.ContainsResource.Type
	if owner == "" {
		owner = resource
	}
	return slices.ContainsFunc(refs, func(ref entityRef) bool {
		return ref.owner == owner && strings.HasPrefix(ref.place, rule.ContainsResource.Path)
	}), nil
}

// patternMatches reports whether a JavaScript regular expression matches somewhere in text. An empty pattern matches
// everything.
func patternMatches(pattern, text string) (bool, error) {
	if pattern == "" {
		return true, nil
	}
	engine := script.New(script.Default(), nil)
	defer engine.Close()
	_, found, err := engine.Match(context.Background(), pattern, text)
	if err != nil {
		return false, fmt.Errorf("pattern %q of the testing config: %w", pattern, err)
	}
	return found, nil
}

// authActor is an instance of an actor that has credentials.
type authActor struct {
	name   string
	number int // counted from 1
	auth   string
	item   testingconfig.Object
}

func (a *authActor) String() string {
	item := slices.DeleteFunc(slices.Clone(a.item), func(f testingconfig.Property) bool { return f.Name == "auth" })
	return a.name + "(" + listFields(item) + ")"
}

// identity returns the name that variables and reports use for the actor, such as Customer_1.
func (a *authActor) identity() string {
	return fmt.Sprintf("%s_%d", oddCharacter.ReplaceAllString(a.name, "_"), a.number)
}

func listFields(item testingconfig.Object) string {
	parts := make([]string, len(item))
	for i, f := range item {
		parts[i] = f.Name + "=" + jsvalue.String(ordered.Value(f.Value))
	}
	return strings.Join(parts, ",")
}

func (in *TemplateInput) authActors() []authActor {
	var out []authActor
	for _, a := range in.Config.Actors {
		for i, item := range a.Items {
			auth, _ := item.Get("auth")
			if auth == nil || auth == "" {
				continue
			}
			out = append(out, authActor{name: a.Name, number: i + 1, auth: jsvalue.String(ordered.Value(auth)), item: item})
		}
	}
	return out
}

// access describes what one actor may do with the instances of one resource.
type access struct {
	resource string
	// allowed and denied hold the instances. Both are empty when the resource has none.
	allowed, denied []accessItem
	// wholeResource reports whether the actor may use a resource that has no instances.
	wholeResource bool
}

func (a *access) hasItems() bool { return len(a.allowed)+len(a.denied) > 0 }

type accessItem struct {
	item   testingconfig.Object
	reason string
}

// accessTo divides the instances of a resource into those on which actor has all needed permissions and the others.
func (in *TemplateInput) accessTo(actor *authActor, need neededPermissions) access {
	out := access{resource: need.resource}
	grants := in.grants(actor, need)
	items := in.items(need.resource)
	if len(items) == 0 {
		out.wholeResource = slices.ContainsFunc(grants, func(p testingconfig.Permission) bool { return len(p.Resource.Filters) == 0 })
		return out
	}
	for _, item := range items {
		i := slices.IndexFunc(grants, func(p testingconfig.Permission) bool { return matches(item, p.Resource.Filters) })
		target := need.resource + "(" + listFields(item) + ")."
		if i < 0 {
			out.denied = append(out.denied, accessItem{item, fmt.Sprintf("%s does not have %s access to %s",
				actor, strings.Join(need.permissions, ","), target)})
			continue
		}
		out.allowed = append(out.allowed, accessItem{item, fmt.Sprintf("%s has %s access to %s",
			actor, strings.Join(grants[i].Permissions, ","), target)})
	}
	return out
}

// grants returns the permissions of actor that include need, the least specific first.
func (in *TemplateInput) grants(actor *authActor, need neededPermissions) []testingconfig.Permission {
	var out []testingconfig.Permission
	for _, p := range in.Config.Permissions {
		covers := !slices.ContainsFunc(need.permissions, func(n string) bool { return !slices.Contains(p.Permissions, n) })
		if covers && p.Actor.Name == actor.name && p.Resource.Name == need.resource && matches(actor.item, p.Actor.Filters) {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b testingconfig.Permission) int {
		return len(a.Actor.Filters) + len(a.Resource.Filters) - len(b.Actor.Filters) - len(b.Resource.Filters)
	})
	return out
}

func matches(it, filters testingconfig.Object) bool {
	return !slices.ContainsFunc(filters, func(f testingconfig.Property) bool {
		v, _ := it.Get(f.Name)
		return !jsvalue.LooseEqual(v, f.Value)
	})
}

package resourcelang

// Values returns a statement as the server has it: an object with type, and name and members, or actor, permissions
// and resource, or val. object makes such an object from keys and values in JavaScript's order.
func (s *Statement) Values(object func(keys []string, values []any) any) any {
	switch s.Kind {
	case Comment:
		return object([]string{"type", "val"}, []any{string(s.Kind), s.Text})
	case Permission:
		return object([]string{"type", "actor", "permissions", "resource"}, []any{
			string(s.Kind), s.Subject.values(object), Value{V: s.Permissions}.values(object), s.Object.values(object),
		})
	case Host, Actor, Resource:
	}
	return object([]string{"type", "name", "members"}, []any{string(s.Kind), s.Name, Value{V: s.Members}.values(object)})
}

func (s Selector) values(object func([]string, []any) any) any {
	if s.Bare {
		return s.Name
	}
	return object([]string{"name", "filters"}, []any{s.Name, Value{V: s.Filters}.values(object)})
}

func (v Value) values(object func([]string, []any) any) any {
	switch x := v.V.(type) {
	case []Value:
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = e.values(object)
		}
		return list
	case []Member:
		var keys []string
		var values []any
		for _, m := range Properties(x) {
			keys, values = append(keys, m.Name), append(values, m.Value.values(object))
		}
		return object(keys, values)
	}
	return v.V
}

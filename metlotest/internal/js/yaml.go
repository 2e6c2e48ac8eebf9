package js

import "github.com/metlo-go/metlo/internal/jsyaml"

// LoadYAML is yaml.load of js-yaml: undefined for a text without a document.
func LoadYAML(text string) (any, error) {
	root, err := jsyaml.Load(text)
	if err != nil {
		return nil, err
	}
	if root == nil {
		return Undefined{}, nil
	}
	return FromYAML(root), nil
}

// FromYAML gives the value of a document. What aliases share is shared in it.
func FromYAML(root *jsyaml.Node) any {
	return root.Values(func(keys []string, values []any) any {
		o := New()
		for i, key := range keys {
			o.Set(key, values[i])
		}
		return o
	})
}

// DumpYAML is yaml.dump of js-yaml.
func DumpYAML(v any) (string, error) { return jsyaml.Dump(v, jsyaml.DumpOptions{}) }

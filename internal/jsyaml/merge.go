package jsyaml

import "fmt"

// mergeAll copies the keys of the value of <<, which is a mapping or a list of mappings, into m.
func (p *parser) mergeAll(m *Node, overridable map[string]bool, value *Node) {
	if value == nil || value.Kind != Sequence {
		p.merge(m, overridable, value)
		return
	}
	for _, source := range value.Items {
		p.merge(m, overridable, source)
	}
}

// merge copies the keys of source that m does not have, and adds them to overridable.
func (p *parser) merge(m *Node, overridable map[string]bool, source *Node) {
	if source == nil || !source.isObject() {
		p.fail("cannot merge mappings; the provided source object is unacceptable")
	}
	for _, pair := range source.objectPairs() {
		// js-yaml 4.1.0 assigns this key, which sets no property.
		if pair.Key == "__proto__" || m.find(pair.Key) >= 0 {
			continue
		}
		if p.merged++; p.merged > MaxMerged {
			p.failLimit(fmt.Sprintf("<< copies more than %d keys", MaxMerged))
		}
		m.set(pair)
		overridable[pair.Key] = true
	}
}

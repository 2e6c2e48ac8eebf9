package apitest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestUnknownNames(t *testing.T) {
	known := func(name string) bool { return name == "ORDER_ID" }
	for source, want := range map[string][]string{
		"resp.data.id == ORDER_ID":                                         nil,
		"resp.data.id == ORDER_ld":                                         {"ORDER_ld"},
		"resp.status < 400 && OWNER !== OTHER && OWNER":                    {"OWNER", "OTHER"},
		"resp.data.items.every(i => i.owner === ME)":                       {"ME"},
		"resp.data.items.every((item, i) => item.n === i)":                 nil,
		"resp.data.items.some(function (x) { return x.id == y })":          {"y"},
		"const { a, b } = resp.data; let c = 1; a + b + c == d":            {"d"},
		"JSON.parse(resp.data).ok === true":                                nil,
		"resp.headers['x-request-id'] != \"MISSING 'one'\" // not NAMED":   nil,
		"/^[A-Z/]+$/.test(resp.data.name) || !/x y/i.test(resp.data.name)": nil,
		"resp.data.total / COUNT / 2 > 1e3":                                {"COUNT"},
		"({ key: resp.status, other: NAME }).key == 200":                   {"NAME"},
		"resp.status == 200 ? YES : NO":                                    {"YES", "NO"},
		"typeof MAYBE === 'undefined'":                                     nil,
		"/* UNSEEN */ resp.data?.id === {{ID}}":                            nil,
		"[...ITEMS].length":                                                {"ITEMS"},
		"`${ANYTHING}` == resp.data":                                       nil,
		"try { JSON.parse(resp.data) } catch (e) { e.message == x }":       {"x"},
		"": nil,
	} {
		assert.ElementsMatch(t, want, unknownNames(source, known), source)
	}
}

func TestPlaceholdersSeeScripts(t *testing.T) {
	cfg := &Config{ID: "t", Env: []KeyValue{{"ID", "7"}}, Test: []Step{{
		Request: Request{Method: "GET", URL: "http://x/"},
		Extract: []Extractor{{Name: "FOUND", Type: ExtractJS, Value: "resp.data.id + LD"}},
		Assert:  []Assertion{Expr("FOUND == ID && resp.data.owner == OWNR")},
	}}}
	assert.Equal(t, []string{"LD", "OWNR"}, cfg.Placeholders())
	assert.Equal(t, []string{"OWNR"}, cfg.Placeholders(WithEnv(map[string]string{"LD": "1"})))
}

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
		"let a = 1, b = 2; a + b == 3":                                     nil,
		"let a = 1, // one\n  b, c\na + b + c == d":                        {"d"},
		"const o = OWNR\no == 1":                                           {"OWNR"},
		"for (let i = 0, n = resp.data.length; i < n; i++) { i == x }":     {"x"},
		"for (const k of LIST) k":                                          {"LIST"},
		"for (k in resp.data) k":                                           nil,
		"let [x, y] = resp.data, z = 3; z == x":                            nil,
		"const {a = 1, b: {c}, ...rest} = resp.data; a + c + rest":         nil,
		"[a, b] = resp.data; a == b":                                       nil,
		"const f = x => { let y = x; return y }; f(1)":                     nil,
		"function f({a}) { return a }; f(z)":                               {"z"},
		"class A { m(x) { return x } } new A().m(1)":                       nil,
		"(sum, x = g(1)) => sum + x":                                       nil,
		"resp.data.reduce((sum, x = Number(1)) => sum + x * RATE, 0)":      {"RATE"},
		"total = 0; for (i = 0; i < resp.data.length; i++) total += i":     nil,
		"a=b=1; a == b":                                             nil,
		"if (OWNR) { resp.status == 200 }":                          {"OWNR"},
		"resp.a==NAME&&NAME2==resp.b":                               {"NAME", "NAME2"},
		"({ a: 1, // one\n  b: 2 }).b == 2":                         nil,
		"({ // both\n  a: 1, /* x */ b: 2 }).b == X":                {"X"},
		"const o = { get a() { return 1 }, b() { return 2 } }; o.a": nil,
		"function* g() { yield 1 }; [...g()].length":                nil,
		"outer: for (const a of resp.data) { continue outer }":      nil,
		"switch (resp.status) { case OK: true; default: false }":    {"OK"},
		"(async (x) => x)(1) && ((...args) => args.length)()":       nil,
		"({ [resp.status]: 1, x: resp.ok ? Y : 2 }).x":              {"Y"},
		"try { f() } catch { false }":                               {"f"},
		"let a\nlet b\na = b\nvar c = 1,\n    d\nc == d":            nil,
		"const { a,\n  b } = resp.data\na == b":                     nil,
		"() => /a b/.test(resp.data) ? /c d/ : {}":                  nil,
		"return /a b/.test(resp.data)":                              nil,
		"":                                                          nil,
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

package apitest

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	metlo "github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest/examples/demoshop"
)

// verdictCase is a test and a service, with or without the flaw that the test looks for.
type verdictCase struct {
	name     string
	config   func(t *testing.T) *Config
	service  func(flawed bool) http.Handler
	env      map[string]string // credentials and the like
	global   map[string]string
	payloads map[string][]string
	controls bool // the test must contain its controls
}

const labURL = "http://lab.test"

// run runs a case under synctest, so that slow responses take no time.
func (c *verdictCase) run(t *testing.T, cfg *Config, handler http.RoundTripper, change func(opts []Option) []Option) Outcome {
	t.Helper()
	out := Inconclusive
	synctest.Test(t, func(t *testing.T) {
		opts := []Option{
			AllowHosts("lab.test"), WithHTTPClient(&http.Client{Transport: handler}), patient,
			WithEnv(map[string]string{"BASE_URL": labURL}),
		}
		for name, list := range c.payloads {
			opts = append(opts, WithPayloads(name, list...))
		}
		if c.controls {
			opts = append(opts, RequireControls())
		}
		if change == nil {
			opts = append(opts, WithEnv(c.env), WithGlobalEnv(c.global))
		} else {
			opts = change(opts)
		}
		res, err := Run(t.Context(), cfg, opts...)
		if err != nil {
			return
		}
		assert.Equal(t, res.Outcome == Passed, res.Success)
		if out = res.Outcome; out != Passed {
			assert.NotEmpty(t, allReasons(res), "an outcome without a reason")
		}
		t.Log(res)
	})
	return out
}

func allReasons(r *Result) []string {
	out := slices.Clone(r.Reasons)
	for _, s := range r.Failed() {
		out = append(out, s.Reasons...)
	}
	return out
}

// waysOfTestingNothing returns changes to a sound test, its options or its service after which it tests nothing.
func waysOfTestingNothing(c *verdictCase) map[string]func(t *testing.T, cfg *Config) Outcome {
	sound := func() http.RoundTripper { return handlerTransport{c.service(false)} }
	given := func(opts []Option) []Option { return append(opts, WithEnv(c.env), WithGlobalEnv(c.global)) }
	everywhere := func(f http.HandlerFunc) http.RoundTripper {
		return handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Strict-Transport-Security", "max-age=1")
			w.Header().Set("Content-Security-Policy", "default-src 'none'")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.Header().Set("Set-Cookie", "sid=anonymous; HttpOnly")
			f(w, r)
		})}
	}
	return map[string]func(t *testing.T, cfg *Config) Outcome{
		"wrong variable": func(t *testing.T, cfg *Config) Outcome {
			for i := range cfg.Test {
				r := &cfg.Test[i].Request
				r.Headers = append(slices.Clone(r.Headers), KeyValue{"X-Trace", "{{TARCE}}"})
			}
			return c.run(t, cfg, sound(), nil)
		},
		"missing credential": func(t *testing.T, cfg *Config) Outcome {
			cfg.Env = slices.DeleteFunc(slices.Clone(cfg.Env), func(kv KeyValue) bool { return strings.HasSuffix(kv.Name, "_1_CREDENTIALS") })
			return c.run(t, cfg, sound(), func(opts []Option) []Option { return opts })
		},
		"empty extract": func(t *testing.T, cfg *Config) Outcome {
			first := &cfg.Test[0]
			first.Extract = append(slices.Clone(first.Extract), Extractor{Name: "NOTHING", Value: "resp.data.not.there"})
			return c.run(t, cfg, sound(), nil)
		},
		"unreachable host": func(t *testing.T, cfg *Config) Outcome {
			refused := roundTripper(func(*http.Request) (*http.Response, error) {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
			})
			return c.run(t, cfg, refused, nil)
		},
		"refused host": func(t *testing.T, cfg *Config) Outcome {
			return c.run(t, cfg, sound(), func(opts []Option) []Option {
				return append(given(opts), WithEnv(map[string]string{"BASE_URL": "http://other.test"}))
			})
		},
		"redirect to login": func(t *testing.T, cfg *Config) Outcome {
			return c.run(t, cfg, everywhere(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/login-page" {
					http.Redirect(w, r, "/login-page", http.StatusFound)
					return
				}
				_, _ = fmt.Fprint(w, "<h1>Log in</h1>")
			}), nil)
		},
		"404 instead of 401": func(t *testing.T, cfg *Config) Outcome {
			return c.run(t, cfg, everywhere(func(w http.ResponseWriter, _ *http.Request) {
				reply(w, 404, map[string]any{"error": "no such page"})
			}), nil)
		},
		"empty payload list": func(t *testing.T, cfg *Config) Outcome {
			if len(cfg.Test[0].Payload) == 0 {
				cfg.Test[0].Payload = []Payload{{"P", "EMPTY"}}
			}
			empty := []Option{WithPayloads("EMPTY")}
			for name := range c.payloads {
				empty = append(empty, WithPayloads(name))
			}
			return c.run(t, cfg, sound(), func(opts []Option) []Option { return append(given(opts), empty...) })
		},
	}
}

func templateCases(t *testing.T) []verdictCase {
	t.Helper()
	shop := func(flawed bool) http.Handler { return demoshop.Handler(!flawed) }
	own := map[string]string{"CREDENTIALS": demoshop.AnnToken}
	var out []verdictCase
	for _, tc := range []struct {
		template string
		endpoint *metlo.TestEndpoint
		fill     map[string]string
		global   map[string]string
		payloads map[string][]string
	}{
		{"GENERIC", demoEndpoint("/status", byKey), nil, own, nil},
		{"HSTS", demoEndpoint("/profile", byKey), nil, own, nil},
		{"CSP", demoEndpoint("/profile", byKey), nil, own, nil},
		{"BROKEN_AUTHENTICATION", demoEndpoint("/profile", byKey), nil, own, nil},
		{"BROKEN_AUTHENTICATION", demoEndpoint("/session/profile", byCookie), nil, map[string]string{"COOKIE": "sid=" + demoshop.AnnToken}, nil},
		{"BOLA", demoEndpoint("/orders/{orderId}", byKey, orderID), map[string]string{"USER_A_orderId": "o1", "USER_B_orderId": "o2"},
			map[string]string{"USER_A_CREDENTIALS": demoshop.AnnToken, "USER_B_CREDENTIALS": demoshop.BobToken}, nil},
		{"BOLA_MULTI_TENANT", demoEndpoint("/orders/{orderId}", byKey, orderID), map[string]string{"TENANT_A_orderId": "o1", "TENANT_B_orderId": "o3"},
			map[string]string{"TENANT_A_CREDENTIALS": demoshop.AnnToken, "TENANT_B_CREDENTIALS": demoshop.CidToken}, nil},
		{"BOLA_ADMIN", demoEndpoint("/admin/users", byKey), map[string]string{"NON_ADMIN_USER_ALLOWED_PATH": "/orders/o1"},
			map[string]string{"ADMIN_USER_CREDENTIALS": demoshop.RootToken, "NON_ADMIN_USER_CREDENTIALS": demoshop.AnnToken}, nil},
		{"VALIDATE_AUTH_RULES", demoEndpoint("/orders/{orderId}", nil, orderRef), nil, nil, nil},
		{"VALIDATE_AUTH_RULES", demoEndpoint("/admin/users", nil),
			map[string]string{"Customer_1_ALLOWED_PATH": "/orders/o1", "Customer_2_ALLOWED_PATH": "/orders/o2"}, nil, nil},
		{"SQLI", demoEndpoint("/search", byKey, searched), nil, own, nil},
		{"XSS", demoEndpoint("/greet", byKey, named), nil, own, nil},
		{"TEMPLATE_INJECTION", demoEndpoint("/greet", byKey, named), nil, own, nil},
		{"PATH_TRAVERSAL", demoEndpoint("/files", byKey, named), nil, own, nil},
		{"SQLI_TIME_BASED", demoEndpoint("/search", byKey, searched), nil, own, map[string][]string{"SQLI_TIME": {"' & #", "1 OR SLEEP(2) --"}}},
	} {
		out = append(out, verdictCase{
			name: tc.template + tc.endpoint.Path, service: shop, global: tc.global, payloads: tc.payloads, controls: true,
			config: func(t *testing.T) *Config {
				t.Helper()
				rules, err := ParseTestingConfig(demoRules)
				require.NoError(t, err)
				cfg, err := Generate(tc.template, tc.endpoint, rules, WithRandom(half))
				require.NoError(t, err)
				cfg.Fill(tc.fill)
				return viaFile(t, cfg)
			},
		})
	}
	return out
}

// viaFile marshals a test and parses the result.
func viaFile(t *testing.T, cfg *Config) *Config {
	t.Helper()
	text, err := cfg.Marshal()
	require.NoError(t, err)
	back, err := Parse(text)
	require.NoError(t, err)
	return back
}

func handWrittenCases() []verdictCase {
	var out []verdictCase
	for _, name := range slices.Sorted(maps.Keys(handWritten())) {
		out = append(out, verdictCase{
			name: name, service: newLab,
			env: map[string]string{"ANN": "tok-ann", "PASSWORD": "open sesame"},
			payloads: map[string][]string{
				"XSS": {"<script>alert(1)</script>", "<img src=x onerror=alert(1)>"}, "SQLI": {"' OR 1=1 --", "\"; # é\r\n'"},
			},
			config: func(t *testing.T) *Config {
				t.Helper()
				cfg, err := Parse([]byte("id: t\ntest:\n" + handWritten()[name]))
				require.NoError(t, err)
				return cfg
			},
		})
	}
	return out
}

// TestVerdicts runs every template and the hand-written tests. They pass against a sound service, fail against a flawed
// one, and do not pass in eight ways that test nothing.
func TestVerdicts(t *testing.T) {
	testVerdictRows(t)
	var passed, failed, empty, total, ways int
	for _, c := range append(templateCases(t), handWrittenCases()...) {
		total++
		t.Run(c.name+"/sound", func(t *testing.T) {
			if assert.Equal(t, Passed, c.run(t, c.config(t), handlerTransport{c.service(false)}, nil)) {
				passed++
			}
		})
		t.Run(c.name+"/flawed", func(t *testing.T) {
			if assert.Equal(t, Failed, c.run(t, c.config(t), handlerTransport{c.service(true)}, nil)) {
				failed++
			}
		})
		list := waysOfTestingNothing(&c)
		for _, way := range slices.Sorted(maps.Keys(list)) {
			ways++
			t.Run(c.name+"/"+way, func(t *testing.T) {
				if assert.NotEqual(t, Passed, list[way](t, c.config(t))) {
					empty++
				}
			})
		}
	}
	if strings.Contains(flag.Lookup("test.run").Value.String(), "/") { // -run left out some rows
		return
	}
	fmt.Printf("%d sound passed, %d flawed failed, %d empty not passed\n", passed, failed, empty)
	assert.Equal(t, []int{total, total, ways}, []int{passed, failed, empty})
	assert.GreaterOrEqual(t, total, len(Templates())+20)
	assert.Equal(t, 8*total, ways)
}

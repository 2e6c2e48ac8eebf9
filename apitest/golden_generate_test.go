package apitest

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	metlo "github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
	"github.com/metlo-go/metlo/apitest/internal/ordered"
)

// goldenGenerated represents testdata/generated.json: tests that the original library generated.
type goldenGenerated struct {
	Endpoints map[string]*metlo.TestEndpoint `json:"endpoints"`
	Configs   map[string]json.RawMessage     `json:"configs"`
	Cases     []struct {
		Template string          `json:"template"`
		Endpoint string          `json:"endpoint"`
		Config   string          `json:"config"`
		Test     json.RawMessage `json:"test"`
		YAML     string          `json:"yaml"`
		Error    string          `json:"error"`
	} `json:"cases"`
}

const goldenID = "00000000-0000-4000-8000-000000000000"

func half() float64 { return 0.5 }

// byDesign undoes an intended difference: generated tests use the testingHost of the testing configuration, which the
// original library ignores.
func byDesign(text string) string {
	return strings.ReplaceAll(text, `https://staging.example.org`, `https://api.example.org`)
}

// withoutControls removes the controls, which the original library does not generate.
func withoutControls(cfg *Config) *Config {
	if cfg != nil {
		cfg.Test = slices.DeleteFunc(cfg.Test, func(s Step) bool { return strings.HasPrefix(s.Assert[0].Description, "control: ") })
		cfg.Env = slices.DeleteFunc(cfg.Env, func(kv KeyValue) bool { return strings.HasSuffix(kv.Name, allowedPath) })
	}
	return cfg
}

// unfold joins a line that the original library folds because it is longer than 80 columns.
func unfold(text string) string {
	return regexp.MustCompile(`>-\n +([^\n]*)\n {10}(\S[^\n]*)\n`).ReplaceAllString(text, "$1 $2\n")
}

func goldenGenerateCount(t *testing.T) (matched, differing, total int) {
	var golden goldenGenerated
	readGolden(t, "generated.json", &golden)
	for _, c := range golden.Cases {
		name := c.Template + "/" + c.Endpoint
		differs := false
		ok := t.Run("generate/"+name, func(t *testing.T) {
			cfg, err := Generate(c.Template, golden.Endpoints[c.Endpoint], templateConfigFrom(t, golden.Configs[c.Config]),
				WithRandom(half), WithID(goldenID))
			if errors.Is(err, ErrNotApplicable) {
				assert.Contains(t, []string{"BOLA", "BOLA_MULTI_TENANT"}, c.Template)
				assert.NotEqual(t, "get_by_id", c.Endpoint)
				differs = true
				return
			}
			cfg = withoutControls(cfg)
			if c.Error != "" {
				require.ErrorIs(t, err, ErrNoAuthConfig)
				assert.Contains(t, err.Error(), `host "`+golden.Endpoints[c.Endpoint].Host+`"`)
				return
			}
			require.NoError(t, err)
			var want any
			require.NoError(t, json.Unmarshal(c.Test, &want))
			text, err := cfg.Marshal()
			require.NoError(t, err)
			differs = c.YAML != string(text)
			assert.Equal(t, unfold(c.YAML), byDesign(string(text)))
			raw, err := json.Marshal(cfg)
			require.NoError(t, err)
			var got any
			require.NoError(t, json.Unmarshal([]byte(byDesign(string(raw))), &got))
			assert.Equal(t, want, got)
			back, err := Parse(text)
			require.NoError(t, err)
			assert.Equal(t, cfg.normal(), back)
		})
		total++
		switch {
		case ok && differs:
			differing++
		case ok:
			matched++
		}
	}
	return matched, differing, total
}

// templateConfigFrom parses the original library's form of a testing configuration.
func templateConfigFrom(t *testing.T, raw json.RawMessage) *TestingConfig {
	t.Helper()
	parsed, err := ordered.Parse(string(raw))
	require.NoError(t, err)
	top, _ := parsed.(ordered.Item)
	var b strings.Builder
	for _, kind := range []string{"host", "actor", "resource"} {
		section, _ := top.Get(kind + "s")
		declared, _ := section.(ordered.Item)
		for _, d := range declared {
			var members []string
			for _, m := range d.Value.(ordered.Item) {
				if m.Name != "name" && m.Name != "type" {
					members = append(members, m.Name+" = "+jsvalue.JSON(m.Value))
				}
			}
			fmt.Fprintf(&b, "%s %s { %s }\n", kind, jsvalue.JSON(d.Name), strings.Join(members, ", "))
		}
	}
	list, _ := top.Get("permissions")
	for _, v := range list.([]any) {
		p := v.(ordered.Item)
		permissions, _ := p.Get("permissions")
		actor, _ := p.Get("actor")
		resource, _ := p.Get("resource")
		fmt.Fprintf(&b, "has_permission(%s, %s, %s)\n", selectorText(actor), jsvalue.JSON(permissions), selectorText(resource))
	}
	config, err := ParseTestingConfig(b.String())
	require.NoError(t, err, b.String())
	return config
}

func selectorText(v any) string {
	name, _ := v.(ordered.Item).Get("name")
	filters, _ := v.(ordered.Item).Get("filters")
	var parts []string
	for _, f := range filters.(ordered.Item) {
		parts = append(parts, f.Name+"="+jsvalue.JSON(f.Value))
	}
	return fmt.Sprintf("%s(%s)", name, strings.Join(parts, ", "))
}

package apitest

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	metlo "github.com/metlo-go/metlo"
)

// goldenGenerated is testdata/generated.json: what the original library generated.
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

// generateDifferences lists, by "template/endpoint", where a generated test differs from the original's
// on purpose, and why.
var generateDifferences = map[string]string{}

const goldenID = "00000000-0000-4000-8000-000000000000"

func half() float64 { return 0.5 }

func goldenGenerateCount(t *testing.T) (matched, total int) {
	var golden goldenGenerated
	readGolden(t, "generated.json", &golden)
	for _, c := range golden.Cases {
		name := c.Template + "/" + c.Endpoint
		ok := t.Run("generate/"+name, func(t *testing.T) {
			if why, ok := generateDifferences[name]; ok {
				t.Skip(why)
			}
			cfg, err := Generate(c.Template, golden.Endpoints[c.Endpoint], templateConfigFrom(t, golden.Configs[c.Config]),
				WithRandom(half), WithID(goldenID))
			if c.Error != "" {
				require.ErrorIs(t, err, ErrNoAuthConfig)
				assert.Contains(t, err.Error(), `host "`+golden.Endpoints[c.Endpoint].Host+`"`)
				return
			}
			require.NoError(t, err)
			var want any
			require.NoError(t, json.Unmarshal(c.Test, &want))
			assert.Equal(t, want, asJSON(t, cfg))
			text, err := cfg.Marshal()
			require.NoError(t, err)
			assert.Equal(t, c.YAML, string(text))
			back, err := Parse(text)
			require.NoError(t, err)
			assert.Equal(t, cfg.normal(), back)
		})
		total++
		if ok {
			matched++
		}
	}
	return matched, total
}

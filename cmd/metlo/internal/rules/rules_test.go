package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

func TestEveryRuleIsComplete(t *testing.T) {
	ids := map[string]bool{}
	for _, rule := range All() {
		t.Run(rule.ID, func(t *testing.T) {
			assert.Equal(t, Slug(rule.Title), rule.ID, "the id is the anchor of the title in the document")
			assert.False(t, ids[rule.ID], "ids are unique")
			ids[rule.ID] = true
			assert.NotEmpty(t, rule.Title)
			assert.Contains(t, []Source{Alerts, Drift, Tests}, rule.Source)
			assert.Contains(t, []string{"critical", "high", "medium", "low"}, rule.Severity)
			for name, text := range map[string]string{"meaning": rule.Meaning, "verify": rule.Verify, "fix": rule.Fix} {
				assert.Greater(t, len(text), 40, name)
				assert.True(t, strings.HasSuffix(text, "."), name)
				assert.NotContains(t, text, "  ", name)
				for _, sentence := range strings.SplitAfter(text, ". ") {
					assert.LessOrEqual(t, len(strings.Fields(sentence)), 30, "%s: %s", name, sentence)
				}
			}
			if rule.OWASP != "" {
				assert.Regexp(t, `^API([1-9]|10):2023$`, rule.OWASP)
				assert.NotEmpty(t, owaspPage(rule.OWASP))
			}
			assert.Equal(t, Page+"#"+rule.ID, rule.URL())
		})
	}
}

func TestEveryAlertTypeHasARule(t *testing.T) {
	for _, alertType := range metlo.AlertTypes() {
		rule, known := Lookup(string(alertType))
		assert.True(t, known, alertType)
		assert.Equal(t, alertType, rule.AlertType)
		assert.Equal(t, Slug(string(alertType)), rule.ID)
	}
}

func TestLookup(t *testing.T) {
	tests := map[string]string{
		"pii-data-detected": "pii-data-detected", "PII Data Detected": "pii-data-detected", "pii data detected": "pii-data-detected",
		"PII_DATA_DETECTED": "pii-data-detected", "metlo-pii-data-detected": "pii-data-detected", " Metlo-PII-Data-Detected ": "pii-data-detected",
		"UNSECURED_ENDPOINT": "endpoint-not-secured-by-ssl", "NEW_ENDPOINT": "new-endpoint-detected",
		"Shadow endpoint": "shadow-endpoint", "SHADOW_ENDPOINT": "shadow-endpoint", "metlo-shadow-endpoint": "shadow-endpoint",
		"API test failed": "api-test-failed", "": "", "metlo-": "", "pii": "", "something new": "",
	}
	for name, want := range tests {
		rule, known := Lookup(name)
		assert.Equal(t, want, rule.ID, name)
		assert.Equal(t, want != "", known, name)
	}
}

func TestRulesForTags(t *testing.T) {
	tests := map[string]string{
		"": "api-test-failed", "GENERIC": "api-test-failed", "smoke": "api-test-failed", "bola": "broken-object-level-authorization",
		"ADMIN,BFLA": "broken-function-level-authorization", "HSTS": "missing-security-headers", "SQLI_TIME_BASED": "sql-injection",
	}
	for tags, want := range tests {
		assert.Equal(t, want, ForTags(strings.Split(tags, ",")).ID, tags)
	}
}

func TestSlug(t *testing.T) {
	for name, want := range map[string]string{
		"PII Data Detected": "pii-data-detected", "a  b": "a-b", "--x--": "x", "": "", "\x1b[2K": "2k", "é": "", "a/b_c": "a-b-c",
	} {
		assert.Equal(t, want, Slug(name), name)
	}
}

func TestAllReturnsACopy(t *testing.T) {
	All()[0].ID = "changed"
	assert.NotEqual(t, "changed", All()[0].ID)
}

func TestDocumentIsCurrent(t *testing.T) {
	file := filepath.Join("..", "..", "..", "..", "docs", "rules.md")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, Document(), string(text), "write it with: metlo explain -o markdown > docs/rules.md")
}

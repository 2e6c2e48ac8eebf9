package apitest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestOrdinaryTextsHoldNoAttack compares the fast test for ordinary texts with the expression that it spares.
func TestOrdinaryTextsHoldNoAttack(t *testing.T) {
	attacks := []string{
		"' or 'a'='a", "1 or 1=1", "1 union select a", "union all select a", "1; drop table a", "a'--", "a'#", "sleep(5)", "1 waitfor delay 5",
		"<script>", "<img src=x onerror=a>", "javascript:a", "{{7*7}}", "${jndi:ldap}", "../../a", `..\..\a`, "/etc/passwd", "win.ini", "file:///a",
		"http://169.254.169.254/", `{"$ne": 1}`, "<!entity a>", "; cat a", "|whoami", "$(id)",
	}
	for _, attack := range attacks {
		for _, space := range []string{" ", "\t", "\n", "\r", "\f", "  "} {
			for _, text := range []string{strings.ReplaceAll(attack, " ", space), strings.ToUpper(strings.ReplaceAll(attack, " ", space))} {
				assert.True(t, attackText().MatchString(text), "%q", text)
				assert.False(t, isOrdinary(text), "%q", text)
			}
		}
	}
	for _, text := range []string{"", "Ann Example", "O'Brien", "a@example.com", "2026-12-01", "select", "a=b", "file.txt", "union", "wait"} {
		assert.False(t, attackText().MatchString(text), "%q", text)
	}
}

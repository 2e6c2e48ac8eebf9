package cli

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// didYouMean returns ", did you mean X?" if typed resembles a known name, and otherwise an empty string.
func didYouMean(typed string, known []string) string {
	best, distance := "", max(2, len(typed)/4)+1
	for _, name := range known {
		d := levenshtein.ComputeDistance(normalize(typed), normalize(name))
		if len(typed) > 2 && strings.HasPrefix(normalize(name), normalize(typed)) {
			d = 0
		}
		if d < distance && 2*d <= len(typed) {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %s?", quoteIfNeeded(best))
}

func normalize(name string) string {
	return strings.NewReplacer("_", " ", "-", " ").Replace(strings.ToLower(name))
}

func quoteIfNeeded(text string) string {
	if strings.ContainsAny(text, " \t\"'") {
		return fmt.Sprintf("%q", text)
	}
	return text
}

func sprintLine(format string, args ...any) string { return safetext.Linef(format, args...) }

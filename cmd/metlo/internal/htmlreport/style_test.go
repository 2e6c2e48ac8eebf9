package htmlreport_test

import (
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// backgrounds lists the variables of colors behind text; ornaments lists those of lines without meaning.
var backgrounds, ornaments = []string{"page", "panel"}, []string{"line"}

// TestContrast computes the contrast of each color on each background, in each scheme, as WCAG 2 defines it.
func TestContrast(t *testing.T) {
	style := readStyle(t)
	schemes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(style, -1)
	require.Len(t, schemes, 3, "light, dark and print")
	for i, name := range []string{"light", "dark", "print"} {
		t.Run(name, func(t *testing.T) {
			colors := map[string]float64{}
			for _, match := range regexp.MustCompile(`--([a-z]+): #([0-9a-f]{6});`).FindAllStringSubmatch(schemes[i][1], -1) {
				colors[match[1]] = luminance(t, match[2])
			}
			for _, match := range regexp.MustCompile(`var\(--([a-z]+)\)`).FindAllStringSubmatch(style, -1) {
				assert.Contains(t, colors, match[1], "the scheme lacks a color")
			}
			pairs := 0
			for foreground, x := range colors {
				if slices.Contains(backgrounds, foreground) || slices.Contains(ornaments, foreground) {
					continue
				}
				for _, background := range backgrounds {
					y := colors[background]
					contrast := (max(x, y) + 0.05) / (min(x, y) + 0.05)
					assert.GreaterOrEqual(t, contrast, 4.5, "%s on %s", foreground, background)
					pairs++
				}
			}
			assert.Equal(t, 20, pairs, "each color on each background")
		})
	}
}

// TestColorsAreVariables finds a color that TestContrast would miss, and text on another background.
func TestColorsAreVariables(t *testing.T) {
	rules := regexp.MustCompile(`(?s):root \{.*?\}`).ReplaceAllString(readStyle(t), "")
	assert.NotRegexp(t, `#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(|opacity`, rules)
	for _, match := range regexp.MustCompile(`(?m)([^{}\n]*)\{[^{}]*?background: var\(--([a-z]+)\)`).FindAllStringSubmatch(rules, -1) {
		if !strings.Contains(match[1], ".swatch") { // a swatch holds no text
			assert.Contains(t, backgrounds, match[2], match[1])
		}
	}
}

// TestNothingIsCut looks for declarations that hide overflowing text.
func TestNothingIsCut(t *testing.T) {
	assert.NotRegexp(t, `overflow(-[xy])?:|text-overflow|line-clamp|max-height|clip`, readStyle(t))
	assert.Contains(t, readStyle(t), "overflow-wrap: anywhere", "long names wrap")
}

func readStyle(t *testing.T) string {
	t.Helper()
	style, err := os.ReadFile("style.css")
	require.NoError(t, err)
	return string(style)
}

// luminance returns the relative luminance of a color such as 1b1f24.
func luminance(t *testing.T, color string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(color[2*i:2*i+2], 16, 8)
		require.NoError(t, err)
		channel := float64(n) / 255
		if channel <= 0.04045 {
			channel /= 12.92
		} else {
			channel = math.Pow((channel+0.055)/1.055, 2.4)
		}
		sum += weight * channel
	}
	return sum
}

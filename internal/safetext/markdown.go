package safetext

import (
	"fmt"
	"strings"
)

// Markdown returns text on one line that Markdown shows as it is, also in a cell of a table: without markup, HTML, links,
// images, mentions and references to issues.
func Markdown(text string) string {
	var out strings.Builder
	for _, r := range Line(text) {
		if strings.ContainsRune("\\`*_[]<>#|~@:&!$.", r) {
			fmt.Fprintf(&out, "&#%d;", r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

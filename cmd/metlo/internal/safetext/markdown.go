package safetext

import (
	"fmt"
	"strings"
)

// Markdown returns text on one line, escaped so that Markdown shows it literally, even in a cell of a table. The text
// produces no markup, HTML, link, image, mention or reference to an issue.
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

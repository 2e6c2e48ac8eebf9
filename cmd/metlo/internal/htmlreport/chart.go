package htmlreport

import (
	"fmt"
	"html"
	"html/template"
	"strings"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// Colors come from classes, so that one chart serves light, dark and paper.

const (
	chartWidth  = 720
	chartHeight = 200
	axisWidth   = 44
)

// timeChart draws stacked columns.
func timeChart(columns []column, span int) template.HTML {
	highest := 1
	for _, c := range columns {
		highest = max(highest, total(c.Risks))
	}
	top, step := scale(highest)
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="Alerts raised, by risk, in spans of %s">`,
		chartWidth, chartHeight+28, days(span))
	y := func(n int) float64 { return 8 + float64(chartHeight-8)*(1-float64(n)/float64(top)) }
	for n := 0; n <= top; n += step {
		fmt.Fprintf(&svg, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="axis" x="%d" y="%.1f" text-anchor="end">%d</text>`,
			axisWidth, chartWidth, y(n), y(n), axisWidth-8, y(n)+4, n)
	}
	width := float64(chartWidth-axisWidth) / float64(len(columns))
	every := max(1, (len(columns)+7)/8) // labels that do not touch
	for i, c := range columns {
		x := axisWidth + float64(i)*width
		base := 0
		fmt.Fprintf(&svg, `<g><title>%s</title>`, html.EscapeString(columnTitle(c)))
		// The worst stands at the bottom, where columns can be compared.
		for _, risk := range risks {
			n := c.Risks[risk]
			if n == 0 {
				continue
			}
			fmt.Fprintf(&svg, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`,
				risk, x+width*0.12, y(base+n), width*0.76, y(base)-y(base+n))
			base += n
		}
		svg.WriteString("</g>")
		if i%every == 0 {
			fmt.Fprintf(&svg, `<text class="axis" x="%.1f" y="%d" text-anchor="middle">%s</text>`, x+width/2, chartHeight+20, c.Start.Format("2 Jan"))
		}
	}
	svg.WriteString("</svg>")
	return template.HTML(svg.String()) //nolint:gosec // numbers, dates and escaped text
}

func columnTitle(c column) string {
	name := c.Start.Format("2 Jan 2006")
	if !c.End.Equal(c.Start) {
		name += " to " + c.End.Format("2 Jan 2006")
	}
	return name + ": " + breakdown(c.Risks)
}

// breakdown says counts by risk in words.
func breakdown(byRisk map[metlo.RiskScore]int) string {
	var parts []string
	for _, risk := range risks {
		if n := byRisk[risk]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, risk))
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func days(span int) string {
	switch span {
	case 1:
		return "one day"
	case 7:
		return "one week"
	}
	return fmt.Sprintf("%d days", span)
}

// scale returns the end of an axis and the distance of its lines: whole numbers, four or five lines.
func scale(highest int) (top, step int) {
	for magnitude := 1; ; magnitude *= 10 {
		for _, factor := range []int{1, 2, 5} {
			if step = factor * magnitude; highest <= 5*step {
				return (highest + step - 1) / step * step, step
			}
		}
	}
}

// riskBar draws how many of something have which risk, against the longest of its table.
func riskBar(byRisk map[metlo.RiskScore]int, longest int) template.HTML {
	parts := make([]part, len(risks))
	for i, risk := range risks {
		parts[i] = part{string(risk), byRisk[risk]}
	}
	return stackedBar(parts, longest, breakdown(byRisk))
}

// stateBar draws of how many endpoints authentication is what, against the longest of its table.
func stateBar(byState map[metlo.Authentication]int, longest int) template.HTML {
	none, unknown, required := byState[metlo.AuthenticationNone], byState[metlo.AuthenticationUnknown], byState[metlo.AuthenticationRequired]
	return stackedBar([]part{{"high", none}, {"rest", unknown}, {"good", required}}, longest,
		fmt.Sprintf("%d none, %d unknown, %d required", none, unknown, required))
}

// part is a part of a bar: the class of its color, and how long it is.
type part struct {
	class string
	count int
}

func stackedBar(parts []part, longest int, label string) template.HTML {
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg class="bar" viewBox="0 0 200 12" preserveAspectRatio="none" role="img" aria-label="%s">`, html.EscapeString(label))
	x := 0.0
	for _, p := range parts {
		width := 200 * float64(p.count) / float64(max(1, longest))
		if width > 0 {
			fmt.Fprintf(&svg, `<rect class="%s" x="%.2f" y="0" width="%.2f" height="12"/>`, p.class, x, width)
		}
		x += width
	}
	svg.WriteString("</svg>")
	return template.HTML(svg.String()) //nolint:gosec // numbers, classes of ours and escaped text
}

// shareBar draws a part of a whole.
func shareBar(part, whole int, class string) template.HTML {
	share := 200 * float64(part) / float64(max(1, whole))
	return template.HTML(fmt.Sprintf( //nolint:gosec // numbers and a class of ours
		`<svg class="bar" viewBox="0 0 200 12" preserveAspectRatio="none" role="img" aria-label="%d of %d">`+
			`<rect class="rest" x="0" y="0" width="200" height="12"/><rect class="%s" x="0" y="0" width="%.2f" height="12"/></svg>`,
		part, whole, class, share))
}

// maxName is how much of a name is shown: nobody reads a longer one, and a hundred of them fill a book.
const maxName = 160

// shown is text of a server's on the page.
func shown(text string) string {
	runes := []rune(safetext.Line(text))
	if len(runes) > maxName {
		return string(runes[:maxName]) + "…"
	}
	return string(runes)
}

package htmlreport

import (
	"fmt"
	"html"
	"html/template"
	"strings"
)

// Classes set the colors, so that one chart works in the light scheme, in the dark one and on paper.

const (
	chartWidth   = 720
	chartHeight  = 200
	axisWidth    = 88
	bottomHeight = 36
	labelWidth   = 84 // width of a date, in the largest font that style.css sets
)

// timeChart draws stacked columns. A table with the same numbers follows on the page.
func timeChart(columns []column, span int) template.HTML {
	highest := 1
	for i := range columns {
		highest = max(highest, columns[i].Risks.total())
	}
	top, step := scale(highest)
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="Alerts raised, by risk, in spans of %s">`,
		chartWidth, chartHeight+bottomHeight, days(span))
	y := func(n int) float64 { return 16 + float64(chartHeight-16)*(1-float64(n)/float64(top)) }
	for n := 0; n <= top; n += step {
		fmt.Fprintf(&svg, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="axis" x="%d" y="%.1f" text-anchor="end">%s</text>`,
			axisWidth, chartWidth, y(n), y(n), axisWidth-8, y(n)+5, number(n))
	}
	width := float64(chartWidth-axisWidth) / float64(len(columns))
	every := max(1, (len(columns)+6)/7) // distance at which labels do not touch
	for i := range columns {
		c := &columns[i]
		x := axisWidth + float64(i)*width
		base := 0
		fmt.Fprintf(&svg, `<g><title>%s: %s</title>`, c.name(), html.EscapeString(breakdown(&c.Risks)))
		// The highest risk is at the bottom, where columns are easiest to compare.
		for risk, n := range c.Risks {
			if n == 0 {
				continue
			}
			fmt.Fprintf(&svg, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`,
				risks[risk], x+width*0.12, y(base+n), width*0.76, y(base)-y(base+n))
			base += n
		}
		svg.WriteString("</g>")
		if i%every == 0 && x+width/2+labelWidth/2 <= chartWidth {
			fmt.Fprintf(&svg, `<text class="axis" x="%.1f" y="%d" text-anchor="middle">%s</text>`, x+width/2, chartHeight+26, c.Start.Format("2 Jan"))
		}
	}
	svg.WriteString("</svg>")
	return template.HTML(svg.String()) //nolint:gosec // numbers, dates and escaped text
}

// name returns the days of the column.
func (c *column) name() string {
	name := c.Start.Format("2 Jan 2006")
	if !c.End.Equal(c.Start) {
		name += " to " + c.End.Format("2 Jan 2006")
	}
	return name
}

// breakdown returns the counts by risk in words.
func breakdown(c *counts) string {
	var parts []string
	for i, n := range c {
		if n > 0 {
			parts = append(parts, number(n)+" "+string(risks[i]))
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// days returns the length of a span in words.
func days(span int) string {
	switch span {
	case 1:
		return "one day"
	case 7:
		return "one week"
	}
	return fmt.Sprintf("%d days", span)
}

// scale returns the end of an axis and the distance of its lines. Both are whole numbers, and at most five lines are
// above zero.
func scale(highest int) (top, step int) {
	for magnitude := 1; ; magnitude *= 10 {
		for _, factor := range []int{1, 2, 5} {
			if step = factor * magnitude; highest <= 5*step {
				return (highest + step - 1) / step * step, step
			}
		}
	}
}

// part is a part of a bar: the class for its color, and its length.
type part struct {
	class string
	count int
}

func riskBar(c *counts, longest int) template.HTML {
	parts := make([]part, len(risks))
	for i, risk := range risks {
		parts[i] = part{string(risk), c[i]}
	}
	return stackedBar(parts, longest)
}

func proofBar(p *byProof, longest int) template.HTML {
	parts := make([]part, len(proofs))
	for i := range proofs {
		parts[i] = part{proofs[i].class, p[i]}
	}
	return stackedBar(parts, longest)
}

// stackedBar draws numbers that the bar's row also contains as text. Screen readers therefore skip the bar.
func stackedBar(parts []part, longest int) template.HTML {
	var svg strings.Builder
	svg.WriteString(`<svg class="bar" viewBox="0 0 200 6" preserveAspectRatio="none" aria-hidden="true">`)
	x := 0.0
	for _, p := range parts {
		width := 200 * float64(p.count) / float64(max(1, longest))
		if width > 0 {
			fmt.Fprintf(&svg, `<rect class="%s" x="%.2f" y="0" width="%.2f" height="6"/>`, p.class, x, width)
		}
		x += width
	}
	svg.WriteString("</svg>")
	return template.HTML(svg.String()) //nolint:gosec // numbers and fixed classes
}

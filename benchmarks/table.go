package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
)

// table prints all that was measured.
func table(out io.Writer, rows []result) {
	fmt.Fprintf(out, "| client | version | GET of %d bytes: ns | bytes | allocs | GET of %d bytes: ns | allocs | list of 10,000: requests | seconds | peak heap MiB | rows lost | program MB |\n", alertBytes, smallBytes)
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	base := rows[0]
	for _, r := range rows {
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %s | %s | %d | %.2f | %.1f | %s | %s |\n",
			r.peer.name, version(r.peer.module),
			against(r.alert.ns, base.alert.ns), against(r.alert.bytes, base.alert.bytes), against(r.alert.allocs, base.alert.allocs),
			against(r.small.ns, base.small.ns), against(r.small.allocs, base.small.allocs),
			r.list.requests, r.list.seconds, r.list.heap, r.lost(), r.binary)
	}
}

// lost returns the number of lost rows. Lists with cursors have a defined order, and lose none.
func (r *result) lost() string {
	if r.peer.wire.cursor {
		return "–"
	}
	return fmt.Sprint(r.list.lost)
}

func against(value, base float64) string { return fmt.Sprintf("%.0f (%.2f×)", value, value/base) }

// version returns the version of a module of this program.
func version(module string) string {
	info, ok := debug.ReadBuildInfo()
	if module == "" || !ok {
		return runtime.Version()
	}
	for _, dep := range info.Deps {
		if dep.Path == module && dep.Replace == nil {
			return dep.Version
		}
	}
	return "this"
}

func notes(out io.Writer, all inventory) {
	fmt.Fprintf(out, `
A walk of 100,000 alerts (%.1f MB): metlo takes %.2f times as long as json/v2 alone takes to decode the same bytes into
one such struct. It holds at most %.1f MiB of heap above idle, or %.1f if the server does not announce the length (json/v2 alone:
%.1f).

- All clients in one process, with the same http.RoundTripper in it, measured in turns; medians; × is the ratio to the
  first row. %s, %s/%s, %d CPUs.
- Each client decodes an object of its API, of the same size. The alerts of the first three rows have 17 fields and
  come in a list with its length, [[alert],1], as from a Metlo server. The other objects have two or three fields, one of
  them long, which is cheaper to decode.
- Lists: %v of latency; rows come in groups of %d with equal sort keys, in which the order depends on limit and offset,
  as in a database without a tie-breaker. The cursors of stripe, openai and anthropic name a row, which requires an order.
  Pages are the largest that each API accepts: 100 by hand and for gitlab, github, stripe and tfe; hcloud 50, godo 200,
  anthropic 1,000, openai 10,000. The lists of tailscale have no pages, and metlo asks for the whole after 100 rows. hcloud and
  tailscale return the whole list; the others hold a page. The heap includes garbage.
- hcloud-go v2.53.0 asks for Go 1.26.10: v2.52.0 is the newest that Go 1.26.8 builds. The newest majors
  on the module proxy were v89 of go-github and v85 of stripe-go.
- Programs of one call are built with -trimpath -ldflags "-s -w" and without cgo.
`, float64(all.bytes)/1e6, all.ratio, all.heap, all.unsized, all.decoder, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), latency, tied)
}

const (
	begin = "<!-- begin of what make bench writes -->\n"
	end   = "<!-- end of what make bench writes -->\n"
)

// publish replaces the text between the marks in a file.
func publish(path string, text []byte) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begins := bytes.Cut(old, []byte(begin))
	_, after, ends := bytes.Cut(rest, []byte(end))
	if !begins || !ends {
		return fmt.Errorf("%s has no place for the table: %q and %q", path, begin, end)
	}
	return os.WriteFile(path, bytes.Join([][]byte{before, []byte(begin), text, []byte(end), after}, nil), 0o644)
}

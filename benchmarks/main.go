// Command benchmarks compares package metlo with other SDKs, and with calls by hand, and prints the comparison as one
// table. Each client makes its own smallest GET and walks its own list against the same server in the process.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

const (
	alertBytes = 600 // as a Metlo server sends an alert
	smallBytes = 80
	listRows   = 10_000
	latency    = 5 * time.Millisecond
)

func main() {
	rounds := flag.Int("rounds", 15, "how many measurements a median is taken of")
	calls := flag.Int("calls", 400, "calls of one measurement")
	flag.Parse()
	if err := run(os.Stdout, *rounds, *calls); err != nil {
		log.Fatal(err)
	}
}

// result is a row of the table.
type result struct {
	peer         peer
	alert, small cost
	list         walked
	binary       string
}

func run(out io.Writer, rounds, calls int) error {
	rows, err := gets(rounds, calls)
	if err != nil {
		return err
	}
	for i := range rows {
		if rows[i].list, err = walk(rows[i].peer, rows[i].peer.wire, alertBytes, listRows, latency, false); err != nil {
			return fmt.Errorf("%s: %w", rows[i].peer.name, err)
		}
	}
	built, err := sizes()
	if err != nil {
		return err
	}
	for i, name := range map[int]string{0: "nethttp", 1: "metlo", 2: "gitlab", 6: "tailscale"} {
		rows[i].binary = fmt.Sprintf("%.2f", built[name])
	}
	all, err := measureInventory(max(rounds/2, 3))
	if err != nil {
		return err
	}
	table(out, rows)
	notes(out, all)
	return nil
}

// gets measures the GET of an object of each size, of all clients in turns.
func gets(rounds, calls int) ([]result, error) {
	var rows []result
	var call []func() error
	for _, p := range peers() {
		rows = append(rows, result{peer: p})
		for _, size := range []int{alertBytes, smallBytes} {
			c, err := p.dial(newServer(sized(p.wire, size), size, 1))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			call = append(call, func() error {
				if err := c.get(context.Background()); err != nil {
					return fmt.Errorf("%s: %w", p.name, err)
				}
				return nil
			})
		}
	}
	costs, err := compare(rounds, calls, call)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].alert, rows[i].small = costs[2*i], costs[2*i+1]
	}
	return rows, nil
}

// sized leaves most fields out of an alert that is to be small.
func sized(w wire, size int) wire {
	if size == smallBytes && len(w.item(nil, 1)) > smallBytes {
		w.item = alertItem(true)
	}
	return w
}

func table(out io.Writer, rows []result) {
	fmt.Fprintf(out, "| client | version | GET of %d bytes: ns | bytes | allocs | GET of %d bytes: ns | allocs | list of 10,000: requests | seconds | peak heap MiB | rows lost | program MB |\n", alertBytes, smallBytes)
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	base := rows[0]
	for _, r := range rows {
		lost := fmt.Sprint(r.list.lost)
		if r.peer.wire.cursor {
			lost = "–"
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %s | %s | %d | %.2f | %.1f | %s | %s |\n",
			r.peer.name, version(r.peer.module),
			against(r.alert.ns, base.alert.ns), against(r.alert.bytes, base.alert.bytes), against(r.alert.allocs, base.alert.allocs),
			against(r.small.ns, base.small.ns), against(r.small.allocs, base.small.allocs),
			r.list.requests, r.list.seconds, r.list.heap, lost, r.binary)
	}
}

func against(value, base float64) string { return fmt.Sprintf("%.0f (%.2f×)", value, value/base) }

// version is that of a module in this program.
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
the same structs, and at most %.1f MiB of heap above idle, %.1f if the server does not announce the length (json/v2 alone:
%.1f).

- All clients in one process, with the same http.RoundTripper in it, measured in turns; medians; × is the ratio to the
  first row. %s, %s/%s, %d CPUs.
- Each client decodes an object of its own API, of the same size. The alerts of the first two rows have 17 fields; the
  other objects have two or three, of which one is long, which is cheaper to decode. By hand, the alert is a plain object;
  a Metlo server sends it in a list with its length, [[alert],1], which metlo reads.
- Lists: %v of latency; rows come in groups of %d with equal sort keys, in which the order depends on limit and offset,
  as in a database without a tie-breaker. The cursors of stripe, openai and anthropic name a row, which takes an order.
  Pages are the largest that each API takes: 100 by hand and for gitlab, github, stripe and tfe; hcloud 50, godo 200,
  anthropic 1,000, openai 10,000; tailscale's lists have no pages, and metlo asks for the whole after 100 rows. hcloud and
  tailscale return the whole list; the others hold a page. The heap includes garbage.
- hcloud-go v2.53.0 asks for Go 1.26.10: v2.52.0 is the newest that Go 1.26.8 builds. Of go-github and stripe-go, v89 and
  v85 are the newest majors that the module proxy had.
- Programs of one call are built with -trimpath -ldflags "-s -w" and without cgo.
`, float64(all.bytes)/1e6, all.ratio, all.heap, all.unsized, all.decoder, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), latency, tied)
}

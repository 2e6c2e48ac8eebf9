// Command benchmarks compares package metlo with other SDKs, and with calls by hand, and prints the comparison as one
// table. Each client makes its own smallest GET and walks its own list against the same server in the process. With
// -write it also puts the table into docs/performance.md.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"time"
)

const (
	alertBytes = 600 // size of an alert of a Metlo server
	smallBytes = 80
	listRows   = 10_000
	latency    = 5 * time.Millisecond
)

func main() {
	rounds := flag.Int("rounds", 31, "how many measurements a median is taken of")
	calls := flag.Int("calls", 400, "calls of one measurement")
	write := flag.Bool("write", false, "put the table into ../docs/performance.md")
	flag.Parse()
	rows, all, err := run(*rounds, *calls)
	if err != nil {
		log.Fatal(err)
	}
	var full bytes.Buffer
	table(&full, rows)
	notes(&full, all)
	_, _ = os.Stdout.Write(full.Bytes())
	if !*write {
		return
	}
	if err := publish("../docs/performance.md", full.Bytes()); err != nil {
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

func run(rounds, calls int) ([]result, inventory, error) {
	rows, err := gets(rounds, calls)
	if err != nil {
		return nil, inventory{}, err
	}
	for i := range rows {
		if rows[i].list, err = walk(rows[i].peer, rows[i].peer.wire, alertBytes, listRows, latency, false); err != nil {
			return nil, inventory{}, fmt.Errorf("%s: %w", rows[i].peer.name, err)
		}
	}
	built, err := sizes()
	if err != nil {
		return nil, inventory{}, err
	}
	programs := map[string]string{"net/http by hand": "nethttp", "metlo": "metlo", "gitlab client-go": "gitlab", "tailscale": "tailscale"}
	for i := range rows {
		if size, ok := built[programs[rows[i].peer.name]]; ok {
			rows[i].binary = fmt.Sprintf("%.2f", size)
		}
	}
	all, err := measureInventory(max(rounds/2, 3))
	return rows, all, err
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

// sized removes most fields of an alert that must be small.
func sized(w wire, size int) wire {
	if size == smallBytes && len(w.item(nil, 1)) > smallBytes {
		w.item = alertItem(true)
	}
	return w
}

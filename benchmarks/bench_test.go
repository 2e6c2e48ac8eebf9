package main

import (
	"context"
	"os"
	"strings"
	"testing"
)

func TestWalksFindEveryRowOfASettledList(t *testing.T) {
	for _, p := range peers() {
		t.Run(p.name, func(t *testing.T) {
			got, err := walk(p, p.wire, alertBytes, 2500, 0, true)
			if err != nil || got.lost != 0 || got.twice != 0 {
				t.Fatalf("%+v, %v", got, err)
			}
		})
	}
}

func TestMetloLosesNoRowOfAnUnsettledList(t *testing.T) {
	p := metloGo()
	if got, err := walk(p, p.wire, alertBytes, 2500, 0, false); err != nil || got.lost != 0 || got.twice != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	p = netHTTP()
	if got, err := walk(p, p.wire, alertBytes, 2500, 0, false); err != nil || got.lost == 0 {
		t.Fatalf("pages lose rows of such a list, or nothing is compared: %+v, %v", got, err)
	}
}

func TestDocumentationNamesEveryPeer(t *testing.T) {
	const path = "../docs/performance.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, written, _ := strings.Cut(string(text), begin)
	written, _, _ = strings.Cut(written, end)
	for _, p := range peers() {
		if !strings.Contains(written, "| "+p.name+" |") {
			t.Errorf("%s has no row for %s: run make bench", path, p.name)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	for _, p := range peers() {
		b.Run(p.name, func(b *testing.B) {
			c, err := p.dial(newServer(p.wire, alertBytes, 1))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := c.get(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkList(b *testing.B) {
	for _, p := range peers() {
		b.Run(p.name, func(b *testing.B) {
			c, err := p.dial(newServer(p.wire, alertBytes, listRows))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := c.walk(context.Background(), func(int) {}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

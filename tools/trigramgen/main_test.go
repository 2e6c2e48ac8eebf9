package main

import (
	"bytes"
	"compress/flate"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const wordList = "../../metlotest/internal/words/words.deflate"

// TestFresh fails when the list of words was changed and go generate was not run.
func TestFresh(t *testing.T) {
	committed, err := os.ReadFile("../../internal/analysis/trigrams.bin")
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "trigrams.bin")
	if err := run(wordList, out); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(committed, fresh) {
		t.Error("trigrams.bin is not what the list of words yields: run go generate in internal/analysis")
	}
}

func packed(t *testing.T, lines string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(lines)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTable(t *testing.T) {
	words, err := unpack(packed(t, " able\n!ll\n\"oy\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(words, " "); got != "able all aloy" {
		t.Fatalf("unpacked %q", got)
	}
	for count, want := range map[int]bool{leastOccurrences - 1: false, leastOccurrences: true} {
		bits := table(append(strings.Fields(strings.Repeat("zab ", count)), "a-b", "ÄÖÜ"))
		n, ok := number("zab")
		if !ok || bits[n/8]&(1<<(n%8)) != 0 != want {
			t.Errorf("%d occurrences: %t, want %t", count, !want, want)
		}
		bits[n/8] &^= 1 << (n % 8)
		if len(bytes.Trim(bits, "\x00")) > 0 {
			t.Error("the table holds triples that no word has")
		}
	}
}

func TestRefusesBrokenLists(t *testing.T) {
	for says, data := range map[string][]byte{
		"shares 2 letters": packed(t, " a\n\"b\n"),
		"no words":         packed(t, ""),
		"corrupt":          []byte("not compressed"),
	} {
		if _, err := unpack(data); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want an error that holds %q, have %v", says, err)
		}
	}
}

// Package words recognises English words in paths. The list is words_alpha.txt of dwyl/english-words, which is in the
// public domain (see LICENSE), with additional words of the web from Metlo's list.
package words

import (
	"bytes"
	"compress/flate"
	_ "embed"
	"io"
	"sort"
	"strings"
	"sync"
)

// packed holds the sorted words, compressed. Each is the number of letters that it shares with the previous word, as a
// character offset from a space, and the remaining letters with a line break.
//
//go:embed words.deflate
var packed []byte

// list unpacks the words, one per line, at the first use: it takes 30 ms.
var list = sync.OnceValue(func() string {
	raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		panic("metlotest: the list of words is broken: " + err.Error())
	}
	var b strings.Builder
	b.Grow(4 << 20)
	var word []byte
	for line := range bytes.Lines(raw) {
		word = append(word[:line[0]-' '], line[1:]...)
		b.Write(word)
	}
	return b.String()
})

// Has reports whether a word, in lower case, is in the list.
func Has(word string) bool {
	if word == "" || strings.Contains(word, "\n") {
		return false
	}
	all := list()
	lineAt := func(i int) string {
		from := strings.LastIndexByte(all[:i], '\n') + 1
		return all[from : from+strings.IndexByte(all[from:], '\n')]
	}
	i := sort.Search(len(all)-1, func(i int) bool { return lineAt(i) >= word })
	return i < len(all)-1 && lineAt(i) == word
}

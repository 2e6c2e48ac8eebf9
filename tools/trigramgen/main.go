// Command trigramgen writes the table of letter triples with which package analysis recognizes words. It reads the list of
// English words that package metlotest uses: words_alpha.txt of dwyl/english-words, which is in the public domain, with
// words of the web.
package main

import (
	"bytes"
	"compress/flate"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
)

const (
	letters = 26
	// leastOccurrences is the minimum number of occurrences of an English triple in the list.
	leastOccurrences = 25
)

func main() {
	in := flag.String("words", "", "packed `file` of words")
	out := flag.String("o", "", "`file` to write")
	flag.Parse()
	if err := run(*in, *out); err != nil {
		log.Fatal("trigramgen: ", err)
	}
}

func run(in, out string) error {
	packed, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	words, err := unpack(packed)
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	return os.WriteFile(out, table(words), 0o644)
}

// unpack returns the words of a list in the format of metlotest/internal/words. Each compressed line has one character
// for the number of letters that the word shares with the word before, counted from the space, and the rest of the
// word.
func unpack(packed []byte) ([]string, error) {
	raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return nil, err
	}
	var words []string
	var word []byte
	for line := range bytes.Lines(raw) {
		shared := int(line[0]) - ' '
		if shared < 0 || shared > len(word) {
			return nil, fmt.Errorf("line %d shares %d letters with a word of %d", len(words)+1, shared, len(word))
		}
		word = append(word[:shared], bytes.TrimSuffix(line[1:], []byte("\n"))...)
		words = append(words, string(word))
	}
	if len(words) == 0 {
		return nil, errors.New("it holds no words")
	}
	return words, nil
}

// table returns one bit for each triple of lower-case letters, which is set if the words contain it often enough.
func table(words []string) []byte {
	counts := make([]int, letters*letters*letters)
	for _, word := range words {
		for i := 0; i+2 < len(word); i++ {
			if n, ok := number(word[i : i+3]); ok {
				counts[n]++
			}
		}
	}
	bits := make([]byte, (len(counts)+7)/8)
	for n, count := range counts {
		if count >= leastOccurrences {
			bits[n/8] |= 1 << (n % 8)
		}
	}
	return bits
}

// number returns the index of a triple in the table. It reports false if the triple has other characters than
// lower-case letters.
func number(triple string) (n int, ok bool) {
	for i := range len(triple) {
		if triple[i] < 'a' || triple[i] > 'z' {
			return 0, false
		}
		n = n*letters + int(triple[i]-'a')
	}
	return n, true
}

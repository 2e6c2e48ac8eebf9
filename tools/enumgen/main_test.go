package main

import (
	"os"
	"strings"
	"testing"
)

// TestFresh fails when the table was changed and go generate was not run.
func TestFresh(t *testing.T) {
	committed, err := os.ReadFile("../../enums_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := generate(enums())
	if err != nil {
		t.Fatal(err)
	}
	if string(committed) != string(fresh) {
		t.Error("enums_gen.go is not what the table says: run go generate in the root folder")
	}
}

func TestRefuses(t *testing.T) {
	for says, values := range map[string][]value{
		"two values": {{Name: "A", Wire: "a"}, {Name: "B", Wire: "A"}},
		"A exists":   {{Name: "A", Wire: "a"}, {Name: "A", Wire: "b"}},
		"X stands":   {{Name: "A", Wire: "a", Documented: []string{"X"}}, {Name: "B", Wire: "x"}},
	} {
		_, err := generate([]enum{{Name: "E", Words: "e", Values: values}})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want an error that says %q, have %v", says, err)
		}
	}
}

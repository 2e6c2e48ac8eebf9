package a

import (
	"iter"
	"maps"
)

type alert struct{}

type service struct{}

func (service) All() iter.Seq2[alert, error] { return nil }

type named func(yield func(alert, error) bool)

type fault struct{}

func (*fault) Error() string { return "" }

func loops(s service, n named, m map[string]error, own iter.Seq2[alert, *fault]) {
	for range s.All() { // want "the loop drops the error of its sequence"
	}
	for a := range s.All() { // want "the loop drops the error of its sequence"
		_ = a
	}
	for a := range n { // want "the loop drops the error of its sequence"
		_ = a
	}
	var a alert
	for a = range s.All() { // want "the loop drops the error of its sequence"
		_ = a
	}
	for k := range maps.All(m) { // want "the loop drops the error of its sequence"
		_ = k
	}

	for a, err := range s.All() {
		_, _ = a, err
	}
	for a, _ := range s.All() {
		_ = a
	}
	for _, err := range s.All() {
		_ = err
	}
	for k := range m {
		_ = k
	}
	for range 3 {
	}
	for a := range own {
		_ = a
	}
	for range maps.Keys(m) {
	}
}

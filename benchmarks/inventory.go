package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/metlo-go/metlo"
)

// inventory compares the walk of a list of 100,000 alerts with the minimum time to decode its bytes.
type inventory struct {
	bytes         int64
	ratio         float64 // ratio of the walk's time to the decoder's
	heap, decoder float64 // MiB above idle
	unsized       float64 // the same without Content-Length
}

func measureInventory(rounds int) (inventory, error) {
	const total, size = 100_000, 570
	p := metloGo()
	s := newServer(p.wire, size, total)
	s.settled = true
	c, err := p.dial(s)
	if err != nil {
		return inventory{}, err
	}
	var result inventory
	bare := func() error {
		resp, err := request(s)
		if err != nil {
			return err
		}
		result.bytes = resp.ContentLength
		return decode(resp.Body, total)
	}
	whole := func() error {
		n := 0
		err := c.walk(context.Background(), func(int) { n++ })
		if err == nil && n != total {
			err = fmt.Errorf("%d of %d alerts", n, total)
		}
		return err
	}
	costs, err := compare(rounds, 1, []func() error{bare, whole})
	if err != nil {
		return inventory{}, err
	}
	result.ratio = costs[1].ns / costs[0].ns
	if result.decoder, err = peak(bare); err != nil {
		return inventory{}, err
	}
	if result.heap, err = peak(whole); err != nil {
		return inventory{}, err
	}
	s.unsized = true
	result.unsized, err = peak(whole)
	return result, err
}

func request(s *server) (*http.Response, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, alertsURL, nil)
	if err != nil {
		return nil, err
	}
	return s.RoundTrip(req)
}

// decode reads [items, total] with nothing but json/v2, with the options of package metlo, into one struct.
func decode(src io.Reader, want int) error {
	dec := jsontext.NewDecoder(src, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for range 2 {
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
	}
	n, alert := 0, new(metlo.Alert)
	for dec.PeekKind() != ']' {
		*alert = metlo.Alert{}
		if err := json.UnmarshalDecode(dec, alert); err != nil {
			return err
		}
		if alertNumber(alert.UUID) > 0 { // like the walk
			n++
		}
	}
	if n != want {
		return fmt.Errorf("%d of %d alerts", n, want)
	}
	return nil
}

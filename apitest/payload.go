package apitest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// checkPayloads makes sure that every payload list is known and that the run stays within its request limit.
func (s *settings) checkPayloads(c *Config) error {
	var errs []error
	total, perStep := 0, 1
	for i := range c.Test {
		for j, p := range c.Test[i].Payload {
			list, ok := s.payloads[p.Value]
			if !ok {
				errs = append(errs, fmt.Errorf("apitest: test[%d].payload[%d]: %w: %q: pass WithPayloads(%q, …); known: %s",
					i, j, ErrUnknownPayload, p.Value, p.Value, s.payloadNames()))
				continue
			}
			if perStep > s.maxRequests {
				continue
			}
			perStep *= len(list)
		}
		total += perStep
		if perStep > s.maxRequests || total > s.maxRequests {
			total = s.maxRequests + 1
		}
	}
	if len(errs) == 0 && total > s.maxRequests {
		errs = append(errs, fmt.Errorf("apitest: %w: the payloads multiply the steps into more than %d requests: shorten the lists or raise WithMaxRequests",
			ErrTooManyRequests, s.maxRequests))
	}
	return errors.Join(errs...)
}

func (s *settings) payloadNames() string {
	if len(s.payloads) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(s.payloads)), ", ")
}

// combinations gives every choice of one value per payload, the last one varying fastest.
func (s *settings) combinations(list []Payload) []map[string]string {
	combos := []map[string]string{{}}
	for _, p := range list {
		var next []map[string]string
		for _, c := range combos {
			for _, v := range s.payloads[p.Value] {
				grown := maps.Clone(c)
				grown[p.Key] = v
				next = append(next, grown)
			}
		}
		combos = next
	}
	return combos
}

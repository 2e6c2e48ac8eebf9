package apitest

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// WithPayloads defines the payload list of the given name. It replaces a built-in list of that name: SQLI,
// SQLI_AUTH_BYPASS, SQLI_TIME, XSS, TEMPLATE_INJECTION or PATH_TRAVERSAL. A step with an empty list cannot run, so its
// test is inconclusive.
func WithPayloads(name string, values ...string) Option {
	values = slices.Clone(values)
	return func(s *settings) error {
		if name == "" {
			return errors.New("apitest: a payload list needs a name: pass one")
		}
		s.payloads[name] = values
		return nil
	}
}

// WithPayloadFile defines a payload list of the lines of a file, without empty lines.
func WithPayloadFile(name, path string) Option {
	return func(s *settings) error {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("apitest: payload list %s: %w", name, err)
		}
		var values []string
		for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				values = append(values, line)
			}
		}
		return WithPayloads(name, values...)(s)
	}
}

// WithPayloadDir defines a payload list for each file of a folder that ends in .txt. The file NAME.txt defines the list
// NAME.
func WithPayloadDir(dir string) Option {
	return func(s *settings) error {
		files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
		if err == nil && len(files) == 0 {
			err = errors.New("it has no file NAME.txt")
		}
		if err != nil {
			return fmt.Errorf("apitest: payload folder %s: %w", dir, err)
		}
		var errs []error
		for _, file := range files {
			errs = append(errs, WithPayloadFile(strings.TrimSuffix(filepath.Base(file), ".txt"), file)(s))
		}
		return errors.Join(errs...)
	}
}

// checkPayloads returns an error if a payload list is unknown or if the test would send too many requests.
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
	return strings.Join(sortedKeys(s.payloads), ", ")
}

// combinations returns every combination of one value for each payload. The last payload varies fastest.
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

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

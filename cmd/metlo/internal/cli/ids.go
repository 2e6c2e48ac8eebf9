package cli

import (
	"context"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/metlo-go/metlo"
)

// minPrefix is the minimum length of an abbreviated id.
const minPrefix = 4

// manyMatches is the maximum number of ids in an error.
const manyMatches = 5

var (
	fullIDForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`) })
	prefixForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f][0-9a-f-]*$`) })
)

// resolveIDs returns the complete ids for what a user has typed: complete ids, or prefixes of the ids of listed items.
// It requests the list only if there is a prefix. It returns an error if a prefix matches no id or several, and returns
// each id once.
func resolveIDs(noun string, typed []string, listed func() iter.Seq2[string, error]) ([]string, error) {
	ids, short := make([]string, len(typed)), false
	for i, text := range typed {
		ids[i] = strings.ToLower(strings.TrimSpace(text))
		switch {
		case fullIDForm().MatchString(ids[i]):
		case !prefixForm().MatchString(ids[i]) || len(ids[i]) > 36:
			return nil, fmt.Errorf("%q is not the id of %s %s: metlo %s list shows ids", text, article(noun), noun, noun)
		case len(ids[i]) < minPrefix:
			return nil, fmt.Errorf("%q is too short for the beginning of an id: type %d characters or more", text, minPrefix)
		default:
			short = true
		}
	}
	if !short {
		return once(ids), nil
	}
	matches := make([][]string, len(ids))
	for id, err := range listed() {
		if err != nil {
			return nil, err
		}
		for i := range ids {
			if len(ids[i]) < 36 && strings.HasPrefix(id, ids[i]) {
				matches[i] = append(matches[i], id)
			}
		}
	}
	for i := range ids {
		switch {
		case len(ids[i]) == 36:
		case len(matches[i]) == 0:
			return nil, fmt.Errorf("there is no %s whose id begins with %s: metlo %s list shows ids", noun, ids[i], noun)
		case len(matches[i]) > 1:
			n := len(matches[i])
			slices.Sort(matches[i])
			return nil, fmt.Errorf("%d %ss have ids that begin with %s: type more of one of %s", n, noun, ids[i],
				strings.Join(matches[i][:min(n, manyMatches)], ", "))
		default:
			ids[i] = matches[i][0]
		}
	}
	return once(ids), nil
}

// once removes duplicates from a list.
func once(ids []string) []string {
	var list []string
	for _, id := range ids {
		if !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}

func article(noun string) string {
	if strings.ContainsAny(noun[:1], "aeiou") {
		return "an"
	}
	return "a"
}

// idsOf returns an iterator over the ids of items.
func idsOf[T any](items iter.Seq2[T, error], id func(*T) string) func() iter.Seq2[string, error] {
	return func() iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			for item, err := range items {
				if !yield(id(&item), err) {
					return
				}
			}
		}
	}
}

func alertIDs(ctx context.Context, client *metlo.Client, typed ...string) ([]string, error) {
	return resolveIDs("alert", typed, idsOf(client.Alerts.All(ctx, nil), func(a *metlo.Alert) string { return a.UUID }))
}

func endpointIDs(ctx context.Context, client *metlo.Client, typed ...string) ([]string, error) {
	return resolveIDs("endpoint", typed, idsOf(client.Endpoints.All(ctx, nil), func(e *metlo.Endpoint) string { return e.UUID }))
}

// endpointID returns the id of one endpoint, as endpointIDs does.
func endpointID(ctx context.Context, client *metlo.Client, typed string) (string, error) {
	ids, err := endpointIDs(ctx, client, typed)
	if err != nil {
		return "", err
	}
	return ids[0], nil
}

func webhookIDs(webhooks []metlo.Webhook, typed ...string) ([]string, error) {
	return resolveIDs("webhook", typed, idsOf(each(webhooks), func(w *metlo.Webhook) string { return w.UUID }))
}

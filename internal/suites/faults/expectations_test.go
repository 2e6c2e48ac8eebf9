package faults_test

import (
	"errors"
	"fmt"

	"github.com/metlo-go/metlo"
)

// Outcomes of a call that are neither success nor a sentinel.
const (
	lost  = "no answer"          // *Error without a status, which wraps the reason
	late  = "a timeout"          // *Error that matches context.DeadlineExceeded
	short = "an IncompleteError" // matches ErrInvalidResponse too
)

// expectations returns the outcome of each call, for each failure by its name, if its caller waits.
func expectations() map[string]map[string]error {
	noAnswer, tooLate, incomplete := errors.New(lost), errors.New(late), errors.New(short)
	invalid := metlo.ErrInvalidResponse
	all := func(want error) map[string]error {
		return map[string]error{"get": want, "list": want, "walk": want, "change": want, "create": want}
	}
	but := func(want map[string]error, other error, calls ...string) map[string]error {
		for _, call := range calls {
			want[call] = other
		}
		return want
	}
	table := map[string]map[string]error{}
	set := func(want func() map[string]error, failures ...string) {
		for _, failure := range failures {
			table[failure] = want()
		}
	}
	set(func() map[string]error { return all(nil) },
		"closed after each answer", "no Content-Length", "second answer", "10,000 headers", "duplicate keys", "invalid UTF-8",
		"offset ignored", "limit capped", "total unknown", "total of zero")
	set(func() map[string]error { return all(noAnswer) },
		"connection refused", "reset on accept", "reset before headers", "closed before headers", "closed in the headers",
		"TLS with a wrong name", "TLS that expired", "TLS by a stranger", "TLS without TLS",
		"Content-Length of no number", "Content-Length below zero", "Content-Length twice", "unknown Transfer-Encoding", "no HTTP",
		"headers without end", "header of 2 MiB", "interim answers without end",
		"echo in a broken header", "echo in the status line", "echo in the length")
	set(func() map[string]error { return all(tooLate) },
		"connection never made", "stall before headers", "stall in the headers", "stall in the body", "stall between chunks",
		"drip of headers", "drip of the body", "TLS that stalls")
	set(func() map[string]error { return all(invalid) },
		"reset after headers", "reset in the body", "cut in the body", "cut in a chunk", "cut between chunks",
		"Content-Length too long", "Content-Length too short", "gzip that is not gzip", "chunk size of no number",
		"gzip bomb", "body without end", "array without end", "white space without end", "item of 1 GB", "300,000 empty items",
		"login page", "204", "200 without a body", "another protocol", "404 of an Ingress", "404 of a gateway", "404 without a body",
		"plain http to a TLS port", "answer in brotli", "answer in gzip twice",
		"echo in a good page", "echo in a name of JSON", "echo in a long line", "echo across the cap of a success",
		"half a tuple", "empty object", "number", "broken JSON", "10,000 levels")
	set(func() map[string]error { return all(metlo.ErrRedirected) },
		"redirect to another host", "redirect to another port", "redirect to a subdomain", "redirect to plain http", "redirect loop",
		"redirect to nowhere", "redirect to no URL", "redirect to another scheme", "echo in a redirect", "echo in a redirect to a host")
	set(func() map[string]error { return all(metlo.ErrServer) },
		"error page without end", "500 without a body", "500 page", "echo in an error page", "echo in JSON", "echo across the cap",
		"echo that is cut")
	set(func() map[string]error { return but(all(nil), metlo.ErrRedirected, "change", "create") },
		"301 within the server", "302 within the server", "303 within the server", "307 within the server", "308 within the server")
	set(func() map[string]error { return but(all(nil), invalid, "list", "walk") },
		"total negative", "total of no number", "total out of range")
	set(func() map[string]error { return but(all(invalid), nil, "create") },
		"10,000 levels in an item", "numbers out of range") // a created key has neither
	table["404 Not Found"] = but(all(invalid), metlo.ErrNotFound, "change") // the same bytes as Metlo's
	table["null"] = but(all(invalid), nil, "list", "walk")
	table["401 in the middle"] = but(all(nil), metlo.ErrUnauthorized, "walk")
	table["page that never advances"] = but(all(nil), incomplete, "walk")
	table["limit capped, total unknown"] = but(all(nil), incomplete, "walk")
	table["total too high"] = but(all(nil), incomplete, "walk")
	table["echo in escaped JSON"] = all(metlo.ErrBadRequest)
	for status, want := range map[int]error{
		401: metlo.ErrUnauthorized, 403: metlo.ErrForbidden, 404: invalid, 405: metlo.ErrBadRequest,
		408: metlo.ErrServer, 409: metlo.ErrConflict, 413: metlo.ErrTooLarge, 418: metlo.ErrBadRequest,
		421: metlo.ErrBadRequest, 425: metlo.ErrBadRequest, 501: metlo.ErrServer, 502: metlo.ErrServer,
		407: metlo.ErrProxy, 520: metlo.ErrServer, 527: metlo.ErrServer, 530: metlo.ErrServer,
		504: metlo.ErrServer, 507: metlo.ErrServer, 599: metlo.ErrServer,
	} {
		table[fmt.Sprintf("%d page", status)] = all(want)
	}
	for _, form := range []string{
		"without Retry-After", "Retry-After seconds", "Retry-After date", "Retry-After past date", "Retry-After zero",
		"Retry-After negative", "Retry-After huge", "Retry-After garbage", "Retry-After fraction", "Retry-After unit",
		"Retry-After twice", "Retry-After date in UTC",
	} {
		table["429 "+form] = all(metlo.ErrRateLimited)
		table["503 "+form] = all(metlo.ErrServer)
	}
	return table
}

package transport

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const maxRedirects = 3

// redirect follows a GET to the same host and port, and leaves every other redirect to the handler: net/http alone
// would carry the key to another port and to plain http, and would turn a redirected PUT into a GET.
func (p *Pipeline) redirect(callers func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		c := callOf(req.Context())
		if via[0].Method != http.MethodGet || len(via) > maxRedirects || !sameServer(req.URL, &c.request.URL) {
			return http.ErrUseLastResponse
		}
		if callers != nil {
			if err := callers(req, via); err != nil {
				return err
			}
			if !sameServer(req.URL, &c.request.URL) {
				c.withdraw(req.Header)
			}
		}
		c.timer.pause() // the server does not answer for this wait
		if err := p.limit.wait(c.caller, req.URL.Host); err != nil {
			return err
		}
		c.timer.start(c, time.Now(), p.headerTimeout, waitForHeaders)
		return nil
	}
}

// withdraw takes the headers of the call, the key among them, back from a request that goes to another server.
func (c *call) withdraw(h http.Header) {
	for name, values := range c.request.Header {
		if slices.Equal(h[name], values) { // and is not the caller's own for that server
			delete(h, name)
		}
	}
}

func sameServer(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b) && a.User == nil
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

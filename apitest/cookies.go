package apitest

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"time"
)

// cookieJar keeps the cookies of one run. Unlike cookiejar.Jar it can be copied for a branch.
type cookieJar struct {
	jar  *cookiejar.Jar
	sets []cookieSet
	keep bool
}

type cookieSet struct {
	from    *url.URL
	cookies []*http.Cookie
}

func newCookieJar(keep bool) *cookieJar {
	jar, _ := cookiejar.New(nil) // fails never
	return &cookieJar{jar: jar, keep: keep}
}

func (j *cookieJar) clone() *cookieJar {
	c := newCookieJar(j.keep)
	c.sets = slices.Clone(j.sets)
	for _, s := range c.sets {
		c.jar.SetCookies(s.from, s.cookies)
	}
	return c
}

// SetCookies implements http.CookieJar.
func (j *cookieJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	if !j.keep {
		return
	}
	set := cookieSet{from: u}
	for _, c := range cookies {
		copied := *c      //nolint:gosec // the attributes are the service's
		if c.MaxAge > 0 { // relative to now, not to the moment of a later copy
			copied.Expires = time.Now().Add(time.Duration(c.MaxAge) * time.Second)
			copied.MaxAge = 0
		}
		set.cookies = append(set.cookies, &copied)
	}
	j.sets = append(j.sets, set)
	j.jar.SetCookies(u, set.cookies)
}

// Cookies implements http.CookieJar.
func (j *cookieJar) Cookies(u *url.URL) []*http.Cookie { return j.jar.Cookies(u) }

// snapshot gives the cookies that each host would be sent at its root or where it set them.
func (j *cookieJar) snapshot() map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, s := range j.sets {
		for _, c := range j.jar.Cookies(s.from) {
			if out[s.from.Host] == nil {
				out[s.from.Host] = map[string]string{}
			}
			out[s.from.Host][c.Name] = c.Value
		}
	}
	return out
}

// stepJar is the jar of one request: cookies that the step gives itself win over kept ones.
type stepJar struct {
	*cookieJar
	own []KeyValue
}

// Cookies implements http.CookieJar.
func (j stepJar) Cookies(u *url.URL) []*http.Cookie {
	return slices.DeleteFunc(j.cookieJar.Cookies(u), func(c *http.Cookie) bool {
		return slices.ContainsFunc(j.own, func(o KeyValue) bool { return o.Name == c.Name })
	})
}

// headerCookies reads the cookies of a header whose value is "a=1; b=2", or just the value of the cookie
// that the header is named after.
func headerCookies(header, value string) []KeyValue {
	var out []KeyValue
	for part := range strings.SplitSeq(value, ";") {
		name, v, found := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case name == "":
			continue
		case !found || strings.Trim(v, "=") == "": // base64 padding, not a name
			name, v = header, strings.TrimSpace(part)
		}
		out = append(out, KeyValue{Name: strings.TrimSpace(name), Value: v})
	}
	return out
}

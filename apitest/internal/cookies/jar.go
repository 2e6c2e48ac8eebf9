// Package cookies keeps the cookies of a run.
package cookies

import (
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Jar stores the cookies of one run. Unlike a cookiejar.Jar, it can be copied for a branch.
type Jar struct {
	jar  *cookiejar.Jar
	sets []set
	keep bool
}

type set struct {
	from    *url.URL
	cookies []*http.Cookie
}

// New returns an empty jar. If keep is false, the jar ignores cookies.
func New(keep bool) *Jar {
	jar, _ := cookiejar.New(nil) // the error is always nil
	return &Jar{jar: jar, keep: keep}
}

// Clone returns a copy for a branch of the run.
func (j *Jar) Clone() *Jar {
	c := New(j.keep)
	c.sets = slices.Clone(j.sets)
	for _, s := range c.sets {
		c.jar.SetCookies(s.from, s.cookies)
	}
	return c
}

// SetCookies implements http.CookieJar.
func (j *Jar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	if !j.keep {
		return
	}
	entry := set{from: u}
	for _, c := range cookies {
		copied := *c      //nolint:gosec // the attributes are the service's
		if c.MaxAge > 0 { // MaxAge counts from now, not from a later copy
			copied.Expires = time.Now().Add(time.Duration(c.MaxAge) * time.Second)
			copied.MaxAge = 0
		}
		entry.cookies = append(entry.cookies, &copied)
	}
	j.sets = append(j.sets, entry)
	j.jar.SetCookies(u, entry.cookies)
}

// Cookies implements http.CookieJar.
func (j *Jar) Cookies(u *url.URL) []*http.Cookie { return j.jar.Cookies(u) }

// Snapshot returns, by host, the cookies that a request to the address that set them would carry.
func (j *Jar) Snapshot() map[string]map[string]string {
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

// StepJar is the jar of one request. Cookies that the step sets itself take precedence.
type StepJar struct {
	*Jar
	Own []Cookie
}

// Cookies implements http.CookieJar.
func (j StepJar) Cookies(u *url.URL) []*http.Cookie {
	return slices.DeleteFunc(j.Jar.Cookies(u), func(c *http.Cookie) bool {
		return slices.ContainsFunc(j.Own, func(o Cookie) bool { return o.Name == c.Name })
	})
}

// Cookie is a cookie that a step sets itself.
type Cookie struct{ Name, Value string }

// FromHeader parses the cookies of a header. Its value is "a=1; b=2", or only the value of a cookie that the header is
// named after.
func FromHeader(header, value string) []Cookie {
	var out []Cookie
	for part := range strings.SplitSeq(value, ";") {
		name, v, found := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case name == "":
			continue
		case !found || strings.Trim(v, "=") == "": // base64 padding does not end a name
			name, v = header, strings.TrimSpace(part)
		}
		out = append(out, Cookie{Name: strings.TrimSpace(name), Value: v})
	}
	return out
}

// Jars holds the jars of a run: one for all steps, or one for each identity.
type Jars struct {
	keep, perIdentity bool
	jars              map[string]*Jar
}

// NewJars returns empty jars.
func NewJars(keep, perIdentity bool) *Jars {
	return &Jars{keep: keep, perIdentity: perIdentity, jars: map[string]*Jar{}}
}

// For returns the jar of an identity.
func (j *Jars) For(identity string) *Jar {
	if !j.perIdentity {
		identity = ""
	}
	if j.jars[identity] == nil {
		j.jars[identity] = New(j.keep)
	}
	return j.jars[identity]
}

// Clone returns a copy for a branch of the run.
func (j *Jars) Clone() *Jars {
	c := NewJars(j.keep, j.perIdentity)
	for identity, jar := range j.jars {
		c.jars[identity] = jar.Clone()
	}
	return c
}

// Snapshot returns the cookies of all jars, by host.
func (j *Jars) Snapshot() map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, identity := range slices.Sorted(maps.Keys(j.jars)) {
		for host, values := range j.jars[identity].Snapshot() {
			if out[host] == nil {
				out[host] = map[string]string{}
			}
			maps.Copy(out[host], values)
		}
	}
	return out
}

package capture

import (
	"context"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
)

const configTimeout = 30 * time.Second

// instanceConfig is what the instance says about traffic, ready for use. A nil one changes nothing.
type instanceConfig struct {
	hosts      []hostRule
	blockHosts []*regexp.Regexp
	blockPaths []pathRule
	auth       map[string]metlo.AgentAuthConfig
}

type hostRule struct {
	pattern *regexp.Regexp
	host    string
}

type pathRule struct {
	host  string
	paths []*regexp.Regexp
}

// refresh fetches the configuration now and then until the recorder shuts down.
func (r *Recorder) refresh() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-r.closing:
			return
		case <-r.ctx.Done():
			return
		}
		r.fetchConfig()
		timer.Reset(r.settings.agentConfig)
	}
}

// fetchConfig replaces the configuration, unless it cannot be fetched.
func (r *Recorder) fetchConfig() {
	ctx, cancel := context.WithTimeout(r.ctx, configTimeout)
	defer cancel()
	config, err := r.client.Settings.AgentConfig(ctx)
	if err != nil {
		r.unfetched.Add(1)
		return
	}
	r.config.Store(newInstanceConfig(config))
}

// newInstanceConfig leaves out patterns that Go cannot read: they are written for JavaScript.
func newInstanceConfig(c *metlo.AgentConfig) *instanceConfig {
	config := &instanceConfig{auth: map[string]metlo.AgentAuthConfig{}}
	for _, mapping := range c.HostMap {
		if pattern, err := regexp.Compile(mapping.Pattern); err == nil && mapping.Host != "" {
			config.hosts = append(config.hosts, hostRule{pattern, strings.ToLower(mapping.Host)})
		}
	}
	config.blockHosts = patterns(c.HostBlockList)
	for _, block := range c.PathBlockList {
		config.blockPaths = append(config.blockPaths, pathRule{strings.ToLower(block.Host), patterns(block.Paths)})
	}
	for _, auth := range c.AuthenticationConfig {
		config.auth[strings.ToLower(auth.Host)] = auth
	}
	return config
}

func patterns(texts []string) []*regexp.Regexp {
	var compiled []*regexp.Regexp
	for _, text := range texts {
		if pattern, err := regexp.Compile(text); err == nil && text != "" {
			compiled = append(compiled, pattern)
		}
	}
	return compiled
}

// host is the name under which the instance files a host.
func (c *instanceConfig) host(host string) string {
	if c == nil {
		return host
	}
	for _, rule := range c.hosts {
		if rule.pattern.MatchString(host) {
			return rule.host
		}
	}
	return host
}

// blocks reports whether the instance does not want the traffic.
func (c *instanceConfig) blocks(host, path string) bool {
	if c == nil {
		return false
	}
	for _, pattern := range c.blockHosts {
		if pattern.MatchString(host) {
			return true
		}
	}
	for _, rule := range c.blockPaths {
		if rule.host != "" && rule.host != host {
			continue
		}
		for _, pattern := range rule.paths {
			if pattern.MatchString(path) {
				return true
			}
		}
	}
	return false
}

// authenticate masks the header in which the host's clients authenticate, whatever its name. A session cookie is shown as
// a header of the cookie's name, since that is where the instance looks for it.
func (c *instanceConfig) authenticate(trace *metlo.Trace, req *http.Request) {
	if c == nil {
		return
	}
	auth, known := c.auth[trace.Request.URL.Host]
	if !known {
		host, _, err := net.SplitHostPort(trace.Request.URL.Host)
		if auth, known = c.auth[host]; err != nil || !known {
			return
		}
	}
	for i, header := range trace.Request.Headers {
		if auth.HeaderKey != "" && strings.EqualFold(header.Name, auth.HeaderKey) && !keepsUser(header.Value) {
			trace.Request.Headers[i].Value = maskedText(header.Value)
		}
	}
	if auth.CookieName == "" {
		return
	}
	if cookie, err := req.Cookie(auth.CookieName); err == nil && cookie.Value != "" {
		trace.Request.Headers = append(trace.Request.Headers, metlo.NameValue{Name: auth.CookieName, Value: Redacted})
	}
}

// keepsUser reports whether a value was left by WithUsers: it proves nothing.
func keepsUser(value string) bool {
	user, ok := userOf(value)
	return ok && user == value
}

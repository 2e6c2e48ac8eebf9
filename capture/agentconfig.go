package capture

import (
	"context"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/analysis"
)

const configTimeout = 30 * time.Second

// instanceConfig is what the instance says about traffic, ready for use. A nil one changes nothing.
type instanceConfig struct {
	hosts      []hostRule
	blockHosts []*regexp.Regexp
	blockPaths []pathRule
	auth       map[string]metlo.AgentAuthConfig
	classes    *analysis.Classes
	endpoints  []analysis.Endpoint
}

type hostRule struct {
	pattern *regexp.Regexp
	host    string
}

type pathRule struct {
	host  *regexp.Regexp
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
		if pattern, err := analysis.CompilePattern(mapping.Pattern); err == nil && mapping.Host != "" {
			config.hosts = append(config.hosts, hostRule{pattern, cleanHost(mapping.Host)})
		}
	}
	config.blockHosts = patterns(c.HostBlockList)
	for _, block := range c.PathBlockList {
		if host, err := analysis.CompilePattern(block.Host); err == nil {
			config.blockPaths = append(config.blockPaths, pathRule{host, patterns(block.Paths)})
		}
	}
	for _, auth := range c.AuthenticationConfig {
		config.auth[cleanHost(auth.Host)] = auth
	}
	classes := make([]analysis.Class, len(c.SensitiveDataList))
	for i, class := range c.SensitiveDataList {
		classes[i] = analysis.Class{Name: class.ClassName, Pattern: class.Regex, KeyPattern: class.KeyRegex}
	}
	config.classes = analysis.NewClasses(classes)
	for _, endpoint := range c.Endpoints {
		config.endpoints = append(config.endpoints, analysis.Endpoint{Host: cleanHost(endpoint.Host), Method: string(endpoint.Method), Path: endpoint.Path})
	}
	return config
}

func patterns(texts []string) []*regexp.Regexp {
	var compiled []*regexp.Regexp
	for _, text := range texts {
		if pattern, err := analysis.CompilePattern(text); err == nil && text != "" {
			compiled = append(compiled, pattern)
		}
	}
	return compiled
}

// host returns the name under which the instance files a host, and whether it names one.
func (c *instanceConfig) host(host string) (name string, known bool) {
	if c == nil || host == "" {
		return "", false
	}
	for _, rule := range c.hosts {
		if rule.pattern.FindString(host) == host {
			return rule.host, true
		}
	}
	return "", false
}

// authOf returns how requests to a host authenticate, nil if the instance does not know.
func (c *instanceConfig) authOf(host string) *metlo.AgentAuthConfig {
	if c == nil {
		return nil
	}
	if auth, known := c.auth[host]; known {
		return &auth
	}
	if bare, _, err := net.SplitHostPort(host); err == nil {
		if auth, known := c.auth[bare]; known {
			return &auth
		}
	}
	return nil
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
		if !rule.host.MatchString(host) {
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
	auth := c.authOf(trace.Request.URL.Host)
	if auth == nil {
		return
	}
	for i, header := range trace.Request.Headers {
		if auth.HeaderKey != "" && strings.EqualFold(header.Name, auth.HeaderKey) {
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

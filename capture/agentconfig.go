package capture

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/analysis"
)

const configTimeout = 30 * time.Second

// instanceConfig is the compiled configuration of the instance. A nil instanceConfig blocks nothing and maps no host.
type instanceConfig struct {
	hosts      []hostRule
	blockHosts []*regexp.Regexp
	blockPaths []pathRule
	auth       map[string]metlo.AgentAuthConfig
	classes    *analysis.Classes
	endpoints  []analysis.Endpoint
	faults     []error // patterns that package regexp cannot compile
}

type hostRule struct {
	pattern *regexp.Regexp
	host    string
}

type pathRule struct {
	host  *regexp.Regexp
	paths []*regexp.Regexp
}

// refresh fetches the configuration at the interval of the settings until the recorder shuts down.
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

// fetchConfig fetches the configuration. If that fails, the last one stays in use.
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

// newInstanceConfig compiles the configuration. It omits patterns of JavaScript that package regexp cannot compile.
func newInstanceConfig(c *metlo.AgentConfig) *instanceConfig {
	config := &instanceConfig{auth: map[string]metlo.AgentAuthConfig{}}
	for _, mapping := range c.HostMap {
		if pattern := config.compile("the host map", mapping.Pattern); pattern != nil && mapping.Host != "" {
			config.hosts = append(config.hosts, hostRule{pattern, NormalizeHost(mapping.Host)})
		}
	}
	config.blockHosts = config.patterns("the blocked hosts", c.HostBlockList)
	for _, block := range c.PathBlockList {
		if host := config.compile("the hosts of blocked paths", block.Host); host != nil {
			config.blockPaths = append(config.blockPaths, pathRule{host, config.patterns("the blocked paths", block.Paths)})
		}
	}
	for _, auth := range c.AuthenticationConfig {
		config.auth[NormalizeHost(auth.Host)] = auth
	}
	classes := make([]analysis.Class, len(c.SensitiveDataList))
	for i, class := range c.SensitiveDataList {
		classes[i] = analysis.Class{Name: class.ClassName, Pattern: class.Regex, KeyPattern: class.KeyRegex}
	}
	config.classes = analysis.NewClasses(classes)
	config.faults = append(config.faults, config.classes.Faults...)
	for _, endpoint := range c.Endpoints {
		config.endpoints = append(config.endpoints, analysis.Endpoint{Host: NormalizeHost(endpoint.Host), Method: string(endpoint.Method), Path: endpoint.Path})
	}
	return config
}

// compile returns a compiled pattern of a list, or nil after it has recorded the fault.
func (c *instanceConfig) compile(list, text string) *regexp.Regexp {
	pattern, err := analysis.CompilePattern(text)
	if err != nil {
		c.faults = append(c.faults, fmt.Errorf("%s: %w", list, err))
		return nil
	}
	return pattern
}

// patterns returns the compiled patterns of a list.
func (c *instanceConfig) patterns(list string, texts []string) []*regexp.Regexp {
	var compiled []*regexp.Regexp
	for _, text := range texts {
		if pattern := c.compile(list, text); pattern != nil && text != "" {
			compiled = append(compiled, pattern)
		}
	}
	return compiled
}

// host returns the name that the instance maps a host to, and whether it maps the host.
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

// authOf returns the authentication of a host, or nil if the instance has no configuration for it.
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

// blocks reports whether the instance blocks the host or the path.
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

// authenticate masks the header by which clients of the host authenticate. It adds a session cookie as a header with the cookie's
// name, because the instance looks for it there.
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

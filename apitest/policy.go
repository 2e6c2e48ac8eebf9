package apitest

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	metlo "github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest/internal/yamltree"
)

// Policy states who may do what.
type Policy struct {
	// Identities holds the identities that the policy is about, in the order of the columns of a matrix.
	Identities []string
	// Rules holds the rules. The first one that matches an endpoint applies.
	Rules []Rule
	// Exceptions holds the reasons why access is not proven.
	Exceptions []Exception
}

// Rule states who may use endpoints. All other identities of the policy must be refused.
type Rule struct {
	// Endpoints holds patterns. A pattern is a method or *, a space, and a path in which * matches one segment and **
	// any number of segments. The path may follow a host.
	Endpoints []string
	// Allow holds the identities that may use the endpoints, and Own those that may use them for their own objects.
	Allow, Own []string
}

// Exception states why access is not proven.
type Exception struct {
	// Endpoints holds patterns like those of a Rule. If Identities is empty, the exception is about all of them.
	Endpoints, Identities []string
	Reason                string
	// Until is the last day, in UTC, on which the exception applies.
	Until time.Time
}

const (
	policyAllow = "allow"
	policyOwn   = "own"
	policyDeny  = "deny"
)

// judge sets the state of a cell. p may be nil.
func (p *Policy) judge(c *Cell, e Endpoint, in *MatrixInput) {
	if p == nil {
		p = &Policy{}
	}
	c.Policy = p.demands(e, c.Identity)
	fail := func(reason string) { c.State, c.Reason = StateViolation, reason }
	c.State = StateOK
	switch {
	case c.Access == AccessLeaks:
		fail("the endpoint serves it an object of another identity")
		return
	case c.allowedThoughRefused() && (c.Policy != policyAllow):
		fail("the endpoint serves it a request that a test demands to be refused")
		return
	case c.Access == AccessAllowed && c.Policy == policyDeny:
		fail("the endpoint serves it, and the policy denies it")
		return
	case c.Access == AccessDenied && (c.Policy == policyAllow || c.Policy == policyOwn):
		fail("the endpoint refuses it, and the policy allows it")
		return
	case c.Access == AccessUnknown:
		c.State = StateUnknown
	case c.Access == AccessUntested:
		c.State, c.Reason = StateOpen, "no request was sent"
	case c.Policy == policyOwn && !c.refusesOthers():
		c.State, c.Reason = StateOpen, "no request for an object of another identity was sent"
	case c.Policy == "":
		c.State, c.Reason = StateOpen, "the policy has no rule for it"
	}
	if c.State == StateOK {
		return
	}
	p.except(c, e, in)
	if c.State == StateOpen && in.RequireAll {
		c.State = StateViolation
	}
}

// except applies the exceptions of the policy to a cell whose access is not proven.
func (p *Policy) except(c *Cell, e Endpoint, in *MatrixInput) {
	for _, x := range p.Exceptions {
		if len(x.Identities) > 0 && !slices.Contains(x.Identities, c.Identity) || !anyFits(x.Endpoints, e) {
			continue
		}
		until := x.Until.Format(time.DateOnly)
		if !in.Now.Before(x.Until.AddDate(0, 0, 1)) {
			c.Reason += fmt.Sprintf("; the exception %q ended on %s", x.Reason, until)
			continue
		}
		c.State, c.Reason = StateExcepted, fmt.Sprintf("%s, until %s", x.Reason, until)
		return
	}
}

// demands returns the access that the policy demands for an identity at an endpoint, or "" if it has no rule.
func (p *Policy) demands(e Endpoint, identity string) string {
	if !slices.Contains(p.Identities, identity) {
		return ""
	}
	for _, r := range p.Rules {
		switch {
		case !anyFits(r.Endpoints, e):
			continue
		case slices.Contains(r.Allow, identity):
			return policyAllow
		case slices.Contains(r.Own, identity):
			return policyOwn
		}
		return policyDeny
	}
	return ""
}

// unused returns the patterns that match none of the endpoints.
func (p *Policy) unused(endpoints []Endpoint) []string {
	out := []string{}
	if p == nil {
		return out
	}
	add := func(patterns []string) {
		for _, pattern := range patterns {
			if !slices.ContainsFunc(endpoints, func(e Endpoint) bool { return patternFits(pattern, e) }) {
				out = append(out, pattern)
			}
		}
	}
	for _, r := range p.Rules {
		add(r.Endpoints)
	}
	for _, x := range p.Exceptions {
		add(x.Endpoints)
	}
	return out
}

func anyFits(patterns []string, e Endpoint) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return patternFits(pattern, e) })
}

func patternFits(pattern string, e Endpoint) bool {
	method, address, _ := strings.Cut(pattern, " ")
	host, path, _ := strings.Cut(strings.TrimSpace(address), "/")
	if method != "*" && !strings.EqualFold(method, e.Method) || host != "" && !strings.EqualFold(host, e.Host) {
		return false
	}
	return segmentsFit(segments(path), segments(e.Path))
}

// segmentsFit reports whether a path matches a pattern. On a mismatch only the last ** matches one segment more,
// because the result does not depend on what earlier ones match.
func segmentsFit(pattern, path []string) bool {
	star, resume := -1, 0
	i, j := 0, 0
	for j < len(path) {
		switch {
		case i < len(pattern) && pattern[i] == "**":
			star, resume = i, j
			i++
		case i < len(pattern) && segmentFits(pattern[i], path[j]):
			i, j = i+1, j+1
		case star >= 0:
			resume++
			i, j = star+1, resume
		default:
			return false
		}
	}
	return !slices.ContainsFunc(pattern[i:], func(segment string) bool { return segment != "**" })
}

func segmentFits(pattern, segment string) bool {
	return pattern == "*" || pattern == segment || strings.HasPrefix(pattern, "{") && strings.HasPrefix(segment, "{")
}

// LoadPolicy reads a policy file.
//
//	identities: [anonymous, user, admin]
//	rules:
//	  - endpoints: ['GET /orders/{id}', '* /carts/**']
//	    own: [user]
//	    allow: [admin]
//	exceptions:
//	  - endpoints: ['GET /health']
//	    reason: it answers probes alone
//	    until: 2027-01-31
//
// Faults are *ConfigError, all of them joined, with line and column.
func LoadPolicy(path string) (*Policy, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("apitest: read the policy: %w", err)
	}
	d := &decoder{file: path, lines: strings.Split(string(text), "\n"), at: map[string]*yamltree.Node{}}
	root, err := d.parseYAML(string(text))
	if err != nil {
		return nil, err
	}
	p := &Policy{}
	d.mapping(root, "", "identities rules", fields{
		"identities": func(n *yamltree.Node) { p.Identities = list(d, n, "identities", d.name) },
		"rules":      func(n *yamltree.Node) { p.Rules = list(d, n, "rules", d.rule) },
		"exceptions": func(n *yamltree.Node) { p.Exceptions = list(d, n, "exceptions", d.exception) },
	})
	d.distinct("identities", p.Identities)
	for i, r := range p.Rules {
		path := fmt.Sprintf("rules[%d]", i)
		d.known(path, slices.Concat(r.Allow, r.Own), p.Identities)
		d.distinct(path, slices.Concat(r.Allow, r.Own))
	}
	for i, x := range p.Exceptions {
		d.known(fmt.Sprintf("exceptions[%d]", i), x.Identities, p.Identities)
	}
	if len(d.errs) > 0 {
		return nil, d.joined()
	}
	return p, nil
}

// known records a fault for each identity that the policy does not have.
func (d *decoder) known(path string, identities, all []string) {
	for _, identity := range identities {
		if !slices.Contains(all, identity) {
			d.fail(d.at[path], path, "%q is not one of the identities%s", identity, didYouMean(identity, all))
		}
	}
}

// distinct records a fault for each identity that occurs twice.
func (d *decoder) distinct(path string, identities []string) {
	for i, identity := range identities {
		if slices.Contains(identities[:i], identity) {
			d.fail(d.at[path], path, "%q is named twice", identity)
		}
	}
}

func (d *decoder) rule(n *yamltree.Node, path string) Rule {
	var r Rule
	d.mapping(n, path, "endpoints", fields{
		"endpoints": func(n *yamltree.Node) { r.Endpoints = list(d, n, path+".endpoints", d.pattern) },
		"allow":     func(n *yamltree.Node) { r.Allow = list(d, n, path+".allow", d.name) },
		"own":       func(n *yamltree.Node) { r.Own = list(d, n, path+".own", d.name) },
	})
	return r
}

func (d *decoder) exception(n *yamltree.Node, path string) Exception {
	var x Exception
	d.mapping(n, path, "endpoints reason until", fields{
		"endpoints":  func(n *yamltree.Node) { x.Endpoints = list(d, n, path+".endpoints", d.pattern) },
		"identities": func(n *yamltree.Node) { x.Identities = list(d, n, path+".identities", d.name) },
		"reason":     func(n *yamltree.Node) { x.Reason = d.name(n, path+".reason") },
		"until": func(n *yamltree.Node) {
			var err error
			if x.Until, err = time.Parse(time.DateOnly, n.Text); err != nil {
				d.fail(n, path+".until", "must be a date such as 2027-01-31")
			}
		},
	})
	return x
}

func (d *decoder) pattern(n *yamltree.Node, path string) string {
	text := d.name(n, path)
	method, address, _ := strings.Cut(text, " ")
	if method != "*" && !slices.Contains(restMethods, strings.ToUpper(method)) || !strings.Contains(address, "/") || strings.Contains(address, "://") {
		d.fail(n, path, "must be a method or *, a space and a path, such as GET /orders/{id} or GET api.example.com/orders/{id}")
	}
	return text
}

// PolicyOf returns the policy that a testing configuration defines for endpoints. Its identities are the instances of
// actors that have credentials. Their names are those of VALIDATE_AUTH_RULES, such as Customer_1. An endpoint that the
// configuration does not mention has no rule.
func PolicyOf(config *TestingConfig, endpoints []metlo.TestEndpoint) (*Policy, error) {
	if config == nil {
		return nil, errors.New("apitest: the testing config is nil: pass one")
	}
	p := &Policy{}
	for i := range endpoints {
		in := &TemplateInput{Endpoint: cloneEndpoint(&endpoints[i]), Config: config}
		needs, err := in.permissionsNeeded()
		if err != nil {
			return nil, fmt.Errorf("apitest: policy: %w", err)
		}
		attempts, err := in.attempts()
		if err != nil {
			return nil, fmt.Errorf("apitest: policy: %w", err)
		}
		e := &endpoints[i]
		rule := Rule{Endpoints: []string{string(e.Method) + " " + e.Host + e.Path}}
		denied := map[string]bool{}
		for _, a := range attempts {
			identity := a.actor.identity()
			if !slices.Contains(p.Identities, identity) {
				p.Identities = append(p.Identities, identity)
			}
			if denied[identity] = denied[identity] || !a.allowed; a.allowed {
				rule.Allow = append(rule.Allow, identity)
			}
		}
		for _, identity := range rule.Allow {
			if denied[identity] {
				rule.Own = append(rule.Own, identity)
			}
		}
		rule.Allow = slices.DeleteFunc(rule.Allow, func(identity string) bool { return denied[identity] })
		if len(needs) > 0 {
			p.Rules = append(p.Rules, rule)
		}
	}
	return p, nil
}

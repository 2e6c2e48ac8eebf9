package htmlreport

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/metlo-go/metlo"
)

// proof is the evidence about the credentials with which an endpoint is served.
type proof int

// The proofs, in the order of tables: the most urgent first, and good news last.
const (
	withoutCredentials proof = iota // a request without credentials succeeded
	nothingProven
	notLookedAt
	onlyWithCredentials // requests with credentials succeeded, and none without
)

var proofs = [...]struct{ title, class string }{
	withoutCredentials:  {"served without credentials", "high"},
	nothingProven:       {"unknown", "unproven"},
	notLookedAt:         {"not looked at", "unseen"},
	onlyWithCredentials: {"served only with credentials", "good"},
}

// traces counts the traces of an endpoint by the evidence on credentials.
type traces struct {
	read    bool
	total   int
	without int // succeeded without credentials
	with    int // succeeded with credentials
	refused int // were refused without credentials
}

// AddDetail adds the evidence on credentials in the traces of an endpoint.
func (d *Data) AddDetail(detail *metlo.EndpointDetail) {
	e := d.endpoint(detail.UUID, string(detail.Method), detail.Host, detail.Path)
	e.traces = traces{read: true, total: len(detail.Traces), without: detail.AuthenticationEvidence().SucceededWithout}
	for i := range detail.Traces {
		provided, status := detail.Traces[i].SessionMeta.AuthenticationProvided, detail.Traces[i].ResponseStatus
		switch {
		case provided == nil:
		case *provided && status >= 200 && status < 300:
			e.traces.with++
		case !*provided && (status == 401 || status == 403):
			e.traces.refused++
		}
	}
}

// Missing returns the ids of the endpoints whose details the page needs: those with open alerts that it shows, or all.
func (d *Data) Missing() []string {
	list := d.withAlerts()
	list = list[:min(len(list), maxEndpoints)]
	if d.AllLookedAt {
		list = d.sorted(func(*endpoint) bool { return true }, func(x, y *endpoint) int { return x.open.compareUrgency(&y.open) })
	}
	var ids []string
	for _, e := range list {
		if e.id != "" && !e.traces.read {
			ids = append(ids, e.id)
		}
	}
	return ids
}

// proof returns the proof for the endpoint. A user's override is a claim, not a proof.
func (e *endpoint) proof() proof {
	switch {
	case e.traces.without > 0 || e.detected:
		return withoutCredentials
	case !e.traces.read:
		return notLookedAt
	case e.traces.with > 0:
		return onlyWithCredentials
	}
	return nothingProven
}

// contradicted reports whether a proof contradicts a user's setting that the endpoint requires authentication.
func (e *endpoint) contradicted() bool {
	return e.set != nil && *e.set && e.proof() == withoutCredentials
}

// evidence describes the evidence for the endpoint's proof in words.
func (e *endpoint) evidence() string {
	var parts []string
	if n := e.traces.without; n > 0 {
		parts = append(parts, fmt.Sprintf("%d of the latest %s succeeded without credentials", n, counted(e.traces.total, "trace")))
	}
	if e.detected {
		parts = append(parts, "the server detected requests without credentials")
	}
	if n := e.traces.with; n > 0 {
		parts = append(parts, fmt.Sprintf("%d succeeded with credentials", n))
	}
	if n := e.traces.refused; n > 0 {
		parts = append(parts, fmt.Sprintf("%d without credentials got 401 or 403", n))
	}
	switch {
	case len(parts) > 0:
	case !e.traces.read:
		return "not looked at"
	case e.traces.total == 0:
		parts = append(parts, "no trace is stored")
	default:
		parts = append(parts, fmt.Sprintf("the latest %s prove nothing", counted(e.traces.total, "trace")))
	}
	if e.set != nil {
		claim := map[bool]string{true: "a user set that it requires authentication", false: "a user set that it requires none"}[*e.set]
		parts = append(parts, claim)
	}
	return strings.Join(parts, "; ")
}

// byProof counts endpoints by proof.
type byProof [len(proofs)]int

func (d *Data) proofs() (all, sensitive byProof) {
	for _, e := range d.endpoints {
		all[e.proof()]++
		if len(e.classes) > 0 {
			sensitive[e.proof()]++
		}
	}
	return all, sensitive
}

// served returns the endpoints that were served without credentials. Those that a user marked otherwise come first.
func (d *Data) served() []*endpoint {
	return d.sorted(func(e *endpoint) bool { return e.proof() == withoutCredentials }, func(x, y *endpoint) int {
		return cmp.Or(trueFirst(x.contradicted(), y.contradicted()), trueFirst(len(x.classes) > 0, len(y.classes) > 0), compareRisk(x, y))
	})
}

// sensitive returns the endpoints with sensitive data, in the order of proofs.
func (d *Data) sensitive() []*endpoint {
	return d.sorted(func(e *endpoint) bool { return len(e.classes) > 0 }, func(x, y *endpoint) int {
		return cmp.Or(int(x.proof())-int(y.proof()), compareRisk(x, y), trueFirst(x.public, y.public))
	})
}

func compareRisk(x, y *endpoint) int {
	return slices.Index(urgency[:], x.risk) - slices.Index(urgency[:], y.risk)
}

package drift

import (
	"fmt"
	"net/http"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
)

// requirement is the authentication that a document requires of a request.
type requirement int

const (
	notRequired requirement = iota
	optional                // one of the alternatives is to send no credentials
	required
)

// requirement returns the requirement of the operation, or else that of the document.
func (o *operation) requirement() (requirement, place) {
	at := o.at
	list := o.document.doc.Security
	if o.op.Security != nil {
		list = *o.op.Security
		if o.op.Origin != nil {
			if field, ok := o.op.Origin.Fields.Lookup("security"); ok {
				at = placeAt(field)
			}
		}
	}
	if len(list) == 0 {
		return notRequired, at
	}
	for _, alternative := range list {
		if len(alternative) == 0 {
			return optional, at
		}
	}
	return required, at
}

// evidence is the evidence on authentication in the requests to an endpoint.
type evidence struct {
	isServedWithout bool // a request without credentials was served, or a user set it
	isOnlyWith      bool // served requests had credentials, others were refused, or a user set it
	why             string
}

// evidenceOf returns the evidence in traces. If there is none, it returns what a user of the instance set, or the
// server detected. The server's default does not count as evidence.
func evidenceOf(e *metlo.EndpointDetail) evidence {
	counts := e.AuthenticationEvidence()
	refused := 0
	for _, t := range e.Traces {
		provided := t.SessionMeta.AuthenticationProvided
		if provided != nil && !*provided && (t.ResponseStatus == http.StatusUnauthorized || t.ResponseStatus == http.StatusForbidden) {
			refused++
		}
	}
	said := e.Authentication()
	switch {
	case counts.SucceededWithout > 0:
		return evidence{isServedWithout: true, why: output.Count(counts.SucceededWithout, "request") +
			" without credentials served, of the last " + fmt.Sprint(counts.Traces)}
	case said == metlo.AuthenticationNone && e.IsAuthenticatedUserSet != nil:
		return evidence{isServedWithout: true, why: "a user of the instance marked the endpoint as one without authentication"}
	case said == metlo.AuthenticationNone:
		return evidence{isServedWithout: true, why: "the instance detected requests without credentials"}
	case said == metlo.AuthenticationRequired:
		return evidence{isOnlyWith: true, why: "a user of the instance marked the endpoint as one with authentication"}
	case counts.WithCredentials+refused > 0:
		why := fmt.Sprintf("%d of the last %s came with credentials, and none without was served", counts.WithCredentials, output.Count(counts.Traces, "request"))
		if refused > 0 {
			why += fmt.Sprintf("; %d without were refused", refused)
		}
		return evidence{isOnlyWith: true, why: why}
	}
	return evidence{}
}

func (c *Comparison) authentication(e *metlo.EndpointDetail, operations []*operation) {
	found := evidenceOf(e)
	if found == (evidence{}) {
		c.note(noteNoEvidence, &e.Endpoint)
		return
	}
	// One matching document of several is enough.
	strictest, at := required, operations[0].at
	loosest := notRequired
	for i, op := range operations {
		r, where := op.requirement()
		if i == 0 {
			strictest, loosest, at = r, r, where
		}
		strictest, loosest = min(strictest, r), max(loosest, r)
	}
	switch {
	case found.isServedWithout && strictest == required:
		c.report(MissingAuthentication, severityOf(MissingAuthentication), &e.Endpoint, "", "the document requires authentication: "+found.why, at)
	case found.isOnlyWith && loosest == notRequired:
		c.report(UndocumentedAuthentication, severityOf(UndocumentedAuthentication), &e.Endpoint, "", "the document names no security: "+found.why, at)
	}
}

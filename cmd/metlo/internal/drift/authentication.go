package drift

import (
	"fmt"
	"net/http"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
)

// requirement is what a document says of authentication.
type requirement int

const (
	notRequired requirement = iota
	optional                // one of the alternatives is to send none
	required
)

// requirement returns what an operation requires: itself, or else the document.
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

// evidence is what requests show of authentication.
type evidence struct {
	isServedWithout bool // a request without credentials was served, or a user says so
	isOnlyWith      bool // credentials came with what was served, were demanded, or a user says so
	why             string
}

// evidenceOf returns what traces show. Without one that shows anything it is what a user of the instance said, or what the
// server detected; the server's default is no evidence.
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
	// Of several documents one that fits is enough.
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

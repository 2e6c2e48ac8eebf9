package backend

import (
	"slices"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// analyzeAtOnce classifies with each call, by all existing traces, unlike a real server. It records and reports an
// endpoint that answers without authentication.
func (st *Store) analyzeAtOnce(o *observation, e *endpoint) []*alert {
	alerts := st.classify(e, o.at, 0)
	if session, _ := o.session.(*js.Object); session.Get("authenticationProvided") == false && o.status < 300 { //nolint:revive // the value is any
		e.authDetected = false
	}
	exposed := slices.ContainsFunc(e.fields, func(f *dataField) bool { return f.dataSection == "resBody" && len(f.dataClasses) > 0 })
	if !e.authenticated() && exposed {
		description := "Unauthenticated endpoint " + e.method + " " + e.path + " in " + e.host + " is returning sensitive data."
		alerts = append(alerts, st.raise(e, o.at, alertUnauthenticated, description, emptyObject()))
	}
	return alerts
}

package backend

import (
	"cmp"
	"slices"
)

func riskScores() []string { return []string{"none", "low", "medium", "high"} }

func statuses() []string { return []string{"Resolved", "Ignored", statusOpen} }

const statusOpen = "Open"

func updateTypes() []string { return []string{"resolve", "unresolve", "ignore", "unignore"} }

func methods() []string {
	return []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"}
}

func dataSections() []string {
	return []string{"reqPath", "reqQuery", "reqHeaders", "reqBody", "resHeaders", "resBody"}
}

func dataTypes() []string {
	return []string{"integer", "number", "string", "boolean", "object", "array", "unknown"}
}

func hostTypes() []string { return []string{"Public", "Private", "Any"} }

const (
	alertNewEndpoint     = "New Endpoint Detected"
	alertPII             = "PII Data Detected"
	alertSpecDiff        = "Open API Spec Diff"
	alertQuery           = "Sensitive Data in Query Params"
	alertPath            = "Sensitive Data in Path Params"
	alertBasicAuth       = "Basic Authentication Detected"
	alertNoTLS           = "Endpoint not secured by SSL"
	alertUnauthenticated = "Unauthenticated Endpoint returning Sensitive Data"
)

func alertTypes() []string {
	return []string{
		alertNewEndpoint, alertPII, alertSpecDiff, alertQuery, alertPath, alertBasicAuth, alertNoTLS, alertUnauthenticated,
	}
}

func alertRisk(kind string) string {
	switch kind {
	case alertNewEndpoint:
		return "low"
	case alertSpecDiff, alertBasicAuth:
		return "medium"
	}
	return "high"
}

func riskRank(risk string) int { return slices.Index(riskScores(), risk) }

func compareRisk(a, b string) int { return cmp.Compare(riskRank(a), riskRank(b)) }

// statusRank returns the position of a status in the order of alerts.
func statusRank(status string) int {
	return slices.Index([]string{statusOpen, "Ignored", "Resolved"}, status)
}

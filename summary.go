package metlo

import (
	"context"
	"net/http"
	"time"
)

// SummaryService counts the contents of the instance.
type SummaryService struct{ client *Client }

// Summary is an overview of the instance. The server caches its parts for 5 to 60 s.
type Summary struct {
	PIIDataTypeCount map[string]int     `json:"piiDataTypeCount"` // data fields by data class
	AlertTypeCount   map[AlertType]int  `json:"alertTypeCount"`   // open alerts by type
	TopAlerts        []TopAlert         `json:"topAlerts"`        // open alerts, at most 10, highest risk first
	TopEndpoints     []TopEndpoint      `json:"topEndpoints"`     // endpoints with requests in the last two hours, at most 10
	UsageStats       UsageStats         `json:"usageStats"`
	NumConnections   int                `json:"numConnections"` // always 0 on the open-source server
	OpenAlerts       int                `json:"newAlerts"`      // open alerts
	EndpointsTracked int                `json:"endpointsTracked"`
	PIIDataFields    int                `json:"piiDataFields"` // data fields with a data class
	HostCount        int                `json:"hostCount"`
	HighRiskAlerts   int                `json:"highRiskAlerts"`
	Documented       *DocumentedSummary `json:"documented,omitzero"` // the documented form of the answer; nil on a real server
}

// DocumentedSummary is a summary in the form of the documentation.
type DocumentedSummary struct {
	NumEndpoints         int              `json:"numEndpoints"`
	NumHighRiskEndpoints int              `json:"numHighRiskEndpoints"`
	NumAlerts            int              `json:"numAlerts"`
	NumPIIDataFields     int              `json:"numPIIDataFields"`
	NumAttacks           int              `json:"numAttacks"`
	TopAlertTypes        []AlertTypeCount `json:"topAlertTypes"`
}

// AlertTypeCount counts the alerts of a type.
type AlertTypeCount struct {
	Type  AlertType `json:"type"`
	Count int       `json:"count"`
}

// TopAlert is an open alert of high risk.
type TopAlert struct {
	UUID            string           `json:"uuid"`
	Type            AlertType        `json:"type"`
	RiskScore       RiskScore        `json:"riskScore"`
	APIEndpointUUID string           `json:"apiEndpointUuid"`
	CreatedAt       time.Time        `json:"createdAt,omitzero"`
	APIEndpoint     TopAlertEndpoint `json:"apiEndpoint"`
}

// TopAlertEndpoint is the endpoint of a [TopAlert].
type TopAlertEndpoint struct {
	Path   string     `json:"path"`
	Host   string     `json:"host"`
	Method RestMethod `json:"method"`
}

// TopEndpoint is an endpoint with its latest traffic.
type TopEndpoint struct {
	Endpoint

	Traces        []CapturedTrace `json:"traces"`       // newest traces, at most 21, newest first
	CallsPerHour  int             `json:"callsPerHour"` // requests in the previous full hour
	Tests         []EndpointTest  `json:"tests"`
	GraphQLSchema string          `json:"graphQlSchema"` // always empty on the open-source server
}

// UsageStats counts requests to all endpoints.
type UsageStats struct {
	DailyUsage      []DailyUsage `json:"dailyUsage"` // counts for the last 15 days
	LastMinuteCount int          `json:"last1MinCnt"`
	LastHourCount   int          `json:"last60MinCnt"` // 0 on servers that do not count it
}

// DailyUsage counts the requests of a day.
type DailyUsage struct {
	Day   time.Time `json:"day,omitzero"` // midnight UTC at the start of the day
	Count int       `json:"cnt"`
}

// SensitiveDataOptions filters sensitive data. Values of one field are alternatives; fields that are set apply
// together.
type SensitiveDataOptions struct {
	Hosts      []string      `url:"hosts,omitempty,brackets"`
	RiskScores []RiskScore   `url:"riskScores,omitempty,brackets"`
	Locations  []DataSection `url:"locations,omitempty,brackets"`
}

// SensitiveDataSummary counts data fields that have a data class.
type SensitiveDataSummary struct {
	PIIDataTypeCount map[string]int `json:"piiDataTypeCount"` // data fields by data class
	PIIItems         []PIIItem      `json:"piiItems"`
	TotalPIIFields   int            `json:"totalPIIFields"`
	TotalEndpoints   int            `json:"totalEndpoints"` // number of endpoints with such a data field
}

func (s *SensitiveDataSummary) check() error {
	if s.PIIDataTypeCount == nil || s.PIIItems == nil {
		return errShape
	}
	return nil
}

// PIIItem counts the occurrences of a data class.
type PIIItem struct {
	DataClass    string    `json:"dataClass"`
	Risk         RiskScore `json:"risk"`  // empty if the class is no longer defined
	Count        int       `json:"count"` // number of data fields
	NumHosts     int       `json:"numHosts"`
	NumEndpoints int       `json:"numEndpoints"`
}

// Get returns counts of the whole inventory, the most urgent alerts and the busiest endpoints.
//
// GET /summary
func (s *SummaryService) Get(ctx context.Context) (*Summary, error) {
	answer, err := fetch(ctx, s.client, newRequest("Summary.Get", http.MethodGet, "/summary"), (*summaryAnswer).check)
	if err != nil {
		return nil, err
	}
	if answer.documented() {
		answer.Documented = &answer.DocumentedSummary
	}
	return &answer.Summary, nil
}

// summaryAnswer holds both forms of a summary: the server's and the documentation's.
type summaryAnswer struct {
	Summary
	DocumentedSummary
}

func (a *summaryAnswer) documented() bool {
	return a.TopAlertTypes != nil && a.PIIDataTypeCount == nil
}

func (a *summaryAnswer) check() error {
	if a.PIIDataTypeCount == nil && !a.documented() {
		return errShape
	}
	return nil
}

// HasEndpoints reports whether the instance has any endpoint.
//
// GET /summary/endpoint-tracked
func (s *SummaryService) HasEndpoints(ctx context.Context) (bool, error) {
	answer, err := fetch(ctx, s.client, newRequest("Summary.HasEndpoints", http.MethodGet, "/summary/endpoint-tracked"), (*trackedAnswer).check)
	if err != nil {
		return false, err
	}
	return *answer.Exists, nil
}

type trackedAnswer struct {
	Exists *bool `json:"exists"`
}

func (a *trackedAnswer) check() error {
	if a.Exists == nil {
		return errShape
	}
	return nil
}

// SensitiveData returns how often and how widely each data class occurs in the data fields that pass the filter.
//
// GET /sensitive-data-summary
func (s *SummaryService) SensitiveData(ctx context.Context, opts *SensitiveDataOptions) (*SensitiveDataSummary, error) {
	return fetch(ctx, s.client, newRequest("Summary.SensitiveData", http.MethodGet, "/sensitive-data-summary").filter(opts), (*SensitiveDataSummary).check)
}

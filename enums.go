package metlo

import (
	"fmt"
	"strings"
)

// RiskScore grades an endpoint or an alert.
type RiskScore string

// The risk scores, lowest first.
const (
	RiskNone   RiskScore = "none"
	RiskLow    RiskScore = "low"
	RiskMedium RiskScore = "medium"
	RiskHigh   RiskScore = "high"
)

// AlertStatus says where an alert stands in triage.
type AlertStatus string

// The statuses of an alert.
const (
	StatusOpen     AlertStatus = "Open"
	StatusIgnored  AlertStatus = "Ignored"
	StatusResolved AlertStatus = "Resolved"
)

// AlertUpdateType names a change of an alert's status.
type AlertUpdateType string

// The changes that an alert can undergo.
const (
	UpdateResolve   AlertUpdateType = "resolve"   // Open to Resolved
	UpdateUnresolve AlertUpdateType = "unresolve" // Resolved to Open
	UpdateIgnore    AlertUpdateType = "ignore"    // Open to Ignored
	UpdateUnignore  AlertUpdateType = "unignore"  // Ignored to Open
)

// AlertType says what an alert is about.
type AlertType string

// The types of alert.
const (
	AlertNewEndpoint              AlertType = "New Endpoint Detected"
	AlertPIIData                  AlertType = "PII Data Detected"
	AlertOpenAPISpecDiff          AlertType = "Open API Spec Diff"
	AlertQuerySensitiveData       AlertType = "Sensitive Data in Query Params"
	AlertPathSensitiveData        AlertType = "Sensitive Data in Path Params"
	AlertBasicAuthentication      AlertType = "Basic Authentication Detected"
	AlertUnsecuredEndpoint        AlertType = "Endpoint not secured by SSL"
	AlertUnauthenticatedSensitive AlertType = "Unauthenticated Endpoint returning Sensitive Data"
)

// HostType tells hosts that the internet reaches from internal ones.
type HostType string

// The types of host.
const (
	HostPublic  HostType = "Public"
	HostPrivate HostType = "Private"
	HostAny     HostType = "Any" // no filter
)

// RestMethod is the HTTP method of an endpoint.
type RestMethod string

// The HTTP methods that Metlo tracks.
const (
	MethodGet     RestMethod = "GET"
	MethodHead    RestMethod = "HEAD"
	MethodPost    RestMethod = "POST"
	MethodPut     RestMethod = "PUT"
	MethodPatch   RestMethod = "PATCH"
	MethodDelete  RestMethod = "DELETE"
	MethodConnect RestMethod = "CONNECT"
	MethodOptions RestMethod = "OPTIONS"
	MethodTrace   RestMethod = "TRACE"
)

// DataSection is the part of a request or a response in which a data field was seen.
type DataSection string

// The sections of a request and a response.
const (
	SectionRequestPath     DataSection = "reqPath"
	SectionRequestQuery    DataSection = "reqQuery"
	SectionRequestHeaders  DataSection = "reqHeaders"
	SectionRequestBody     DataSection = "reqBody"
	SectionResponseHeaders DataSection = "resHeaders"
	SectionResponseBody    DataSection = "resBody"
)

// DataType is the JSON type of a data field's values.
type DataType string

// The types of data.
const (
	TypeInteger DataType = "integer"
	TypeNumber  DataType = "number"
	TypeString  DataType = "string"
	TypeBoolean DataType = "boolean"
	TypeObject  DataType = "object"
	TypeArray   DataType = "array"
	TypeUnknown DataType = "unknown"
)

// DataTag marks a data field that holds personally identifiable information.
type DataTag string

// TagPII marks personally identifiable information.
const TagPII DataTag = "PII"

// APIKeyType says what an API key was made for.
type APIKeyType string

// The types of API key.
const (
	KeyGeneric    APIKeyType = "GENERIC"
	KeyOnboarding APIKeyType = "ONBOARDING"
	KeyGCP        APIKeyType = "GCP"
	KeyAWS        APIKeyType = "AWS"
)

// SpecExtension is the format of an OpenAPI document.
type SpecExtension string

// The formats of an OpenAPI document.
const (
	SpecJSON SpecExtension = "json"
	SpecYAML SpecExtension = "yaml"
)

// AuthType says how the requests to a host authenticate.
type AuthType string

// The ways to authenticate.
const (
	AuthBasic         AuthType = "basic"
	AuthHeader        AuthType = "header"
	AuthJWT           AuthType = "jwt"
	AuthSessionCookie AuthType = "session_cookie"
)

// HostSort is the field by which hosts are ordered.
type HostSort string

// The fields by which hosts can be ordered.
const (
	SortByHost         HostSort = "host"
	SortByNumEndpoints HostSort = "numEndpoints"
)

// SortOrder is the direction of an ordering.
type SortOrder string

// The directions of an ordering.
const (
	Ascending  SortOrder = "ASC"
	Descending SortOrder = "DESC"
)

// AnalysisType says how thoroughly the analyzer treats a trace.
type AnalysisType string

// The depths of analysis.
const (
	AnalysisFull    AnalysisType = "full"
	AnalysisPartial AnalysisType = "partial"
)

// Names of the data classes that are built into Metlo. An instance's configuration adds classes with names of its own
// and may disable these, so a data class is a plain string everywhere.
const (
	ClassEmail                 = "Email"
	ClassCreditCard            = "Credit Card Number"
	ClassSocialSecurityNumber  = "Social Security Number"
	ClassPhoneNumber           = "Phone Number"
	ClassIPAddress             = "IP Address"
	ClassGeographicCoordinates = "Geographic Coordinates"
	ClassVehicleIdentification = "Vehicle Identification Number"
	ClassAddress               = "Address"
	ClassDateOfBirth           = "Date of Birth"
	ClassDriverLicense         = "Driver License Number"
	ClassAadharNumber          = "Aadhar Number"
	ClassBrazilCPF             = "Brazil CPF"
)

// enum lists the values of an enumeration as the server spells them, and the other names the documentation uses.
// The tables below are never written to.
type enum[E ~string] struct {
	values  []E
	aliases map[string]E // by upper-case name
}

var (
	riskScores = enum[RiskScore]{values: []RiskScore{RiskNone, RiskLow, RiskMedium, RiskHigh}}

	alertStatuses = enum[AlertStatus]{
		values: []AlertStatus{StatusOpen, StatusIgnored, StatusResolved},
		aliases: map[string]AlertStatus{
			"UNRESOLVED": StatusOpen,
			"CLOSED":     StatusResolved,
		},
	}

	alertUpdateTypes = enum[AlertUpdateType]{
		values: []AlertUpdateType{UpdateResolve, UpdateUnresolve, UpdateIgnore, UpdateUnignore},
	}

	alertTypes = enum[AlertType]{
		values: []AlertType{
			AlertNewEndpoint, AlertPIIData, AlertOpenAPISpecDiff, AlertQuerySensitiveData, AlertPathSensitiveData,
			AlertBasicAuthentication, AlertUnsecuredEndpoint, AlertUnauthenticatedSensitive,
		},
		aliases: map[string]AlertType{
			"NEW_ENDPOINT":                            AlertNewEndpoint,
			"NEW_ENDPOINT_DETECTED":                   AlertNewEndpoint,
			"PII_DATA_DETECTED":                       AlertPIIData,
			"OPEN_API_SPEC_DIFF":                      AlertOpenAPISpecDiff,
			"QUERY_SENSITIVE_DATA":                    AlertQuerySensitiveData,
			"PATH_SENSITIVE_DATA":                     AlertPathSensitiveData,
			"BASIC_AUTHENTICATION_DETECTED":           AlertBasicAuthentication,
			"UNSECURED_ENDPOINT":                      AlertUnsecuredEndpoint,
			"UNSECURED_ENDPOINT_DETECTED":             AlertUnsecuredEndpoint,
			"UNAUTHENTICATED_ENDPOINT":                AlertUnauthenticatedSensitive,
			"UNAUTHENTICATED_ENDPOINT_SENSITIVE_DATA": AlertUnauthenticatedSensitive,
		},
	}

	hostTypes = enum[HostType]{
		values: []HostType{HostPublic, HostPrivate, HostAny},
		aliases: map[string]HostType{
			"EXTERNAL": HostPublic,
			"INTERNAL": HostPrivate,
		},
	}

	restMethods = enum[RestMethod]{values: []RestMethod{
		MethodGet, MethodHead, MethodPost, MethodPut, MethodPatch, MethodDelete, MethodConnect, MethodOptions, MethodTrace,
	}}

	dataSections = enum[DataSection]{
		values: []DataSection{
			SectionRequestPath, SectionRequestQuery, SectionRequestHeaders, SectionRequestBody,
			SectionResponseHeaders, SectionResponseBody,
		},
		aliases: map[string]DataSection{
			"REQUEST_PATH":    SectionRequestPath,
			"REQUEST_QUERY":   SectionRequestQuery,
			"REQUEST_HEADER":  SectionRequestHeaders,
			"REQUEST_BODY":    SectionRequestBody,
			"RESPONSE_HEADER": SectionResponseHeaders,
			"RESPONSE_BODY":   SectionResponseBody,
		},
	}

	dataTypes = enum[DataType]{values: []DataType{
		TypeInteger, TypeNumber, TypeString, TypeBoolean, TypeObject, TypeArray, TypeUnknown,
	}}

	dataTags       = enum[DataTag]{values: []DataTag{TagPII}}
	apiKeyTypes    = enum[APIKeyType]{values: []APIKeyType{KeyGeneric, KeyOnboarding, KeyGCP, KeyAWS}}
	specExtensions = enum[SpecExtension]{
		values:  []SpecExtension{SpecJSON, SpecYAML},
		aliases: map[string]SpecExtension{"YML": SpecYAML},
	}
	authTypes     = enum[AuthType]{values: []AuthType{AuthBasic, AuthHeader, AuthJWT, AuthSessionCookie}}
	hostSorts     = enum[HostSort]{values: []HostSort{SortByHost, SortByNumEndpoints}}
	sortOrders    = enum[SortOrder]{values: []SortOrder{Ascending, Descending}}
	analysisTypes = enum[AnalysisType]{values: []AnalysisType{AnalysisFull, AnalysisPartial}}
)

// find returns the value that text names, and text itself when it names none.
func (e *enum[E]) find(text string) (E, bool) {
	for _, v := range e.values {
		if string(v) == text {
			return v, true
		}
	}
	for _, v := range e.values {
		if strings.EqualFold(string(v), text) {
			return v, true
		}
	}
	if v, ok := e.aliases[strings.ToUpper(text)]; ok {
		return v, true
	}
	return E(text), false
}

// unmarshal is find for a decoder: a value that the server spells as expected costs no allocation.
func (e *enum[E]) unmarshal(text []byte) E {
	for _, v := range e.values {
		if string(v) == string(text) {
			return v
		}
	}
	v, _ := e.find(string(text))
	return v
}

func (e *enum[E]) wire(v E) string {
	w, _ := e.find(string(v))
	return string(w)
}

func (e *enum[E]) known(v E) bool {
	_, ok := e.find(string(v))
	return ok
}

func (e *enum[E]) parse(name, text string) (E, error) {
	if v, ok := e.find(strings.TrimSpace(text)); ok {
		return v, nil
	}
	names := make([]string, len(e.values))
	for i, v := range e.values {
		names[i] = string(v)
	}
	return "", fmt.Errorf("%w: %q is no %s: use one of %s", ErrInvalidArgument, text, name, strings.Join(names, ", "))
}

// AtLeast reports whether r is as high as other or higher. A score that the SDK does not know is below every known one.
func (r RiskScore) AtLeast(other RiskScore) bool { return r.rank() >= other.rank() }

func (r RiskScore) rank() int {
	v, _ := riskScores.find(string(r))
	for i, s := range riskScores.values {
		if s == v {
			return i
		}
	}
	return -1
}

// IsResponse reports whether the section is one of a response: what an endpoint returns.
func (d DataSection) IsResponse() bool {
	v, _ := dataSections.find(string(d))
	return v == SectionResponseHeaders || v == SectionResponseBody
}

// ParseRiskScore returns the risk score that text names, in any case, in the server's spelling or the documentation's.
// Any other text is ErrInvalidArgument. Use it for flags and configuration.
func ParseRiskScore(text string) (RiskScore, error) { return riskScores.parse("risk score", text) }

// Known reports whether the SDK knows the value. Values that it does not know travel unchanged.
func (r RiskScore) Known() bool { return riskScores.known(r) }

// String returns the value as the server spells it.
func (r RiskScore) String() string { return riskScores.wire(r) }

// MarshalText returns the value as the server spells it.
func (r RiskScore) MarshalText() ([]byte, error) { return []byte(riskScores.wire(r)), nil }

// UnmarshalText accepts the server's spelling and the documentation's, and keeps a value that it does not know.
func (r *RiskScore) UnmarshalText(text []byte) error {
	*r = riskScores.unmarshal(text)
	return nil
}

// ParseAlertStatus returns the alert status that text names, in any case, in the server's spelling or the documentation's.
// Any other text is ErrInvalidArgument. Use it for flags and configuration.
func ParseAlertStatus(text string) (AlertStatus, error) {
	return alertStatuses.parse("alert status", text)
}

// Known reports whether the SDK knows the value. Values that it does not know travel unchanged.
func (a AlertStatus) Known() bool { return alertStatuses.known(a) }

// String returns the value as the server spells it.
func (a AlertStatus) String() string { return alertStatuses.wire(a) }

// MarshalText returns the value as the server spells it.
func (a AlertStatus) MarshalText() ([]byte, error) { return []byte(alertStatuses.wire(a)), nil }

// UnmarshalText accepts the server's spelling and the documentation's, and keeps a value that it does not know.
func (a *AlertStatus) UnmarshalText(text []byte) error {
	*a = alertStatuses.unmarshal(text)
	return nil
}

// ParseAlertUpdateType returns the alert update type that text names, in any case, in the server's spelling or the documentation's.
// Any other text is ErrInvalidArgument. Use it for flags and configuration.
func ParseAlertUpdateType(text string) (AlertUpdateType, error) {
	return alertUpdateTypes.parse("alert update type", text)
}

// Known reports whether the SDK knows the value. Values that it does not know travel unchanged.
func (u AlertUpdateType) Known() bool { return alertUpdateTypes.known(u) }

// String returns the value as the server spells it.
func (u AlertUpdateType) String() string { return alertUpdateTypes.wire(u) }

// MarshalText returns the value as the server spells it.
func (u AlertUpdateType) MarshalText() ([]byte, error) { return []byte(alertUpdateTypes.wire(u)), nil }

// UnmarshalText accepts the server's spelling and the documentation's, and keeps a value that it does not know.
func (u *AlertUpdateType) UnmarshalText(text []byte) error {
	*u = alertUpdateTypes.unmarshal(text)
	return nil
}

// ParseAlertType returns the alert type that text names, in any case, in the server's spelling or the documentation's.
// Any other text is ErrInvalidArgument. Use it for flags and configuration.
func ParseAlertType(text string) (AlertType, error) { return alertTypes.parse("alert type", text) }

// Known reports whether the SDK knows the value. Values that it does not know travel unchanged.
func (a AlertType) Known() bool { return alertTypes.known(a) }

// String returns the value as the server spells it.
func (a AlertType) String() string { return alertTypes.wire(a) }

// MarshalText returns the value as the server spells it.
func (a AlertType) MarshalText() ([]byte, error) { return []byte(alertTypes.wire(a)), nil }

// UnmarshalText accepts the server's spelling and the documentation's, and keeps a value that it does not know.
func (a *AlertType) UnmarshalText(text []byte) error {
	*a = alertTypes.unmarshal(text)
	return nil
}

// ParseHostType returns the host type that text names, in any case, in the server's spelling or the documentation's.
// Any other text is ErrInvalidArgument. Use it for flags and configuration.
func ParseHostType(text string) (HostType, error) { return hostTypes.parse("host type", text) }

// Known reports whether the SDK knows the value. Values that it does not know travel unchanged.
func (h HostType) Known() bool { return hostTypes.known(h) }

// String returns the value as the server spells it.
func (h HostType) String() string { return hostTypes.wire(h) }

// MarshalText returns the value as the server spells it.
func (h HostType) MarshalText() ([]byte, error) { return []byte(hostTypes.wire(h)), nil }

// UnmarshalText accepts the server's spelling and the documentation's, and keeps a value that it does not know.
func (h *HostType) UnmarshalText(text []byte) error {
	*h = hostTypes.unmarshal(text)
	return nil
}

// ParseRestMethod returns the HTTP method that text names, in any case, in the server's spelling or the documentation's.
// Any other text is ErrInvalidArgument. Use it for flags and configuration.
func ParseRestMethod(text string) (RestMethod, error) { return restMethods.parse("HTTP method", text) }

// Known reports whether the SDK knows the value. Values that it does not know travel unchanged.
func (r RestMethod) Known() bool { return restMethods.known(r) }

// String returns the value as the server spells it.
func (r RestMethod) String() string { return restMethods.wire(r) }

// MarshalText returns the value as the server spells it.
func (r RestMethod) MarshalText() ([]byte, error) { return []byte(restMethods.wire(r)), nil }

// UnmarshalText accepts the server's spelling and the documentation's, and keeps a value that it does not know.
func (r *RestMethod) UnmarshalText(text []byte) error {
	*r = restMethods.unmarshal(text)
	return nil
}

// ParseDataSection returns the data section that text names, in any case, in the server's spelling or the documentation's.
// Any other text is ErrInvalidArgument. Use it for flags and configuration.
func ParseDataSection(text string) (DataSection, error) {
	return dataSections.parse("data section", text)
}

// Known reports whether the SDK knows the value. Values that it does not know travel unchanged.
func (d DataSection) Known() bool { return dataSections.known(d) }

// String returns the value as the server spells it.
func (d DataSection) String() string { return dataSections.wire(d) }

// MarshalText returns the value as the server spells it.
func (d DataSection) MarshalText() ([]byte, error) { return []byte(dataSections.wire(d)), nil }

// UnmarshalText accepts the server's spelling and the documentation's, and keeps a value that it does not know.
func (d *DataSection) UnmarshalText(text []byte) error {
	*d = dataSections.unmarshal(text)
	return nil
}

// ParseDataType returns the data type that text names, in any case, in the server's spelling or the documentation's.
// Any other text is ErrInvalidArgument. Use it for flags and configuration.
func ParseDataType(text string) (DataType, error) { return dataTypes.parse("data type", text) }

// Known reports whether the SDK knows the value. Values that it does not know travel unchanged.
func (d DataType) Known() bool { return dataTypes.known(d) }

// String returns the value as the server spells it.
func (d DataType) String() string { return dataTypes.wire(d) }

// MarshalText returns the value as the server spells it.
func (d DataType) MarshalText() ([]byte, error) { return []byte(dataTypes.wire(d)), nil }

// UnmarshalText accepts the server's spelling and the documentation's, and keeps a value that it does not know.
func (d *DataType) UnmarshalText(text []byte) error {
	*d = dataTypes.unmarshal(text)
	return nil
}

// ParseDataTag returns the data tag that text names, in any case, in the server's spelling or the documentation's.
// Any other text is ErrInvalidArgument. Use it for flags and configuration.
func ParseDataTag(text string) (DataTag, error) { return dataTags.parse("data tag", text) }

// Known reports whether the SDK knows the value. Values that it does not know travel unchanged.
func (d DataTag) Known() bool { return dataTags.known(d) }

// String returns the value as the server spells it.
func (d DataTag) String() string { return dataTags.wire(d) }

// MarshalText returns the value as the server spells it.
func (d DataTag) MarshalText() ([]byte, error) { return []byte(dataTags.wire(d)), nil }

// UnmarshalText accepts the server's spelling and the documentation's, and keeps a value that it does not know.
func (d *DataTag) UnmarshalText(text []byte) error {
	*d = dataTags.unmarshal(text)
	return nil
}

// ParseAPIKeyType returns the API key type that text names, in any case, in the server's spelling or the documentation's.
// Any other text is ErrInvalidArgument. Use it for flags and configuration.
func ParseAPIKeyType(text string) (APIKeyType, error) { return apiKeyTypes.parse("API key type", text) }

// Known reports whether the SDK knows the value. Values that it does not know travel unchanged.
func (a APIKeyType) Known() bool { return apiKeyTypes.known(a) }

// String returns the value as the server spells it.
func (a APIKeyType) String() string { return apiKeyTypes.wire(a) }

// MarshalText returns the value as the server spells it.
func (a APIKeyType) MarshalText() ([]byte, error) { return []byte(apiKeyTypes.wire(a)), nil }

// UnmarshalText accepts the server's spelling and the documentation's, and keeps a value that it does not know.
func (a *APIKeyType) UnmarshalText(text []byte) error {
	*a = apiKeyTypes.unmarshal(text)
	return nil
}

// ParseSpecExtension returns the spec extension that text names, in any case, in the server's spelling or the documentation's.
// Any other text is ErrInvalidArgument. Use it for flags and configuration.
func ParseSpecExtension(text string) (SpecExtension, error) {
	return specExtensions.parse("spec extension", text)
}

// Known reports whether the SDK knows the value. Values that it does not know travel unchanged.
func (s SpecExtension) Known() bool { return specExtensions.known(s) }

// String returns the value as the server spells it.
func (s SpecExtension) String() string { return specExtensions.wire(s) }

// MarshalText returns the value as the server spells it.
func (s SpecExtension) MarshalText() ([]byte, error) { return []byte(specExtensions.wire(s)), nil }

// UnmarshalText accepts the server's spelling and the documentation's, and keeps a value that it does not know.
func (s *SpecExtension) UnmarshalText(text []byte) error {
	*s = specExtensions.unmarshal(text)
	return nil
}

// ParseAuthType returns the authentication type that text names, in any case, in the server's spelling or the documentation's.
// Any other text is ErrInvalidArgument. Use it for flags and configuration.
func ParseAuthType(text string) (AuthType, error) {
	return authTypes.parse("authentication type", text)
}

// Known reports whether the SDK knows the value. Values that it does not know travel unchanged.
func (a AuthType) Known() bool { return authTypes.known(a) }

// String returns the value as the server spells it.
func (a AuthType) String() string { return authTypes.wire(a) }

// MarshalText returns the value as the server spells it.
func (a AuthType) MarshalText() ([]byte, error) { return []byte(authTypes.wire(a)), nil }

// UnmarshalText accepts the server's spelling and the documentation's, and keeps a value that it does not know.
func (a *AuthType) UnmarshalText(text []byte) error {
	*a = authTypes.unmarshal(text)
	return nil
}

// ParseHostSort returns the sort field of hosts that text names, in any case, in the server's spelling or the documentation's.
// Any other text is ErrInvalidArgument. Use it for flags and configuration.
func ParseHostSort(text string) (HostSort, error) {
	return hostSorts.parse("sort field of hosts", text)
}

// Known reports whether the SDK knows the value. Values that it does not know travel unchanged.
func (h HostSort) Known() bool { return hostSorts.known(h) }

// String returns the value as the server spells it.
func (h HostSort) String() string { return hostSorts.wire(h) }

// MarshalText returns the value as the server spells it.
func (h HostSort) MarshalText() ([]byte, error) { return []byte(hostSorts.wire(h)), nil }

// UnmarshalText accepts the server's spelling and the documentation's, and keeps a value that it does not know.
func (h *HostSort) UnmarshalText(text []byte) error {
	*h = hostSorts.unmarshal(text)
	return nil
}

// ParseSortOrder returns the sort order that text names, in any case, in the server's spelling or the documentation's.
// Any other text is ErrInvalidArgument. Use it for flags and configuration.
func ParseSortOrder(text string) (SortOrder, error) { return sortOrders.parse("sort order", text) }

// Known reports whether the SDK knows the value. Values that it does not know travel unchanged.
func (s SortOrder) Known() bool { return sortOrders.known(s) }

// String returns the value as the server spells it.
func (s SortOrder) String() string { return sortOrders.wire(s) }

// MarshalText returns the value as the server spells it.
func (s SortOrder) MarshalText() ([]byte, error) { return []byte(sortOrders.wire(s)), nil }

// UnmarshalText accepts the server's spelling and the documentation's, and keeps a value that it does not know.
func (s *SortOrder) UnmarshalText(text []byte) error {
	*s = sortOrders.unmarshal(text)
	return nil
}

// ParseAnalysisType returns the analysis type that text names, in any case, in the server's spelling or the documentation's.
// Any other text is ErrInvalidArgument. Use it for flags and configuration.
func ParseAnalysisType(text string) (AnalysisType, error) {
	return analysisTypes.parse("analysis type", text)
}

// Known reports whether the SDK knows the value. Values that it does not know travel unchanged.
func (a AnalysisType) Known() bool { return analysisTypes.known(a) }

// String returns the value as the server spells it.
func (a AnalysisType) String() string { return analysisTypes.wire(a) }

// MarshalText returns the value as the server spells it.
func (a AnalysisType) MarshalText() ([]byte, error) { return []byte(analysisTypes.wire(a)), nil }

// UnmarshalText accepts the server's spelling and the documentation's, and keeps a value that it does not know.
func (a *AnalysisType) UnmarshalText(text []byte) error {
	*a = analysisTypes.unmarshal(text)
	return nil
}

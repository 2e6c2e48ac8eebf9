package metlo

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/internal/wire"
)

// AlertField names the data field that an alert is about.
type AlertField struct {
	Section   DataSection
	Path      string // dotted, as in [DataField.DataPath]; empty if the alert does not say which path parameter it means
	DataClass string // what was found in it; empty for [AlertBasicAuthentication]
}

// Trace returns the request and response that raised the alert, out of Context. It is nil for types of alert that keep
// none: [AlertNewEndpoint], [AlertUnauthenticatedSensitive] and [AlertUnsecuredEndpoint].
func (a *Alert) Trace() *CapturedTrace { return parseAlertContext(a.Context).Trace }

// Field returns the data field that the alert is about: out of Description for [AlertPIIData] and
// [AlertQuerySensitiveData], out of Context and the path of the endpoint for [AlertPathSensitiveData], and the header
// authorization for [AlertBasicAuthentication]. It is nil for the other types and for a description of another form.
func (a *Alert) Field() *AlertField {
	return alertField(a.Type, a.Description, a.APIEndpoint.Path, parseAlertContext(a.Context))
}

// SpecPointer returns the place in the OpenAPI document that the traffic contradicts, one element for each level, such
// as paths, /users, get, responses, out of Context. It is nil for types other than [AlertOpenAPISpecDiff]. Joined by
// dots it is the key of the excerpt in [AlertSpec.MinimizedSpecContext].
func (a *Alert) SpecPointer() []string { return parseAlertContext(a.Context).PathPointer }

// Trace returns what [Alert.Trace] does.
func (a *WebhookAlert) Trace() *CapturedTrace { return parseAlertContext(a.Context).Trace }

// Field returns what [Alert.Field] does.
func (a *WebhookAlert) Field() *AlertField {
	return alertField(a.Type, a.Description, a.APIEndpoint.Path, parseAlertContext(a.Context))
}

// SpecPointer returns what [Alert.SpecPointer] does.
func (a *WebhookAlert) SpecPointer() []string { return parseAlertContext(a.Context).PathPointer }

// alertContext is what the server keeps with an alert. A member of another form than the server's counts as absent.
type alertContext struct {
	Trace        *CapturedTrace
	PathPointer  []string
	PathTokenIdx *int // from 0
}

func parseAlertContext(raw json.RawMessage) alertContext {
	var members struct {
		Trace        json.RawMessage `json:"trace"`
		PathPointer  json.RawMessage `json:"pathPointer"`
		PathTokenIdx json.RawMessage `json:"pathTokenIdx"`
	}
	var c alertContext
	if wire.Value(raw, &members) != nil {
		return c
	}
	if trace := new(CapturedTrace); isObject(members.Trace) && wire.Value(members.Trace, trace) == nil {
		c.Trace = trace
	}
	if pointer := []string(nil); wire.Value(members.PathPointer, &pointer) == nil {
		c.PathPointer = pointer
	}
	if index := 0; wire.Value(members.PathTokenIdx, &index) == nil {
		c.PathTokenIdx = &index
	}
	return c
}

func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }

func alertField(kind AlertType, description, path string, c alertContext) *AlertField {
	kind, _ = alertTypes.find(string(kind))
	switch kind {
	case AlertBasicAuthentication:
		return &AlertField{Section: SectionRequestHeaders, Path: "authorization"}
	case AlertPIIData:
		return fieldOfPII(description)
	case AlertQuerySensitiveData:
		name, class, ok := quotedAndClass(description, "Query Parameter '", "' contains sensitive data of type ")
		if !ok {
			return nil
		}
		return &AlertField{Section: SectionRequestQuery, Path: name, DataClass: class}
	case AlertPathSensitiveData:
		_, class, ok := strings.Cut(description, "sensitive data of type ")
		if !ok {
			return nil
		}
		return &AlertField{
			Section: SectionRequestPath, Path: pathParameter(path, c.PathTokenIdx), DataClass: strings.TrimSuffix(class, "."),
		}
	}
	return nil
}

// fieldOfPII reads: Sensitive data of type CLASS has been detected in field 'PATH' of SECTION.
func fieldOfPII(description string) *AlertField {
	rest, ok := strings.CutPrefix(description, "Sensitive data of type ")
	if !ok {
		return nil
	}
	for _, section := range dataSections.values {
		field, ok := strings.CutSuffix(rest, "' of "+sectionLabel(section)+".")
		if !ok {
			continue
		}
		if class, path, ok := strings.Cut(field, " has been detected in field '"); ok {
			return &AlertField{Section: section, Path: path, DataClass: class}
		}
	}
	return nil
}

// sectionLabel is what the server's descriptions call a section.
func sectionLabel(section DataSection) string {
	switch section {
	case SectionRequestPath:
		return "Request Path Parameters"
	case SectionRequestQuery:
		return "Request Query Parameters"
	case SectionRequestHeaders:
		return "Request Headers"
	case SectionRequestBody:
		return "Request Body"
	case SectionResponseHeaders:
		return "Response Headers"
	}
	return "Response Body"
}

// quotedAndClass splits a description whose name may hold any text, at the last place where that is possible.
func quotedAndClass(description, prefix, middle string) (name, class string, ok bool) {
	rest, ok := strings.CutPrefix(description, prefix)
	at := strings.LastIndex(rest, middle)
	if !ok || at < 0 {
		return "", "", false
	}
	return rest[:at], strings.TrimSuffix(rest[at+len(middle):], "."), true
}

// pathParameter is the name of the parameter that stands at an element of a path.
func pathParameter(path string, index *int) string {
	elements := slices.DeleteFunc(strings.Split(path, "/"), func(element string) bool { return element == "" })
	if index == nil || *index < 0 || *index >= len(elements) {
		return ""
	}
	element := elements[*index]
	if strings.HasPrefix(element, "{") && strings.HasSuffix(element, "}") {
		return element[1 : len(element)-1]
	}
	return ""
}

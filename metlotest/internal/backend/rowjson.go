package backend

import "github.com/go-json-experiment/json/jsontext"

type endpointStart struct {
	UUID             string   `json:"uuid"`
	Path             string   `json:"path"`
	PathRegex        string   `json:"pathRegex"`
	CreatedAt        stamp    `json:"createdAt"`
	UpdatedAt        stamp    `json:"updatedAt"`
	FirstDetected    stamp    `json:"firstDetected"`
	LastActive       stamp    `json:"lastActive"`
	Host             string   `json:"host"`
	NumberParams     int      `json:"numberParams"`
	Method           string   `json:"method"`
	RiskScore        string   `json:"riskScore"`
	Owner            *string  `json:"owner"`
	OldEndpointUuids []string `json:"oldEndpointUuids"`
}

type endpointTokens struct {
	Token0 *string `json:"token_0"`
	Token1 *string `json:"token_1"`
	Token2 *string `json:"token_2"`
	Token3 *string `json:"token_3"`
	Token4 *string `json:"token_4"`
	Token5 *string `json:"token_5"`
}

// endpointRow holds the columns of an endpoint.
type endpointRow struct {
	endpointStart
	IsAuthenticatedDetected bool           `json:"isAuthenticatedDetected"`
	IsAuthenticatedUserSet  *bool          `json:"isAuthenticatedUserSet"`
	OpenapiSpecName         *string        `json:"openapiSpecName"`
	IsGraphQl               bool           `json:"isGraphQl"`
	HostIPs                 jsontext.Value `json:"hostIps"`
	SrcIPs                  jsontext.Value `json:"srcIps"`
	UserSet                 bool           `json:"userSet"`
	FullTraceCaptureEnabled bool           `json:"fullTraceCaptureEnabled"`
	GraphQlMetadata         jsontext.Value `json:"graphQlMetadata"`
	ResourcePermissions     []string       `json:"resourcePermissions"`
	endpointTokens
}

type endpointListItem struct {
	endpointRow
	DataClasses *[]string `json:"dataClasses"`
	IsPublic    bool      `json:"isPublic"`
}

func (e *endpoint) start() endpointStart {
	return endpointStart{
		e.uuid, e.path, e.pathRegex, stamp{e.createdAt}, stamp{e.updatedAt}, stamp{e.firstDetected},
		stamp{e.lastActive}, e.host, e.numberParams, e.method, e.riskScore, e.owner, e.oldEndpointUuids,
	}
}

func (e *endpoint) tokenColumns() endpointTokens {
	t := e.tokens
	return endpointTokens{t[0], t[1], t[2], t[3], t[4], t[5]}
}

func (e *endpoint) row() endpointRow {
	return endpointRow{
		e.start(), e.authDetected, e.authUserSet, e.specName, e.isGraphQL, e.hostIPs, e.srcIPs, e.userSet,
		e.fullTrace, e.graphQLMetadata, e.resourcePermissions, e.tokenColumns(),
	}
}

type fieldStart struct {
	UUID              string   `json:"uuid"`
	DataClasses       []string `json:"dataClasses"`
	FalsePositives    []string `json:"falsePositives"`
	ScannerIdentified []string `json:"scannerIdentified"`
	DataType          string   `json:"dataType"`
	DataTag           *string  `json:"dataTag"`
	DataSection       string   `json:"dataSection"`
	CreatedAt         stamp    `json:"createdAt"`
	UpdatedAt         stamp    `json:"updatedAt"`
	DataPath          string   `json:"dataPath"`
}

type fieldRow struct {
	fieldStart
	Matches         jsontext.Value `json:"matches"`
	APIEndpointUUID string         `json:"apiEndpointUuid"`
	StatusCode      *int           `json:"statusCode"`
	ContentType     *string        `json:"contentType"`
	IsNullable      *bool          `json:"isNullable"`
	Entity          *string        `json:"entity"`
	LastSeen        stamp          `json:"lastSeen"`
	APIEndpoint     *endpointRow   `json:"apiEndpoint,omitzero"`
}

func (f *dataField) start() fieldStart {
	return fieldStart{
		f.uuid, f.dataClasses, f.falsePositives, f.scannerIdentified, f.dataType, f.dataTag, f.dataSection,
		stamp{f.createdAt}, stamp{f.updatedAt}, f.dataPath,
	}
}

func (f *dataField) row() fieldRow {
	return fieldRow{
		f.start(), f.matches, f.endpoint.uuid, f.statusCode, f.contentType, f.isNullable, f.entity, stamp{f.lastSeen}, nil,
	}
}

type alertStart struct {
	UUID            string `json:"uuid"`
	Type            string `json:"type"`
	RiskScore       string `json:"riskScore"`
	APIEndpointUUID string `json:"apiEndpointUuid"`
}

type alertMiddle struct {
	Description       string         `json:"description"`
	CreatedAt         stamp          `json:"createdAt"`
	UpdatedAt         stamp          `json:"updatedAt"`
	Status            string         `json:"status"`
	ResolutionMessage *string        `json:"resolutionMessage"`
	Context           jsontext.Value `json:"context"`
}

type alertListItem struct {
	alertStart
	alertMiddle
	APIEndpoint alertEndpoint `json:"apiEndpoint"`
}

type alertEndpoint struct {
	UUID            string     `json:"uuid"`
	Path            string     `json:"path"`
	Host            string     `json:"host"`
	Method          string     `json:"method"`
	OpenapiSpecName *string    `json:"openapiSpecName"`
	OpenapiSpec     *alertSpec `json:"openapiSpec"`
}

type alertSpec struct {
	Extension            string         `json:"extension"`
	MinimizedSpecContext jsontext.Value `json:"minimizedSpecContext"`
}

type alertWithEndpoint struct {
	alertStart
	alertMiddle
	APIEndpoint endpointRow `json:"apiEndpoint"`
}

type topAlert struct {
	alertStart
	CreatedAt   stamp            `json:"createdAt"`
	APIEndpoint topAlertEndpoint `json:"apiEndpoint"`
}

type topAlertEndpoint struct {
	Path   string `json:"path"`
	Host   string `json:"host"`
	Method string `json:"method"`
}

func (a *alert) start() alertStart {
	return alertStart{a.uuid, a.kind, a.riskScore, a.endpoint.uuid}
}

func (a *alert) middle() alertMiddle {
	return alertMiddle{a.description, stamp{a.createdAt}, stamp{a.updatedAt}, a.status, a.resolutionMessage, a.context}
}

func (st *Store) alertItem(a *alert) alertListItem {
	e := a.endpoint
	item := alertListItem{a.start(), a.middle(), alertEndpoint{e.uuid, e.path, e.host, e.method, e.specName, nil}}
	if e.specName != nil {
		if s := st.specNamed(*e.specName); s != nil {
			item.APIEndpoint.OpenapiSpec = &alertSpec{s.extension, s.context}
		}
	}
	return item
}

func (a *alert) withEndpoint() alertWithEndpoint {
	return alertWithEndpoint{a.start(), a.middle(), a.endpoint.row()}
}

func (a *alert) top() topAlert {
	e := a.endpoint
	return topAlert{a.start(), stamp{a.createdAt}, topAlertEndpoint{e.path, e.host, e.method}}
}

// specColumns is a spec in full.
type specColumns struct {
	Name                 string         `json:"name"`
	Spec                 string         `json:"spec"`
	Hosts                []string       `json:"hosts"`
	CreatedAt            stamp          `json:"createdAt"`
	UpdatedAt            stamp          `json:"updatedAt"`
	SpecUpdatedAt        stamp          `json:"specUpdatedAt"`
	Extension            string         `json:"extension"`
	IsAutoGenerated      bool           `json:"isAutoGenerated"`
	MinimizedSpecContext jsontext.Value `json:"minimizedSpecContext"`
}

func (s *spec) columns() specColumns {
	return specColumns{
		s.name, s.text, s.hosts, stamp{s.createdAt}, stamp{s.updatedAt}, stamp{s.specUpdatedAt}, s.extension,
		s.autoGenerated, s.context,
	}
}

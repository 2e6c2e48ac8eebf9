package backend

import (
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/zod"
)

const (
	webhookRetries = 3
	webhookRuns    = 10
	webhookTimeout = 250 * time.Millisecond
	webhookPause   = 500 * time.Millisecond
)

func webhookRoutes() []route {
	return []route{
		{method: "GET", pattern: "/webhooks", handle: listWebhooks},
		{method: "POST", pattern: "/webhook", handle: createWebhook},
		{method: "DELETE", pattern: "/webhook/:id", handle: deleteWebhook},
		{method: "PUT", pattern: "/webhook/:id", handle: updateWebhook},
	}
}

type webhookRun struct {
	OK      bool           `json:"ok"`
	Msg     jsontext.Value `json:"msg"`
	Payload jsontext.Value `json:"payload"`
}

type webhookItem struct {
	UUID       string       `json:"uuid"`
	CreatedAt  stamp        `json:"createdAt"`
	URL        string       `json:"url"`
	MaxRetries int          `json:"maxRetries"`
	AlertTypes []string     `json:"alertTypes"`
	Runs       []webhookRun `json:"runs"`
	Hosts      []string     `json:"hosts"`
}

func listWebhooks(c *call) Response {
	items := []webhookItem{}
	for _, w := range slices.Backward(c.webhooks) {
		items = append(items, webhookItem{w.uuid, stamp{w.createdAt}, w.url, webhookRetries, w.alertTypes, w.runs, w.hosts})
	}
	return Ok(items)
}

func webhookParams(c *call) (*js.Object, *Response) {
	return check(zod.Object(
		zod.Key("url", zod.URL()),
		zod.Key("alertTypes", zod.Array(zod.Enum(alertTypes()...))),
		zod.Key("hosts", zod.Array(zod.String())),
	), c.body)
}

func (w *webhook) set(url string, params *js.Object) {
	w.url = url
	w.alertTypes = append([]string{}, params.Texts("alertTypes")...)
	w.hosts = append([]string{}, params.Texts("hosts")...)
}

func createWebhook(c *call) Response {
	params, bad := webhookParams(c)
	if bad != nil {
		return *bad
	}
	if c.hasNul(params, "url", "hosts") {
		return databaseError("Encountered error while creating new webhook.")
	}
	w := &webhook{uuid: c.newUUID(), createdAt: c.tick(), runs: []webhookRun{}}
	w.set(js.Trim(params.Text("url")), params)
	c.webhooks = append(c.webhooks, w)
	return listWebhooks(c)
}

func updateWebhook(c *call) Response {
	params, bad := webhookParams(c)
	if bad != nil {
		return *bad
	}
	// The server's expression is not anchored: it matches any name with a short top-level domain.
	named := regexp.MustCompile(`[a-zA-Z0-9@:%._\+~#=()?/]{2,256}\.[a-z]{2,6}\b`)
	if !named.MatchString(params.Text("url")) {
		return Text(http.StatusBadRequest, "Please enter a valid url.")
	}
	id, problem := c.rowID()
	if problem != "" || c.hasNul(params, "url", "hosts") {
		return databaseError("Encountered error while updating webhook.")
	}
	for _, w := range c.webhooks {
		if w.uuid == id {
			w.set(params.Text("url"), params)
		}
	}
	return listWebhooks(c)
}

func deleteWebhook(c *call) Response {
	id, problem := c.rowID()
	if problem != "" {
		return databaseError("Encountered error while deleting webhook.")
	}
	c.webhooks = slices.DeleteFunc(c.webhooks, func(w *webhook) bool { return w.uuid == id })
	return listWebhooks(c)
}

// notify sends new alerts to matching webhooks.
func (st *Store) notify(alerts []*alert) {
	for _, a := range alerts {
		for _, w := range st.webhooks {
			wanted := (len(w.alertTypes) == 0 || slices.Contains(w.alertTypes, a.kind)) &&
				(len(w.hosts) == 0 || slices.Contains(w.hosts, a.endpoint.host))
			if wanted {
				st.deliver(w, js.Encode(st.webhookPayload(a)))
			}
		}
	}
}

func (st *Store) webhookPayload(a *alert) *js.Object {
	e := a.endpoint
	fields := convert(e.fields, func(f *dataField) *js.Object {
		s := f.start()
		return js.New("uuid", s.UUID, "dataClasses", s.DataClasses, "falsePositives", s.FalsePositives,
			"scannerIdentified", s.ScannerIdentified, "dataType", s.DataType, "dataTag", s.DataTag,
			"dataSection", s.DataSection, "createdAt", s.CreatedAt, "updatedAt", s.UpdatedAt,
			"dataPath", s.DataPath, "apiEndpointUuid", e.uuid)
	})
	t := e.tokens
	shown := js.New("uuid", e.uuid, "path", e.path, "pathRegex", e.pathRegex, "host", e.host, "method", e.method,
		"token_0", t[0], "token_1", t[1], "token_2", t[2], "token_3", t[3], "token_4", t[4], "token_5", t[5],
		"numberParams", e.numberParams, "dataFields", fields, "createdAt", stamp{e.createdAt}, "updatedAt", stamp{e.updatedAt},
		"riskScore", e.riskScore, "oldEndpointUuids", e.oldEndpointUuids, "resourcePermissions", e.resourcePermissions,
		"isAuthenticatedDetected", e.authDetected, "isGraphQl", e.isGraphQL, "hostIps", e.hostIPs, "srcIps", e.srcIPs,
		"userSet", e.userSet, "fullTraceCaptureEnabled", e.fullTrace, "graphQlMetadata", e.graphQLMetadata,
		"firstDetected", stamp{e.firstDetected}, "lastActive", stamp{e.lastActive})
	total, sensitive := 0, 0
	for _, other := range st.endpoints {
		if other.host == e.host {
			total++
			if len(other.dataClasses()) > 0 {
				sensitive++
			}
		}
	}
	return js.New("alert", js.New("type", a.kind, "riskScore", a.riskScore, "apiEndpointUuid", e.uuid,
		"context", a.context, "createdAt", stamp{a.createdAt}, "updatedAt", stamp{a.updatedAt},
		"description", a.description, "uuid", a.uuid, "status", a.status, "apiEndpoint", shown),
		"meta", js.New("host", e.host, "totalEndpoints", total, "totalSensitiveEndpoints", sensitive))
}

package metlotest

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
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
		{method: "PUT", pattern: "/webhook/:id", handle: updateWebhook},
		{method: "DELETE", pattern: "/webhook/:id", handle: deleteWebhook},
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

func listWebhooks(c *call) response {
	items := []webhookItem{}
	for _, w := range slices.Backward(c.webhooks) {
		items = append(items, webhookItem{w.uuid, stamp{w.createdAt}, w.url, webhookRetries, w.alertTypes, w.runs, w.hosts})
	}
	return ok(items)
}

func webhookParams(c *call) (*object, *response) {
	return check(zObject(
		property{"url", zURL()},
		property{"alertTypes", zArray(zEnum(alertTypes()...))},
		property{"hosts", zArray(zString())},
	), c.body)
}

func (w *webhook) set(params *object) {
	w.url = params.text("url")
	w.alertTypes = append([]string{}, params.texts("alertTypes")...)
	w.hosts = append([]string{}, params.texts("hosts")...)
}

func createWebhook(c *call) response {
	params, bad := webhookParams(c)
	if bad != nil {
		return *bad
	}
	w := &webhook{uuid: newUUID(), createdAt: c.tick(), runs: []webhookRun{}}
	w.set(params)
	c.webhooks = append(c.webhooks, w)
	return listWebhooks(c)
}

func updateWebhook(c *call) response {
	params, bad := webhookParams(c)
	if bad != nil {
		return *bad
	}
	strict := regexp.MustCompile(`^https?://(www\.)?[-a-zA-Z0-9@:%._+~#=]{1,256}\.[a-z]{2,6}\b([-a-zA-Z0-9@:%_+.~#?&/=]*)$`)
	if !strict.MatchString(params.text("url")) {
		return text(http.StatusBadRequest, "Please enter a valid url.")
	}
	id := c.params["id"]
	if !isUUID(id) {
		return text(http.StatusInternalServerError, "Encountered error while updating webhook.")
	}
	for _, w := range c.webhooks {
		if strings.EqualFold(w.uuid, id) {
			w.set(params)
		}
	}
	return listWebhooks(c)
}

func deleteWebhook(c *call) response {
	id := c.params["id"]
	if !isUUID(id) {
		return text(http.StatusInternalServerError, "Encountered error while deleting webhook.")
	}
	c.webhooks = slices.DeleteFunc(c.webhooks, func(w *webhook) bool { return strings.EqualFold(w.uuid, id) })
	return listWebhooks(c)
}

// notify sends new alerts to the webhooks that want them.
func (st *store) notify(alerts []*alert) {
	for _, a := range alerts {
		for _, w := range st.webhooks {
			wanted := (len(w.alertTypes) == 0 || slices.Contains(w.alertTypes, a.kind)) &&
				(len(w.hosts) == 0 || slices.Contains(w.hosts, a.endpoint.host))
			if wanted {
				st.deliver(w, encode(st.webhookPayload(a)))
			}
		}
	}
}

func (st *store) webhookPayload(a *alert) *object {
	e := a.endpoint
	fields := convert(e.fields, func(f *dataField) *object {
		s := f.start()
		return newObject("uuid", s.UUID, "dataClasses", s.DataClasses, "falsePositives", s.FalsePositives,
			"scannerIdentified", s.ScannerIdentified, "dataType", s.DataType, "dataTag", s.DataTag,
			"dataSection", s.DataSection, "createdAt", s.CreatedAt, "updatedAt", s.UpdatedAt,
			"dataPath", s.DataPath, "apiEndpointUuid", e.uuid)
	})
	t := e.tokens
	shown := newObject("uuid", e.uuid, "path", e.path, "pathRegex", e.pathRegex, "host", e.host, "method", e.method,
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
	return newObject("alert", newObject("type", a.kind, "riskScore", a.riskScore, "apiEndpointUuid", e.uuid,
		"context", a.context, "createdAt", stamp{a.createdAt}, "updatedAt", stamp{a.updatedAt},
		"description", a.description, "uuid", a.uuid, "status", a.status, "apiEndpoint", shown),
		"meta", newObject("host", e.host, "totalEndpoints", total, "totalSensitiveEndpoints", sensitive))
}

// deliver posts a payload in the background and records the run. Only loopback receivers are
// called, so that a test reaches nobody outside. The caller holds s.mu.
func (s *Server) deliver(w *webhook, payload []byte) {
	u, err := url.Parse(w.url)
	if err != nil || s.closed || !isLoopback(u.Hostname()) {
		return
	}
	target := w.url
	s.work.Go(func() {
		run := webhookRun{OK: true, Msg: jsontext.Value(`""`), Payload: payload}
		if msg := s.post(target, payload); msg != nil {
			run.OK, run.Msg = false, msg
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		w.runs = append(w.runs, run)
		w.runs = w.runs[max(0, len(w.runs)-webhookRuns):]
	})
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// post tries up to four times, and again only after a 5xx. The result is nil, or what the run says.
func (s *Server) post(target string, payload []byte) jsontext.Value {
	var msg jsontext.Value
	for attempt := 0; attempt <= webhookRetries; attempt++ {
		if attempt > 0 && !s.wait(s.ctx, webhookPause) {
			return msg
		}
		var again bool
		if msg, again = s.postOnce(target, payload); !again {
			return msg
		}
	}
	return msg
}

func (s *Server) postOnce(target string, payload []byte) (msg jsontext.Value, again bool) {
	ctx, cancel := context.WithTimeout(s.ctx, webhookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(payload))
	if err != nil {
		return encode(err.Error()), false
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/plain, */*")
	req.Header.Set("User-Agent", "axios/0.27.2")
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return encode(err.Error()), false
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if res.StatusCode < 300 {
		return nil, false
	}
	msg = body
	if jsonFault(string(body)) != "" {
		msg = encode(string(body))
	}
	return msg, res.StatusCode >= http.StatusInternalServerError
}

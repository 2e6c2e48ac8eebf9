package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/metlo-go/metlo"
)

const (
	alertsURL = "https://server.test/api/v1/alerts"
	alertID   = "00000000-0000-4000-b000-000000000001"
	apiKey    = "metlo.RnoVX30xavRcfio1Lo1R6KjThscJVXLbhTtwbavq"
)

// alertItem writes an alert as a Metlo server does. A short one has only an id and a description.
func alertItem(short bool) func([]byte, int) []byte {
	fields := `"type":"Endpoint not secured by SSL","riskScore":"medium","apiEndpointUuid":"00000000-0000-4000-8000-000000000007",` +
		`"createdAt":"2026-03-01T00:42:00.000Z","updatedAt":"2026-03-02T00:00:00.000Z","status":"Open","resolutionMessage":null,"context":{},` +
		`"apiEndpoint":{"uuid":"00000000-0000-4000-8000-000000000007","path":"/v2/tickets/7/{param1}","host":"api.example.org","method":"PUT","openapiSpecName":null,"openapiSpec":null},`
	if short {
		fields = ""
	}
	return func(b []byte, id int) []byte {
		const hex = "0123456789abcdef"
		b = append(b, `{"uuid":"00000000-0000-4000-b000-`...)
		for shift := 44; shift >= 0; shift -= 4 {
			b = append(b, hex[id>>shift&15])
		}
		return append(append(append(b, `",`...), fields...), `"description":"`...)
	}
}

func alertsWindow(q url.Values) (offset, limit int, cursor string) {
	return integer(q.Get("offset"), 0), integer(q.Get("limit"), 1<<30), ""
}

func alertsPage(p page) (before, after, header string) {
	return "[[", "]," + strconv.Itoa(p.total) + "]", ""
}

func alertNumber(uuid string) int {
	n, _ := strconv.ParseInt(uuid[24:], 16, 64)
	return int(n)
}

// netHTTP calls Metlo's API by hand: net/http, encoding/json, pages of 100.
func netHTTP() peer {
	return peer{
		name: "net/http by hand",
		wire: wire{
			item: alertItem(false), end: `"}`,
			isList: func(r *http.Request) bool { return !strings.HasPrefix(r.URL.RawQuery, "uuid=") },
			object: [2]string{"[[", "],1]"}, window: alertsWindow, list: alertsPage,
		},
		dial: func(rt http.RoundTripper) (client, error) {
			hand := byHand{&http.Client{Transport: rt}}
			return client{
				get: func(ctx context.Context) error {
					_, err := hand.alert(ctx, alertID)
					return err
				},
				walk: hand.walk,
			}, nil
		},
	}
}

type byHand struct{ http *http.Client }

func (h byHand) get(ctx context.Context, url string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", apiKey)
	req.Header.Set("User-Agent", "by-hand/1.0")
	resp, err := h.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(out)
}

func (h byHand) alert(ctx context.Context, id string) (*metlo.Alert, error) {
	var alerts []metlo.Alert
	var total int
	if err := h.get(ctx, alertsURL+"?uuid="+id, &[2]any{&alerts, &total}); err != nil {
		return nil, err
	}
	if len(alerts) == 0 {
		return nil, errors.New("no alert has this id")
	}
	return &alerts[0], nil
}

func (h byHand) walk(ctx context.Context, visit func(int)) error {
	for offset := 0; ; offset += 100 {
		var tuple [2]json.RawMessage
		if err := h.get(ctx, alertsURL+"?limit=100&offset="+strconv.Itoa(offset), &tuple); err != nil {
			return err
		}
		var alerts []metlo.Alert
		if err := json.Unmarshal(tuple[0], &alerts); err != nil {
			return err
		}
		for i := range alerts {
			visit(alertNumber(alerts[i].UUID))
		}
		if len(alerts) < 100 {
			return nil
		}
	}
}

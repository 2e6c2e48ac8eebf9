package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

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
	return handPeer("net/http by hand", "", func(body io.Reader, list *alertTuple) error {
		return json.NewDecoder(body).Decode(&[2]any{&list.alerts, &list.total})
	})
}

// netHTTP2 calls it with the decoder of Go 1.27, from the stream: the best that a user can write in a few lines.
func netHTTP2() peer {
	return handPeer("net/http + json/v2 by hand", "github.com/go-json-experiment/json", func(body io.Reader, list *alertTuple) error {
		return jsonv2.UnmarshalRead(body, list)
	})
}

func handPeer(name, module string, decode func(io.Reader, *alertTuple) error) peer {
	return peer{
		name:   name,
		module: module,
		wire: wire{
			item: alertItem(false), end: `"}`,
			isList: func(r *http.Request) bool { return !strings.HasPrefix(r.URL.RawQuery, "uuid=") },
			object: [2]string{"[[", "],1]"}, window: alertsWindow, list: alertsPage,
		},
		dial: func(rt http.RoundTripper) (client, error) {
			direct := byHand{&http.Client{Transport: rt}, decode}
			return client{
				get: func(ctx context.Context) error {
					_, err := direct.alert(ctx, alertID)
					return err
				},
				walk: direct.walk,
			}, nil
		},
	}
}

// alertTuple is a list as Metlo sends it: [[alert, …], total].
type alertTuple struct {
	alerts []metlo.Alert
	total  int
}

// UnmarshalJSONFrom reads the elements one after the other.
func (l *alertTuple) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	if err := jsonv2.UnmarshalDecode(d, &l.alerts); err != nil {
		return err
	}
	if err := jsonv2.UnmarshalDecode(d, &l.total); err != nil {
		return err
	}
	_, err := d.ReadToken()
	return err
}

type byHand struct {
	http   *http.Client
	decode func(io.Reader, *alertTuple) error
}

func (h byHand) get(ctx context.Context, url string) (alertTuple, error) {
	var list alertTuple
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return list, err
	}
	req.Header.Set("Authorization", apiKey)
	req.Header.Set("User-Agent", "by-hand/1.0")
	resp, err := h.http.Do(req)
	if err != nil {
		return list, err
	}
	defer resp.Body.Close()
	err = h.decode(resp.Body, &list)
	return list, err
}

func (h byHand) alert(ctx context.Context, id string) (*metlo.Alert, error) {
	list, err := h.get(ctx, alertsURL+"?uuid="+id)
	if err != nil {
		return nil, err
	}
	if len(list.alerts) == 0 {
		return nil, errors.New("no alert has this id")
	}
	return &list.alerts[0], nil
}

func (h byHand) walk(ctx context.Context, visit func(int)) error {
	for offset := 0; ; offset += 100 {
		list, err := h.get(ctx, alertsURL+"?limit=100&offset="+strconv.Itoa(offset))
		if err != nil {
			return err
		}
		for i := range list.alerts {
			visit(alertNumber(list.alerts[i].UUID))
		}
		if len(list.alerts) < 100 {
			return nil
		}
	}
}

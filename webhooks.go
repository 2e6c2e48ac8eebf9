package metlo

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// WebhooksService manages the addresses to which Metlo posts new alerts.
type WebhooksService struct{ client *Client }

// Webhook is an address to which Metlo posts new alerts.
type Webhook struct {
	UUID       string       `json:"uuid"`
	CreatedAt  time.Time    `json:"createdAt,omitzero"`
	URL        string       `json:"url"`
	MaxRetries int          `json:"maxRetries"` // after a status of 500 or more, 500 ms apart; always 3
	AlertTypes []AlertType  `json:"alertTypes"` // types of the posted alerts; empty for all
	Hosts      []string     `json:"hosts"`      // hosts of the posted alerts; empty for all
	Runs       []WebhookRun `json:"runs"`       // the last 10 deliveries
}

func (w *Webhook) accept() error { return hasID(w.UUID) }

// WebhookRun is one delivery of an alert.
type WebhookRun struct {
	OK      bool            `json:"ok"`
	Message json.RawMessage `json:"msg,omitzero"` // empty JSON string if OK; otherwise an error's text or the receiver's answer
	Payload WebhookEvent    `json:"payload"`
}

// WebhookEvent is the body that Metlo posts.
type WebhookEvent struct {
	Alert WebhookAlert `json:"alert"`
	Meta  WebhookMeta  `json:"meta"`
}

// WebhookAlert is a new alert with its endpoint.
type WebhookAlert struct {
	UUID              string          `json:"uuid"`
	Type              AlertType       `json:"type"`
	RiskScore         RiskScore       `json:"riskScore"`
	APIEndpointUUID   string          `json:"apiEndpointUuid"`
	Description       string          `json:"description"`
	CreatedAt         time.Time       `json:"createdAt,omitzero"`
	UpdatedAt         time.Time       `json:"updatedAt,omitzero"`
	Status            AlertStatus     `json:"status"`
	ResolutionMessage string          `json:"resolutionMessage"`
	Context           json.RawMessage `json:"context,omitzero"` // an object that depends on the type; see Trace, Field and SpecPointer
	APIEndpoint       WebhookEndpoint `json:"apiEndpoint"`
}

// WebhookEndpoint is the endpoint of an alert, in its state when the alert was raised.
type WebhookEndpoint struct {
	Endpoint

	DataFields []DataField `json:"dataFields"`
}

// WebhookMeta counts endpoints of the alert's host.
type WebhookMeta struct {
	Host                    string `json:"host"`
	TotalEndpoints          int    `json:"totalEndpoints"`
	TotalSensitiveEndpoints int    `json:"totalSensitiveEndpoints"` // number of endpoints with a risk score above none
}

// WebhookSettings describes a webhook.
type WebhookSettings struct {
	URL        string      // http(s), absolute
	AlertTypes []AlertType // types of the posted alerts; none for all
	Hosts      []string    // hosts of the posted alerts; none for all
}

// List returns all webhooks, newest first.
//
// GET /webhooks
func (s *WebhooksService) List(ctx context.Context) ([]Webhook, error) {
	return fetchAll(ctx, s.client, newRequest("Webhooks.List", http.MethodGet, "/webhooks"), (*Webhook).accept)
}

// Create adds a webhook and returns it. Metlo posts each new alert that passes the settings, waits 250 ms for an
// answer, and retries after a status of 500 or more. A URL that is not an absolute http(s) URL is [ErrInvalidArgument].
//
// POST /webhook
func (s *WebhooksService) Create(ctx context.Context, settings *WebhookSettings) (*Webhook, error) {
	r := newRequest("Webhooks.Create", http.MethodPost, "/webhook").webhook(settings)
	var created *Webhook
	_, err := fetchAll(ctx, s.client, r, (*Webhook).accept, func(webhooks []Webhook) error {
		for i := range webhooks {
			w := &webhooks[i]
			if settings.match(w) && (created == nil || w.CreatedAt.After(created.CreatedAt)) {
				created = w
			}
		}
		if created == nil {
			return errShape
		}
		return nil
	})
	return created, err
}

// Update replaces all settings of a webhook and returns it. The server checks the URL more strictly than in Create: it
// answers [ErrBadRequest] for localhost, and for a host without a top-level domain of 2 to 6 letters. If the webhook
// does not exist, the error is [ErrNotFound].
//
// PUT /webhook/:uuid
func (s *WebhooksService) Update(ctx context.Context, id string, settings *WebhookSettings) (*Webhook, error) {
	r := newRequest("Webhooks.Update", http.MethodPut, "/webhook/{uuid}", id).webhook(settings)
	var updated *Webhook
	_, err := fetchAll(ctx, s.client, r, (*Webhook).accept, func(webhooks []Webhook) error {
		i := slices.IndexFunc(webhooks, func(w Webhook) bool { return strings.EqualFold(w.UUID, id) })
		if i < 0 {
			return s.client.missing(r, "no webhook has this id")
		}
		updated = &webhooks[i]
		return nil
	})
	return updated, err
}

// Delete deletes a webhook with the record of its deliveries. The server reports success even if the webhook does not
// exist.
//
// DELETE /webhook/:uuid
func (s *WebhooksService) Delete(ctx context.Context, id string) error {
	_, err := fetchAll(ctx, s.client, newRequest("Webhooks.Delete", http.MethodDelete, "/webhook/{uuid}", id), (*Webhook).accept)
	return err
}

// webhook sets the body to settings. The server requires both lists, even if they are empty.
func (r *request) webhook(settings *WebhookSettings) *request {
	if settings == nil {
		r.fail("the settings are nil: name the URL")
		return r
	}
	// The error does not quote the URL, which may contain a token.
	if u, err := url.Parse(settings.URL); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		r.fail("URL is not an absolute http(s) URL: use one such as https://hooks.example.com/metlo")
	}
	return r.encode(struct {
		URL        string      `json:"url"`
		AlertTypes []AlertType `json:"alertTypes"`
		Hosts      []string    `json:"hosts"`
	}{settings.URL, settings.AlertTypes, settings.Hosts})
}

// match reports whether w has the settings s.
func (s *WebhookSettings) match(w *Webhook) bool {
	return w.URL == s.URL && slices.Equal(w.Hosts, s.Hosts) &&
		slices.EqualFunc(w.AlertTypes, s.AlertTypes, func(a, b AlertType) bool { return string(a) == string(b) })
}

// ToAlert returns the alert in the form of lists, so that one function handles both.
func (a *WebhookAlert) ToAlert() Alert {
	e := a.APIEndpoint.Endpoint
	return Alert{
		UUID: a.UUID, Type: a.Type, RiskScore: a.RiskScore, APIEndpointUUID: a.APIEndpointUUID, Description: a.Description,
		CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, Status: a.Status, ResolutionMessage: a.ResolutionMessage,
		Context: a.Context,
		APIEndpoint: AlertEndpoint{
			UUID: e.UUID, Path: e.Path, Host: e.Host, Method: e.Method, OpenAPISpecName: e.OpenAPISpecName, Details: &e,
		},
	}
}

// Trace is like [Alert.Trace].
func (a *WebhookAlert) Trace() *CapturedTrace { return parseAlertContext(a.Context).Trace }

// Field is like [Alert.Field].
func (a *WebhookAlert) Field() *AlertField {
	return alertField(a.Type, a.Description, a.APIEndpoint.Path, a.Context)
}

// SpecPointer is like [Alert.SpecPointer].
func (a *WebhookAlert) SpecPointer() []string { return parseAlertContext(a.Context).PathPointer }

package metlo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

func ExampleNewClientFromEnv() {
	os.Setenv("METLO_HOST", "https://metlo.example.com")
	defer os.Unsetenv("METLO_HOST")
	client, err := metlo.NewClientFromEnv()
	fmt.Println(client, err)
	// Output: metlo.Client(https://metlo.example.com/api/v1) <nil>
}

func ExampleCollect() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	endpoints, err := metlo.Collect(server.Client().Endpoints.All(context.Background(), nil))
	fmt.Println(len(endpoints), err)
	// Output: 15 <nil>
}

// The server answers 500 for an endpoint that does not exist. The error says what it means, and keeps the status.
func ExampleError() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	_, err := server.Client().Endpoints.Get(context.Background(), "00000000-0000-4000-8000-000000000000")
	var e *metlo.Error
	if errors.Is(err, metlo.ErrNotFound) && errors.As(err, &e) {
		fmt.Println(e.StatusCode, e.Message)
	}
	// Output: 500 the endpoint does not exist
}

func ExampleValidationError() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	_, err := server.Client().Alerts.List(context.Background(), &metlo.AlertListOptions{
		RiskScores: []metlo.RiskScore{"extreme"},
	})
	var invalid *metlo.ValidationError
	if errors.As(err, &invalid) {
		for _, issue := range invalid.Issues {
			fmt.Println(issue.Path, issue.Code, issue.Options)
		}
	}
	// Output: riskScores.0 invalid_enum_value [none low medium high]
}

func ExampleSyntaxError() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	err := server.Client().Testing.UpdateConfig(context.Background(), "actor Customer {\n  items = [\n}")
	var syntax *metlo.SyntaxError
	if errors.As(err, &syntax) {
		fmt.Println("line", syntax.StartLine)
	}
	// Output: line 3
}

// A proxy that caps pages and a server that counts more than it sends make a list incomplete, which never goes unsaid.
func ExampleIncompleteError() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	server.Inject(metlotest.Fault{Path: "/endpoints", PageCap: 5, IgnoreOffset: true})

	endpoints, err := metlo.Collect(server.Client(metlo.WithoutRateLimit()).Endpoints.All(context.Background(), nil))
	var incomplete *metlo.IncompleteError
	if errors.As(err, &incomplete) {
		fmt.Println(len(endpoints), "came, at most", incomplete.Missing, "more may exist")
	}
	// Output: 14 came, at most 1 more may exist
}

func ExampleWithRetry() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	server.Inject(metlotest.Fault{Path: "/summary", Times: 2, Status: http.StatusServiceUnavailable})

	client := server.Client(metlo.WithRetry(metlo.RetryPolicy{MaxRetries: 5, BaseWait: time.Millisecond}))
	summary, err := client.Summary.Get(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(summary.EndpointsTracked, "endpoints after", len(server.Requests()), "attempts")
	// Output: 15 endpoints after 3 attempts
}

// What changes state is sent once, unless the server cannot have acted on it.
func ExampleWithRetry_changes() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	server.Inject(metlotest.Fault{Path: "/keys/create", Status: http.StatusBadGateway})

	_, err := server.Client().Keys.Create(context.Background(), "ci", metlo.KeyGeneric)
	var e *metlo.Error
	if errors.As(err, &e) {
		fmt.Println(e.StatusCode, "after", len(e.Attempts), "attempt")
	}
	// Output: 502 after 1 attempt
}

// One limiter may serve several clients.
func ExampleWithLimiter() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	limiter := rate.NewLimiter(rate.Every(time.Hour), 2)
	first, second := server.Client(metlo.WithLimiter(limiter)), server.Client(metlo.WithLimiter(limiter))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := first.Hosts.Names(ctx)
	fmt.Println(err)
	_, err = second.Hosts.Names(ctx)
	fmt.Println(err)
	// The third would have to wait for an hour, so it fails at once.
	_, err = first.Hosts.Names(ctx)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// <nil>
	// <nil>
	// true
}

func ExampleClient_Call() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	var answer struct {
		Exists bool `json:"exists"`
	}
	err := server.Client().Call(context.Background(), http.MethodGet, "/summary/endpoint-tracked", url.Values{}, nil, &answer)
	fmt.Println(answer.Exists, err)
	// Output: true <nil>
}

func ExampleParseRiskScore() {
	risk, err := metlo.ParseRiskScore("HIGH")
	fmt.Println(risk, err, risk.AtLeast(metlo.RiskMedium))
	_, err = metlo.ParseRiskScore("extreme")
	fmt.Println(errors.Is(err, metlo.ErrInvalidArgument))
	// Output:
	// high <nil> true
	// true
}

func ExampleWebhooksService_Create() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	hook, err := server.Client().Webhooks.Create(context.Background(), &metlo.WebhookSettings{
		URL:        "https://hooks.example.com/metlo?token=s3cret",
		AlertTypes: []metlo.AlertType{metlo.AlertPIIData},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(hook.AlertTypes, hook.MaxRetries)
	// Output: [PII Data Detected] 3
}

// The whole way of an alert: traffic, alert, delivery, callback.
func ExampleNewWebhookHandler() {
	ctx := context.Background()
	server := metlotest.NewServer()
	defer server.Close()
	client := server.Client()

	handled := make(chan struct{})
	handler := metlo.NewWebhookHandler(func(_ context.Context, event *metlo.WebhookEvent) error {
		fmt.Println(event.Alert.RiskScore, event.Alert.Description)
		close(handled)
		return nil
	}, metlo.WithWebhookToken("s3cret"))
	receiver := httptest.NewServer(handler)
	defer receiver.Close()

	if _, err := client.Webhooks.Create(ctx, &metlo.WebhookSettings{URL: receiver.URL + "?token=s3cret"}); err != nil {
		fmt.Println(err)
		return
	}
	if err := client.Collector.Log(ctx, &metlo.Trace{
		Request:  metlo.TraceRequest{Method: metlo.MethodGet, URL: metlo.TraceURL{Host: "shop.example.com", Path: "/carts"}},
		Response: metlo.TraceResponse{Status: http.StatusOK},
	}); err != nil {
		fmt.Println(err)
		return
	}
	<-handled
	fmt.Println(handler.Shutdown(ctx))
	// Output:
	// low A new endpoint has been detected for shop.example.com: /carts.
	// <nil>
}

func ExampleParseWebhook() {
	body := `{"alert":{"uuid":"34fdd2c3-574c-438a-b0f5-172a56ac023c","type":"PII Data Detected","riskScore":"high"}}`
	request := httptest.NewRequest(http.MethodPost, "/metlo", strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")

	event, err := metlo.ParseWebhook(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(event.Alert.RiskScore, event.Alert.Type)
	// Output: high PII Data Detected
}

// Webhook receives Metlo's webhooks, prints each alert as text for Slack, and shuts down without losing one. The command
// metlo webhook listen prints deliveries in other forms.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/examples/internal/example"
	"github.com/metlo-go/metlo/internal/safetext"
)

const usage = `webhook receives Metlo's webhooks and prints each alert as text for Slack, until Ctrl-C.

  METLO_HOST=https://metlo.example.com METLO_WEBHOOK_TOKEN=s3cret webhook -listen :8090

Then add the webhook https://hooks.example.com/metlo?token=s3cret to Metlo. The token is optional.
When METLO_HOST is not set, a demo server raises an alert, posts it here, and the program ends.
Exit codes: 0 shut down with every alert handled, 2 failed or wrong flags.

`

func main() {
	flags := flag.NewFlagSet("webhook", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8090", "`address` to listen on; the demo takes a free port of loopback")
	patience := flags.Duration("patience", 10*time.Second, "longest `time` for the alerts at hand when told to stop")
	example.Main(flags, usage, func(ctx context.Context, _ io.Writer) error { return run(ctx, *listen, *patience) })
}

func run(ctx context.Context, listen string, patience time.Duration) error {
	client, done, err := example.Connect()
	if err != nil {
		return err
	}
	defer done()
	demo, token := os.Getenv("METLO_HOST") == "", os.Getenv("METLO_WEBHOOK_TOKEN")
	if demo {
		listen, token = "127.0.0.1:0", "demo"
	}
	var opts []metlo.WebhookOption
	if token != "" {
		opts = append(opts, metlo.WithWebhookToken(token))
	}
	ended := make(chan error, 2)
	handler := metlo.NewWebhookHandler(func(_ context.Context, event *metlo.WebhookEvent) error {
		_, err := fmt.Print(slackText(event)) // one write, so that alerts do not mix
		if demo {
			ended <- err
		}
		return err
	}, opts...)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "listening on http://%s/metlo\n", listener.Addr())
	go func() { ended <- server.Serve(listener) }()
	if demo {
		err = raiseAlert(ctx, client, fmt.Sprintf("http://%s/metlo?token=%s", listener.Addr(), token))
	}
	if err == nil {
		select {
		case err = <-ended:
		case <-ctx.Done():
		}
	}
	// First nothing new comes in, then what came in is handled.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err = errors.Join(err, server.Shutdown(ctx), handler.Shutdown(ctx))
	if err == nil {
		fmt.Fprintln(os.Stderr, "shut down, every alert handled")
	}
	return err
}

// raiseAlert lets a demo server see a request to an unknown endpoint, which raises an alert.
func raiseAlert(ctx context.Context, client *metlo.Client, url string) error {
	if _, err := client.Webhooks.Create(ctx, &metlo.WebhookSettings{URL: url, Hosts: []string{"shop.example.com"}}); err != nil {
		return err
	}
	return client.Collector.Log(ctx, &metlo.Trace{
		Request:  metlo.TraceRequest{Method: metlo.MethodGet, URL: metlo.TraceURL{Host: "shop.example.com", Path: "/v2/vouchers"}},
		Response: metlo.TraceResponse{Status: http.StatusOK},
	})
}

// slackText is one line of Slack's mrkdwn, in which three characters need escaping.
func slackText(event *metlo.WebhookEvent) string {
	icon := map[metlo.RiskScore]string{
		metlo.RiskHigh: ":red_circle:", metlo.RiskMedium: ":large_orange_circle:", metlo.RiskLow: ":large_yellow_circle:",
	}[event.Alert.RiskScore]
	if icon == "" {
		icon = ":white_circle:"
	}
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "`", "'").Replace
	endpoint := event.Alert.APIEndpoint
	//nolint:gocritic // %#q would fall back to double quotes, which are not the markup of code
	return fmt.Sprintf("%s *%s* (%s) on `%s`: %s _%d of %d endpoints of the host are sensitive_\n", icon,
		escape(safetext.Line(event.Alert.Type.String())), escape(safetext.Line(event.Alert.RiskScore.String())),
		escape(safetext.Linef("%s %s%s", endpoint.Method, endpoint.Host, endpoint.Path)), escape(safetext.Line(event.Alert.Description)),
		event.Meta.TotalSensitiveEndpoints, event.Meta.TotalEndpoints)
}

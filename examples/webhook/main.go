// Webhook receives Metlo's webhooks, prints each alert as text for Slack, and shuts down without losing one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

const usage = `webhook receives Metlo's webhooks and prints each alert as text for Slack.

  METLO_HOST=https://metlo.example.com METLO_WEBHOOK_TOKEN=s3cret webhook -listen :8090

Then add the webhook https://hooks.example.com/metlo?token=s3cret to Metlo. The token is optional.
When METLO_HOST is not set, a demo server raises an alert, posts it here, and the program ends.
Exit codes: 0 all alerts handled, 1 failed, 2 wrong flags.

`

func main() {
	flags := flag.NewFlagSet("webhook", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage); flags.PrintDefaults() }
	listen := flags.String("listen", "127.0.0.1:8090", "`address` to listen on; the demo takes a free port of loopback")
	patience := flags.Duration("patience", 10*time.Second, "longest `time` for the alerts at hand when told to stop")
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil || flags.NArg() > 0:
		fmt.Fprintln(os.Stderr, "webhook: see -h")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *listen, *patience)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "webhook:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen string, patience time.Duration) error {
	demo := os.Getenv("METLO_HOST") == ""
	token := os.Getenv("METLO_WEBHOOK_TOKEN")
	if demo {
		fmt.Fprintln(os.Stderr, "METLO_HOST is not set: this is a demo server.")
		listen, token = "127.0.0.1:0", "demo"
	}
	printed := make(chan struct{}, 1)
	var opts []metlo.WebhookOption
	if token != "" {
		opts = append(opts, metlo.WithWebhookToken(token))
	}
	handler := metlo.NewWebhookHandler(func(_ context.Context, event *metlo.WebhookEvent) error {
		_, err := fmt.Print(slackText(event)) // one write, so that alerts do not mix
		select {
		case printed <- struct{}{}:
		default:
		}
		return err
	}, opts...)
	mux := http.NewServeMux()
	mux.Handle("/metlo", handler)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "listening on http://%s/metlo\n", listener.Addr())
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()

	if demo {
		err = raiseAlert(ctx, fmt.Sprintf("http://%s/metlo?token=%s", listener.Addr(), token), printed)
	} else {
		select {
		case err = <-failed:
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
func raiseAlert(ctx context.Context, url string, printed <-chan struct{}) error {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client := server.Client()
	if _, err := client.Webhooks.Create(ctx, &metlo.WebhookSettings{
		URL: url, AlertTypes: []metlo.AlertType{metlo.AlertNewEndpoint}, Hosts: []string{"shop.example.com"},
	}); err != nil {
		return err
	}
	if err := client.Collector.Log(ctx, &metlo.Trace{
		Request:  metlo.TraceRequest{Method: metlo.MethodGet, URL: metlo.TraceURL{Host: "shop.example.com", Path: "/v2/vouchers"}},
		Response: metlo.TraceResponse{Status: http.StatusOK},
	}); err != nil {
		return err
	}
	select {
	case <-printed:
		return nil
	case <-time.After(5 * time.Second):
		return errors.New("the demo server posted no alert within 5 s")
	case <-ctx.Done():
		return nil
	}
}

// slackText is one line of Slack's mrkdwn, in which three characters need escaping.
func slackText(event *metlo.WebhookEvent) string {
	icon := map[metlo.RiskScore]string{
		metlo.RiskHigh: ":red_circle:", metlo.RiskMedium: ":large_orange_circle:", metlo.RiskLow: ":large_yellow_circle:",
	}[event.Alert.RiskScore]
	if icon == "" {
		icon = ":white_circle:"
	}
	escape := func(text string) string {
		text = strings.Join(strings.Fields(text), " ")
		return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
	}
	endpoint := event.Alert.APIEndpoint
	return fmt.Sprintf("%s *%s* (%s) on `%s %s%s`: %s _%d of %d endpoints of the host are sensitive_\n",
		icon, escape(event.Alert.Type.String()), escape(event.Alert.RiskScore.String()),
		escape(endpoint.Method.String()), escape(endpoint.Host), escape(endpoint.Path), escape(event.Alert.Description),
		event.Meta.TotalSensitiveEndpoints, event.Meta.TotalEndpoints)
}

// Webhook receives Metlo's webhooks and prints each alert once. It loses none: it stores an alert in a folder before it
// answers, and fetches missed alerts from Metlo's list.
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
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
	"github.com/metlo-go/metlo/webhook"
)

const usage = `webhook receives Metlo's webhooks and prints each alert once, until Ctrl-C.

  METLO_HOST=https://metlo.example.com METLO_WEBHOOK_TOKEN=s3cret webhook -listen :8090 -dir /var/lib/metlo

Then add the webhook https://hooks.example.com/metlo?token=s3cret to Metlo.
When METLO_HOST is not set, a demo server raises an alert, posts it here, and the program ends.
Exit codes: 0 shut down with every alert handled, 2 failed or wrong flags.

`

func main() {
	listen := flag.String("listen", "127.0.0.1:8090", "`address` to listen on; the demo takes a free port of loopback")
	dir := flag.String("dir", "metlo-alerts", "`folder` that keeps what is not handled, and the ids of what is")
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage); flag.PrintDefaults() }
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, *listen, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "webhook:", safe(err.Error()))
		os.Exit(2)
	}
}

func run(ctx context.Context, listen, dir string) error {
	client, err := metlo.NewClientFromEnv()
	if os.Getenv("METLO_HOST") == "" {
		fmt.Fprintln(os.Stderr, "METLO_HOST is not set: this is a demo server.")
		server := metlotest.NewServer(metlotest.Demo())
		defer server.Close()
		client, err = server.Client(), nil
	}
	if err != nil {
		return err
	}
	token, demo := os.Getenv("METLO_WEBHOOK_TOKEN"), os.Getenv("METLO_HOST") == ""
	if demo {
		listen, token, dir = "127.0.0.1:0", "demo", filepath.Join(os.TempDir(), "metlo-alerts-demo")
	} else if token == "" {
		return errors.New("METLO_WEBHOOK_TOKEN is not set: without it anybody could post alerts")
	}
	store, err := webhook.OpenFolder(filepath.Join(dir, "pending"))
	if err != nil {
		return err
	}
	p, ended := &printer{}, make(chan error, 2)
	if p.handled, err = os.OpenRoot(dir); err != nil {
		return err
	}
	handler := webhook.NewHandler(func(_ context.Context, event *metlo.WebhookEvent) error {
		err := p.once(event.Alert.ToAlert())
		if demo {
			ended <- err
		}
		return err // the handler retries after an error
	}, webhook.WithStore(store), webhook.WithToken(token))
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "listening on http://%s/metlo\n", listener.Addr())
	go func() { ended <- server.Serve(listener) }()
	if demo {
		err = raiseAlert(ctx, client, fmt.Sprintf("http://%s/metlo?token=%s", listener.Addr(), token))
	} else if err := p.reconcile(ctx, client); err != nil && ctx.Err() == nil { // the next start tries again
		fmt.Fprintln(os.Stderr, "could not look for alerts that were missed:", safe(err.Error()))
	}
	if err == nil {
		select {
		case err = <-ended:
		case <-ctx.Done():
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err = errors.Join(err, server.Shutdown(ctx), handler.Shutdown(ctx)); err == nil { // the order matters
		fmt.Fprintln(os.Stderr, "shut down, every alert handled")
	}
	return err
}

// printer prints each alert once, and remembers its id across restarts.
type printer struct {
	mu      sync.Mutex
	handled *os.Root
}

func (p *printer) once(a metlo.Alert) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.handled.Stat("handled-" + a.UUID); err == nil {
		return nil
	}
	if _, err := fmt.Println(safe(fmt.Sprintf("%s (%s) on %s %s%s: %s", a.Type, a.RiskScore, a.APIEndpoint.Method, a.APIEndpoint.Host, a.APIEndpoint.Path, a.Description))); err != nil {
		return err
	}
	return p.handled.WriteFile("handled-"+a.UUID, nil, 0o600)
}

// reconcile prints the open alerts that were not received: Metlo gives up after three retries.
func (p *printer) reconcile(ctx context.Context, client *metlo.Client) error {
	alerts, err := metlo.Collect(client.Alerts.All(ctx, &metlo.AlertFilter{Statuses: []metlo.AlertStatus{metlo.StatusOpen}}))
	for _, alert := range alerts {
		err = errors.Join(err, p.once(alert))
	}
	return err
}

// raiseAlert sends the demo server a request to an unknown endpoint, which raises an alert, and has it posted to url.
func raiseAlert(ctx context.Context, client *metlo.Client, url string) error {
	if _, err := client.Webhooks.Create(ctx, &metlo.WebhookSettings{URL: url, Hosts: []string{"shop.example.com"}}); err != nil {
		return err
	}
	return client.Collector.Log(ctx, &metlo.Trace{
		Request:  metlo.TraceRequest{Method: metlo.MethodGet, URL: metlo.TraceURL{Host: "shop.example.com", Path: "/v2/vouchers"}},
		Response: metlo.TraceResponse{Status: 200},
	})
}

// safe keeps text from acting on a terminal or a CI log: anybody can choose hosts and paths.
func safe(text string) string {
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], "##", `#\#`)
}

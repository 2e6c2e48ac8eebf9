package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/webhook"
)

// shutdownGrace leaves time for what an interrupted listener still has to do.
const shutdownGrace = 500 * time.Millisecond

func (a *app) webhookListen() *cobra.Command {
	address, public := "127.0.0.1:8090", ""
	limit := 0
	cmd := &cobra.Command{
		Use: "listen", Short: "Print deliveries as they come, until Ctrl-C", Args: cobra.NoArgs,
		Long: "Receive what Metlo posts to webhooks and print each alert once. With --url it adds a webhook to the instance and deletes it\n" +
			"at the end. METLO_WEBHOOK_TOKEN is the token that deliveries must have behind ?token=.",
		Example: "  metlo webhook listen --address :8090\n  metlo webhook listen --address :8090 --url https://hooks.example.com/metlo -o json",
	}
	cmd.Flags().StringVar(&address, "address", address, "`address` to listen on")
	cmd.Flags().StringVar(&public, "url", "", "`URL` under which the instance reaches this listener")
	cmd.Flags().IntVar(&limit, "limit", 0, "end after this `number` of alerts")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := a.withTimeout(cmd.Context())
		defer cancel()
		p, err := a.printer()
		if err != nil {
			return err
		}
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			return err
		}
		defer listener.Close()
		unregister, err := a.register(ctx, public)
		if err != nil {
			return err
		}
		a.note("listening on http://%s", listener.Addr())
		err = a.listen(ctx, listener, p, limit)
		return errors.Join(err, unregister())
	}
	return a.reading(cmd)
}

// register adds a webhook, and returns what deletes it.
func (a *app) register(ctx context.Context, public string) (func() error, error) {
	if public == "" {
		return func() error { return nil }, nil
	}
	client, err := a.connect()
	if err != nil {
		return nil, err
	}
	hook, err := client.Webhooks.Create(ctx, &metlo.WebhookSettings{URL: public})
	if err != nil {
		return nil, err
	}
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		if err := client.Webhooks.Delete(ctx, hook.UUID); err != nil {
			return fmt.Errorf("the webhook is still there (metlo webhook delete %s): %w", hook.UUID, err)
		}
		return nil
	}, nil
}

var deliveryColumns = []output.Column[metlo.WebhookEvent]{
	{Name: "uuid", Value: func(e *metlo.WebhookEvent) string { return e.Alert.UUID }, Vital: true},
	{Name: "risk", Value: func(e *metlo.WebhookEvent) string { return string(e.Alert.RiskScore) }},
	{Name: "type", Value: func(e *metlo.WebhookEvent) string { return string(e.Alert.Type) }},
	{Name: "endpoint", Value: func(e *metlo.WebhookEvent) string {
		return endpointName(e.Alert.APIEndpoint.Method, e.Alert.APIEndpoint.Host, e.Alert.APIEndpoint.Path)
	}},
	{Name: "description", Value: func(e *metlo.WebhookEvent) string { return e.Alert.Description }},
}

// listen prints each delivery, and ends with the context, after limit alerts, or when it cannot print.
func (a *app) listen(ctx context.Context, listener net.Listener, p *output.Printer, limit int) error {
	var opts []webhook.Option
	if token := os.Getenv("METLO_WEBHOOK_TOKEN"); token != "" {
		opts = append(opts, webhook.WithToken(token))
	}
	ended := make(chan error, 1)
	end := func(err error) {
		select {
		case ended <- err:
		default:
		}
	}
	var mu sync.Mutex
	printed := 0
	handler := webhook.NewHandler(func(_ context.Context, event *metlo.WebhookEvent) error {
		mu.Lock()
		defer mu.Unlock()
		if limit > 0 && printed >= limit {
			return nil
		}
		err := errors.Join(output.Line(p, event, deliveryColumns), a.out.Flush())
		if printed++; err != nil || printed == limit {
			end(err)
		}
		return nil // an alert that cannot be printed now cannot be printed later
	}, opts...)
	refused := &refusals{note: a.note}
	defer refused.endMinute()
	server := &http.Server{Handler: refused.watch(handler), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	go func() { end(server.Serve(listener)) }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	// First nothing new comes in, then what came in is printed.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	return errors.Join(err, server.Shutdown(grace), handler.Shutdown(grace))
}

// Bounds of what is printed about refused requests: anybody may send them.
const (
	maxRefusals     = 10 // lines in a minute
	maxRefusalWidth = 20 // of a method
)

// refusals tells the user of requests that are no deliveries, such as those with a wrong token, which would otherwise
// look like none at all. Those beyond some in a minute are counted.
type refusals struct {
	note func(format string, args ...any)

	mu         sync.Mutex
	minute     *time.Timer // runs from the first refusal on
	told, more int
}

func (r *refusals) watch(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		answer := &statusWriter{ResponseWriter: w}
		handler.ServeHTTP(answer, req)
		if answer.status >= http.StatusBadRequest {
			r.tell(req, answer.status)
		}
	})
}

func (r *refusals) tell(req *http.Request, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.minute == nil {
		r.minute = time.AfterFunc(time.Minute, r.endMinute)
	}
	if r.told == maxRefusals {
		r.more++
		return
	}
	r.told++
	method := req.Method[:min(len(req.Method), maxRefusalWidth)] // a method is ASCII
	r.note("refused a %s from %s with %d %s", method, req.RemoteAddr, status, http.StatusText(status))
}

// endMinute prints what was only counted.
func (r *refusals) endMinute() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.minute != nil {
		r.minute.Stop()
	}
	if r.more > 0 {
		r.note("%d more refused", r.more)
	}
	r.minute, r.told, r.more = nil, 0, 0
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets an http.ResponseController find the writer.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

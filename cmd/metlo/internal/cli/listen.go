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

// shutdownGrace is the time that an interrupted listener has to finish.
const shutdownGrace = 500 * time.Millisecond

func (a *app) webhookListen() *cobra.Command {
	address, public := "127.0.0.1:8090", ""
	limit := 0
	cmd := &cobra.Command{
		Use: "listen", Short: "Print deliveries as they come, until Ctrl-C", Args: cobra.NoArgs,
		Long: "Receive what Metlo posts to webhooks and print each alert once. With --url it adds a webhook to the instance and deletes it\n" +
			"at the end. METLO_WEBHOOK_TOKEN is the token that deliveries must have after ?token=.",
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

// register adds a webhook and returns a function that deletes it.
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
			return fmt.Errorf("the webhook still exists (metlo webhook delete %s): %w", hook.UUID, err)
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

// listen prints each delivery. It ends with the context, after limit alerts, or when printing fails.
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
		return nil // printing will not work for a later alert either
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
	// The server first refuses new deliveries, then prints those that it has accepted.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	return errors.Join(err, server.Shutdown(grace), handler.Shutdown(grace))
}

// Limits on the messages about refused requests, because anybody may send such requests.
const (
	maxRefusals     = 10 // lines in a minute
	maxRefusalWidth = 20 // characters of a method
)

// refusals reports refused requests, such as those with a wrong token, because they would otherwise be invisible.
// Beyond maxRefusals in a minute it only counts them.
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

// endMinute prints the number of refusals that had no line.
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

// Unwrap returns the underlying writer for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

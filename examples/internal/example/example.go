// Package example holds what the examples share: they talk to METLO_HOST, or to a demo server, and end in the same way.
package example

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/safetext"
	"github.com/metlo-go/metlo/metlotest"
)

// ErrFindings ends a program that did its work and found something: exit code 1.
var ErrFindings = errors.New("findings")

// UsageError is a fault of the command line: exit code 2.
type UsageError struct{ Err error }

func (u *UsageError) Error() string { return u.Err.Error() + " (see -h)" }

// Main parses the flags, runs the program with its standard output, and ends the process: with 0, with 1 for
// ErrFindings, with 2 for any other error, with 130 when it was interrupted. A second interrupt ends it at once.
func Main(flags *flag.FlagSet, usage string, run func(ctx context.Context, out io.Writer) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop)
	out := bufio.NewWriter(os.Stdout)
	err := parse(flags, usage)
	if err == nil {
		err = run(ctx, out)
		if flushErr := out.Flush(); flushErr != nil && (err == nil || errors.Is(err, ErrFindings)) {
			err = flushErr
		}
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return
	case errors.Is(err, ErrFindings):
		os.Exit(1)
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, flags.Name()+": interrupted:", safetext.Line(err.Error()))
		os.Exit(130)
	}
	fmt.Fprintln(os.Stderr, flags.Name()+":", safetext.Line(err.Error()))
	os.Exit(2)
}

func parse(flags *flag.FlagSet, usage string) error {
	flags.Init(flags.Name(), flag.ContinueOnError)
	flags.SetOutput(io.Discard) // one line says what is wrong, below
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(os.Stderr, usage)
		flags.SetOutput(os.Stderr)
		flags.PrintDefaults()
		return err
	case err != nil:
		return &UsageError{err}
	case flags.NArg() > 0:
		return &UsageError{fmt.Errorf("%q is no flag: quote values that hold spaces", flags.Arg(0))}
	}
	return nil
}

// Connect returns a client of METLO_HOST, or of a demo server, and what to call when done with it.
func Connect() (*metlo.Client, func(), error) {
	if os.Getenv("METLO_HOST") == "" {
		fmt.Fprintln(os.Stderr, "METLO_HOST is not set: this is a demo server.")
		server := metlotest.NewServer(metlotest.Demo())
		return server.Client(), server.Close, nil
	}
	client, err := metlo.NewClientFromEnv()
	return client, func() {}, err
}

// List makes a flag that may be repeated.
func List[T any](flags *flag.FlagSet, target *[]T, name, usage string, parse func(string) (T, error)) {
	flags.Func(name, usage, func(text string) error {
		value, err := parse(text)
		*target = append(*target, value)
		return err
	})
}

// Text takes any text but none.
func Text(text string) (string, error) {
	if text == "" {
		return "", errors.New("it is empty")
	}
	return text, nil
}

// KnownHosts refuses hosts that the instance does not have, for which every list is empty.
func KnownHosts(ctx context.Context, client *metlo.Client, hosts []string) error {
	if len(hosts) == 0 {
		return nil
	}
	names, err := client.Hosts.Names(ctx)
	if err != nil {
		return err
	}
	for _, host := range hosts {
		if !slices.Contains(names, host) {
			return fmt.Errorf("no such host: %s (there are %s)", host, strings.Join(names, ", "))
		}
	}
	return nil
}

// RaiseAlert lets a demo server see a request to an unknown endpoint, which raises an alert, and post it to url.
func RaiseAlert(ctx context.Context, client *metlo.Client, url string) error {
	if _, err := client.Webhooks.Create(ctx, &metlo.WebhookSettings{URL: url, Hosts: []string{"shop.example.com"}}); err != nil {
		return err
	}
	return client.Collector.Log(ctx, &metlo.Trace{
		Request:  metlo.TraceRequest{Method: metlo.MethodGet, URL: metlo.TraceURL{Host: "shop.example.com", Path: "/v2/vouchers"}},
		Response: metlo.TraceResponse{Status: 200},
	})
}

// Name is the endpoint of an alert.
func Name(a *metlo.Alert) string {
	return fmt.Sprintf("%s %s%s", a.APIEndpoint.Method, a.APIEndpoint.Host, a.APIEndpoint.Path)
}

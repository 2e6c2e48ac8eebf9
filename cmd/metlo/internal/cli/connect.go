package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/account"
	"github.com/metlo-go/metlo/cmd/metlo/internal/version"
	"github.com/metlo-go/metlo/metlotest"
)

var errNoInstance = errors.New("no instance: run metlo auth login, or add --demo")

// instance describes the instance that a command uses, and the origin of its address.
type instance struct {
	account.Account

	source  string // origin of the host, for messages
	fromEnv bool   // the SDK reads the same settings by itself
}

// instance determines the instance from flags, environment, context and credentials file, in this order.
func (a *app) instance() (*instance, error) {
	store, err := account.Open()
	if err != nil && os.Getenv("METLO_HOST") == "" {
		return nil, err
	}
	switch {
	case a.global.host != "" && a.global.context != "":
		return nil, errors.New("--instance and --context exclude each other")
	case a.global.host != "":
		return a.fromFlag(store)
	case a.global.context != "":
		return a.fromContext(store, a.global.context, "--context "+a.global.context)
	case os.Getenv("METLO_HOST") != "":
		return &instance{account.Account{
			Host: os.Getenv("METLO_HOST"), Key: metlo.NewSecret(os.Getenv("METLO_API_KEY")), Collector: os.Getenv("METLO_COLLECTOR_HOST"),
		}, "METLO_HOST", true}, nil
	}
	current, err := store.Current()
	if err != nil {
		return nil, err
	}
	if current != account.Default {
		return a.fromContext(store, current, "context "+current)
	}
	saved, err := store.Read(account.Default)
	if errors.Is(err, fs.ErrNotExist) || err == nil && saved.Host == "" {
		return nil, errNoInstance
	}
	if err != nil {
		return nil, err
	}
	return &instance{*saved, "~/.metlo/credentials", true}, nil
}

func (a *app) fromContext(store *account.Store, name, source string) (*instance, error) {
	saved, err := store.Read(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		names, _ := store.Names() // the error only omits the suggestion
		return nil, fmt.Errorf("there is no context %s%s: run metlo context list, or metlo auth login --context %s", name, didYouMean(name, names), name)
	case err != nil:
		return nil, err
	}
	// An empty METLO_API_KEY means that there is no key, as it does for NewClientFromEnv.
	if key, set := os.LookupEnv("METLO_API_KEY"); set {
		saved.Key = metlo.NewSecret(key)
	}
	saved.Collector = cmp.Or(os.Getenv("METLO_COLLECTOR_HOST"), saved.Collector)
	return &instance{*saved, source, false}, nil
}

// fromFlag returns the instance of --instance with the key that belongs to its host. It never sends a key to another
// host.
func (a *app) fromFlag(store *account.Store) (*instance, error) {
	found := &instance{account.Account{Host: a.global.host}, "--instance", false}
	if names, err := store.Names(); err == nil {
		for _, name := range names {
			if saved, err := store.Read(name); err == nil && account.SameServer(saved.Host, found.Host) {
				found.Account = *saved
				found.Host = a.global.host
				break
			}
		}
	}
	if key, host := os.Getenv("METLO_API_KEY"), os.Getenv("METLO_HOST"); key != "" {
		if host != "" && !account.SameServer(host, found.Host) {
			if found.Key.Reveal() == "" {
				return nil, fmt.Errorf("METLO_API_KEY belongs to METLO_HOST %s, and is not sent to %s: unset METLO_HOST, or run metlo auth login --context NAME",
					host, found.Host)
			}
			return found, nil
		}
		found.Key = metlo.NewSecret(key)
	}
	return found, nil
}

// connect returns a client of the instance, or of a demo server that ends with the command.
func (a *app) connect(opts ...metlo.Option) (*metlo.Client, error) {
	opts = append(a.clientOptions(), opts...)
	if a.global.demo {
		found, err := a.instance()
		if err == nil && found.source != "~/.metlo/credentials" && !strings.HasPrefix(found.source, "context ") {
			return nil, fmt.Errorf("--demo and %s exclude each other: a demo shows nothing of %s", found.source, found.Host)
		}
		a.note("This is a demo server.")
		server := metlotest.NewServer(metlotest.Demo())
		a.demo = server
		a.closers = append(a.closers, server.Close)
		return metlo.NewClient(server.URL, server.APIKey,
			append(opts, metlo.WithCollectorURL(server.CollectorURL), metlo.WithoutRateLimit())...)
	}
	found, err := a.instance()
	if err != nil {
		return nil, err
	}
	if err := checkPasted(found.source, &found.Account); err != nil {
		return nil, err
	}
	if a.global.collector != "" {
		found.Collector = a.global.collector
	}
	if found.Collector != "" {
		opts = append(opts, metlo.WithCollectorURL(found.Collector))
	}
	if a.global.insecure || found.Insecure {
		opts = append(opts, metlo.WithInsecureHTTP())
	}
	if found.fromEnv {
		return metlo.NewClientFromEnv(opts...)
	}
	return metlo.NewClient(found.Host, found.Key.Reveal(), opts...)
}

// checkPasted detects common damage that shells and CI systems do to addresses and keys. The SDK checks everything
// else.
func checkPasted(source string, entry *account.Account) error {
	const marks = "\"'`"
	host, key := strings.TrimSpace(entry.Host), entry.Key.Reveal()
	switch {
	case strings.ContainsAny(host, marks):
		return fmt.Errorf("the address of %s holds quotation marks: write https://metlo.example.com alone", source)
	case host != "" && !strings.Contains(host, "://"):
		return noScheme(source, host)
	case strings.ContainsAny(key, marks):
		return fmt.Errorf("the key that goes with %s holds quotation marks: set the key alone", source)
	case strings.ContainsAny(strings.TrimSpace(key), " \t\r\n"):
		return fmt.Errorf("the key that goes with %s holds blanks: set the key alone", source)
	}
	return nil
}

var (
	plainHost = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]{1,5})?$`) })
	keyLike   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)metlo\..{20}`) })
)

// noScheme returns an error that shows the address only if it is a plain host. Any other text may hold a key or a
// password, and CI systems store their logs.
func noScheme(source, host string) error {
	if !plainHost().MatchString(host) || keyLike().MatchString(host) {
		return fmt.Errorf("the address of %s has no scheme: write https://…", source)
	}
	return fmt.Errorf("the address %s of %s has no scheme: write https://%s", host, source, host)
}

func (a *app) clientOptions() []metlo.Option {
	opts := []metlo.Option{metlo.WithUserAgent("metlo/" + version.Number())}
	if a.global.verbose {
		opts = append(opts, metlo.WithLogger(slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	}
	return opts
}

// withTimeout applies --timeout to the context of a command.
func (a *app) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	var cancel context.CancelFunc
	if a.global.timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, a.global.timeout)
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	a.ctx = ctx
	return ctx, cancel
}

// note prints a line that is not data, unless --quiet is set.
func (a *app) note(format string, args ...any) {
	if !a.global.quiet {
		fmt.Fprintln(a.err, sprintLine(format, args...))
	}
}

// fault prints an error about a part of the input, even with --quiet.
func (a *app) fault(format string, args ...any) { fmt.Fprintln(a.err, sprintLine(format, args...)) }

// Inventory exports every endpoint with its data classes, to CSV or JSON Lines, in little memory. The command metlo
// inventory can also resume after an interruption.
package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

const usage = `inventory exports every endpoint with its data classes.

  inventory > endpoints.csv
  inventory -jsonl -o endpoints.jsonl
  inventory -host shop.example.com

With -o it writes to the file's name with .partial, and renames that when it is complete.
It talks to METLO_HOST with METLO_API_KEY, or to a demo server when METLO_HOST is not set.
Exit codes: 0 complete, 2 failed or wrong flags, 130 interrupted.

`

func main() {
	var filter metlo.EndpointFilter
	flag.Func("host", "only endpoints of this `host`; may be repeated", func(host string) error {
		filter.Hosts = append(filter.Hosts, host)
		return nil
	})
	jsonl := flag.Bool("jsonl", false, "write JSON Lines instead of CSV")
	output := flag.String("o", "", "write to this `file` instead of the standard output")
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage); flag.PrintDefaults() }
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	switch err := run(ctx, &filter, *jsonl, *output); {
	case err == nil:
	case ctx.Err() != nil:
		os.Exit(130)
	default:
		fmt.Fprintln(os.Stderr, "inventory:", safe(err.Error()))
		os.Exit(2)
	}
}

func run(ctx context.Context, filter *metlo.EndpointFilter, jsonl bool, output string) error {
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
	write := writeCSV
	if jsonl {
		write = writeJSON
	}
	if output == "" {
		return write(ctx, client, filter, os.Stdout)
	}
	// The file remains unchanged unless the export is complete.
	file, err := os.OpenFile(output+".partial", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(write(ctx, client, filter, file), file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return os.Rename(file.Name(), output)
}

func writeJSON(ctx context.Context, client *metlo.Client, filter *metlo.EndpointFilter, w io.Writer) error {
	out := bufio.NewWriter(w)
	lines := json.NewEncoder(out)
	for e, err := range client.Endpoints.All(ctx, filter) {
		if err != nil {
			return err
		}
		if err := lines.Encode(e); err != nil {
			return err
		}
	}
	return out.Flush()
}

func writeCSV(ctx context.Context, client *metlo.Client, filter *metlo.EndpointFilter, w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"uuid", "host", "method", "path", "riskScore", "dataClasses", "authentication", "public", "lastActive"})
	for e, err := range client.Endpoints.All(ctx, filter) {
		if err != nil {
			return err
		}
		lastActive := ""
		if !e.LastActive.IsZero() {
			lastActive = e.LastActive.Format(time.RFC3339)
		}
		_ = out.Write([]string{
			e.UUID, cell(e.Host), string(e.Method), cell(e.Path), string(e.RiskScore), cell(strings.Join(e.DataClasses, "; ")),
			string(e.Authentication()), strconv.FormatBool(e.IsPublic), lastActive,
		})
	}
	out.Flush()
	return out.Error()
}

// cell returns safe in a spreadsheet, where a text that begins with one of =+-@ is a formula.
func cell(text string) string {
	if text = safe(text); text != "" && strings.ContainsAny(text[:1], "=+-@") {
		return "'" + text
	}
	return text
}

// safe keeps text from acting on a terminal or a CI log: anybody can choose hosts and paths.
func safe(text string) string {
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], "##", `#\#`)
}

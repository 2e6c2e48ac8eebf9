// Inventory exports every endpoint with its data classes, to CSV or JSON Lines, in little memory. The command metlo
// inventory can also go on after an interruption.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/examples/internal/example"
	"github.com/metlo-go/metlo/internal/safetext"
)

const usage = `inventory exports every endpoint with its data classes.

  inventory > endpoints.csv
  inventory -format jsonl -o endpoints.jsonl
  inventory -host shop.example.com -severity high

With -o it writes to the file's name with .partial, and renames that when it is complete.
It talks to METLO_HOST with METLO_API_KEY, or to a demo server when METLO_HOST is not set.
Exit codes: 0 complete, 2 failed or wrong flags, 130 interrupted.

`

type settings struct {
	filter metlo.EndpointListOptions
	format string
	output string
}

func main() {
	s := &settings{}
	flags := flag.NewFlagSet("inventory", flag.ContinueOnError)
	flags.StringVar(&s.format, "format", "csv", "`form` of the export: csv or jsonl")
	flags.StringVar(&s.output, "o", "", "write to this `file` instead of the standard output")
	example.List(flags, &s.filter.Hosts, "host", "only endpoints of this `host`; may be repeated", example.Text)
	example.List(flags, &s.filter.RiskScores, "severity", "only endpoints of this `risk`: high, medium, low or none; may be repeated", metlo.ParseRiskScore)
	example.Main(flags, usage, func(ctx context.Context, out io.Writer) error {
		if s.format != "csv" && s.format != "jsonl" {
			return &example.UsageError{Err: fmt.Errorf("-format %q: use csv or jsonl", s.format)}
		}
		client, done, err := example.Connect()
		if err != nil {
			return err
		}
		defer done()
		if err := example.KnownHosts(ctx, client, s.filter.Hosts); err != nil {
			return err
		}
		if s.output == "" {
			return write(ctx, client, s, out)
		}
		return writeFile(ctx, client, s)
	})
}

// writeFile leaves the file alone unless the export is complete.
func writeFile(ctx context.Context, client *metlo.Client, s *settings) error {
	file, err := os.OpenFile(s.output+".partial", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(write(ctx, client, s, file), file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return os.Rename(file.Name(), s.output)
}

func write(ctx context.Context, client *metlo.Client, s *settings, w io.Writer) error {
	out := bufio.NewWriter(w)
	if s.format == "csv" {
		fmt.Fprint(out, safetext.CSV("uuid", "host", "method", "path", "riskScore", "dataClasses", "authenticated", "public", "lastActive"))
	}
	lines := json.NewEncoder(out)
	for e, err := range client.Endpoints.All(ctx, &s.filter) {
		if err != nil {
			return err
		}
		if s.format == "csv" {
			_, err = out.WriteString(row(&e))
		} else {
			err = lines.Encode(e)
		}
		if err != nil {
			return err
		}
	}
	return out.Flush()
}

// row is safe in a spreadsheet: hosts and paths are what clients sent, and could be formulas.
func row(e *metlo.Endpoint) string {
	lastActive := ""
	if !e.LastActive.IsZero() {
		lastActive = e.LastActive.Format(time.RFC3339)
	}
	return safetext.CSV(e.UUID, e.Host, e.Method.String(), e.Path, e.RiskScore.String(), strings.Join(e.DataClasses, "; "),
		strconv.FormatBool(e.Authenticated()), strconv.FormatBool(e.IsPublic), lastActive)
}

// Inventory exports every endpoint with its data classes, to CSV or JSON Lines, as the server sends them.
package main

import (
	"bufio"
	"bytes"
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
  inventory -format jsonl -o endpoints.jsonl
  inventory -format jsonl -o endpoints.jsonl -resume   go on after an interruption
  inventory -host shop.example.com -severity high

With -o it writes to the file's name with .partial, and renames that when it is complete.
It talks to METLO_HOST with METLO_API_KEY, or to a demo server when METLO_HOST is not set.
Exit codes: 0 complete, 1 failed, 2 wrong flags.

`

type settings struct {
	filter metlo.EndpointListOptions
	format string
	output string
	resume bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) int {
	s, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(os.Stderr, "inventory:", err)
		return 2
	}
	client, closeClient, err := connect()
	if err == nil {
		defer closeClient()
		err = export(ctx, client, s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "inventory:", err)
		return 1
	}
	return 0
}

func parse(args []string) (*settings, error) {
	s := &settings{}
	flags := flag.NewFlagSet("inventory", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage); flags.PrintDefaults() }
	flags.StringVar(&s.format, "format", "csv", "`form` of the export: csv or jsonl")
	flags.StringVar(&s.output, "o", "", "write to this `file` instead of the standard output")
	flags.BoolVar(&s.resume, "resume", false, "keep what an interrupted export with the same flags has written")
	flags.Func("host", "only endpoints of this `host`; may be repeated", func(host string) error {
		s.filter.Hosts = append(s.filter.Hosts, host)
		return nil
	})
	flags.Func("severity", "only endpoints of this `risk`: high, medium, low or none; may be repeated", func(text string) error {
		risk, err := metlo.ParseRiskScore(text)
		s.filter.RiskScores = append(s.filter.RiskScores, risk)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("%q is no flag", flags.Arg(0))
	case s.format != "csv" && s.format != "jsonl":
		return nil, fmt.Errorf("-format %q: use csv or jsonl", s.format)
	case s.resume && s.output == "":
		return nil, errors.New("-resume needs -o")
	}
	return s, nil
}

// connect returns a client and what to call when done with it.
func connect() (*metlo.Client, func(), error) {
	if os.Getenv("METLO_HOST") == "" {
		fmt.Fprintln(os.Stderr, "METLO_HOST is not set: this is a demo server.")
		server := metlotest.NewServer(metlotest.Demo())
		return server.Client(), server.Close, nil
	}
	client, err := metlo.NewClientFromEnv()
	return client, func() {}, err
}

func export(ctx context.Context, client *metlo.Client, s *settings) error {
	if s.output == "" {
		return write(ctx, client, s, os.Stdout, nil, true)
	}
	partial := s.output + ".partial"
	file, err := os.OpenFile(partial, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	var seen map[string]bool
	var end int64
	if s.resume {
		if seen, end, err = written(file, s.format); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "resuming after %d endpoints\n", len(seen))
	}
	if err := file.Truncate(end); err != nil {
		return err
	}
	if _, err := file.Seek(end, io.SeekStart); err != nil {
		return err
	}
	if err := write(ctx, client, s, file, seen, end == 0); err != nil {
		return fmt.Errorf("%w (go on with -resume: %s is kept)", err, partial)
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(partial, s.output)
}

// write exports the endpoints that are not in seen.
func write(ctx context.Context, client *metlo.Client, s *settings, file io.Writer, seen map[string]bool, header bool) error {
	buffer := bufio.NewWriter(file)
	rows := csv.NewWriter(buffer)
	lines := json.NewEncoder(buffer)
	if header && s.format == "csv" {
		if err := rows.Write(columns); err != nil {
			return err
		}
	}
	show, done := newProgress(), len(seen)
	var err error
	for e, listErr := range client.Endpoints.All(ctx, &s.filter) {
		if err = listErr; err != nil {
			break
		}
		if seen[e.UUID] {
			continue
		}
		if s.format == "csv" {
			err = rows.Write(row(&e))
		} else {
			err = lines.Encode(e)
		}
		if err != nil {
			break
		}
		done++
		show(done, false)
	}
	show(done, true)
	rows.Flush()
	return errors.Join(err, rows.Error(), buffer.Flush())
}

var columns = []string{
	"uuid", "host", "method", "path", "riskScore", "dataClasses", "authenticated", "public", "graphql", "spec", "firstDetected", "lastActive",
}

func row(e *metlo.Endpoint) []string {
	return []string{
		e.UUID, cell(e.Host), cell(e.Method.String()), cell(e.Path), e.RiskScore.String(), cell(strings.Join(e.DataClasses, "; ")),
		strconv.FormatBool(e.Authenticated()), strconv.FormatBool(e.IsPublic), strconv.FormatBool(e.IsGraphQL),
		cell(e.OpenAPISpecName), timestamp(e.FirstDetected), timestamp(e.LastActive),
	}
}

// cell keeps a spreadsheet from running what a client sent as host or path.
func cell(text string) string {
	if strings.ContainsAny(text[:min(1, len(text))], "=+-@\t\r") {
		return "'" + text
	}
	return text
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

// written returns the ids of the endpoints in an interrupted export, and where the last whole one ends.
func written(file io.Reader, format string) (seen map[string]bool, end int64, err error) {
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, 0, err
	}
	seen = map[string]bool{}
	if format == "csv" {
		rows := csv.NewReader(bytes.NewReader(data))
		for {
			record, err := rows.Read()
			next := rows.InputOffset()
			if err != nil || data[next-1] != '\n' {
				return seen, end, nil //nolint:nilerr // the row that was being written
			}
			if end > 0 {
				seen[record[0]] = true
			}
			end = next
		}
	}
	for line := range bytes.Lines(data) {
		var e metlo.Endpoint
		if !bytes.HasSuffix(line, []byte("\n")) || json.Unmarshal(line, &e) != nil {
			break
		}
		seen[e.UUID] = true
		end += int64(len(line))
	}
	return seen, end, nil
}

// newProgress returns what shows a count, every tenth of a second, on a terminal.
func newProgress() func(done int, last bool) {
	info, err := os.Stderr.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(int, bool) {}
	}
	var shown time.Time
	return func(done int, last bool) {
		if last {
			fmt.Fprintf(os.Stderr, "\r%d endpoints\n", done)
		} else if time.Since(shown) > 100*time.Millisecond {
			shown = time.Now()
			fmt.Fprintf(os.Stderr, "\r%d endpoints", done)
		}
	}
}

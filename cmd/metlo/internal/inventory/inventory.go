// Package inventory exports every endpoint with its data classes to CSV or JSON Lines, and resumes an interrupted
// export.
package inventory

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// Formats lists the formats of an export.
var Formats = []string{"csv", "jsonl"}

var columns = []string{
	"uuid", "risk", "method", "host", "path", "authentication", "dataClasses", "public", "graphql", "spec", "firstDetected", "lastActive",
}

// Write exports the endpoints that are not in seen, and returns the number that it wrote. It calls progress after each.
func Write(
	w io.Writer, format string, endpoints iter.Seq2[metlo.Endpoint, error], seen map[string]bool, header bool, progress func(),
) (int, error) {
	buffer := bufio.NewWriterSize(w, 64<<10)
	if header && format == "csv" {
		if _, err := buffer.WriteString(safetext.CSV(columns...)); err != nil {
			return 0, err
		}
	}
	lines, written := json.NewEncoder(buffer), 0
	var err error
	for e, listErr := range endpoints {
		if err = listErr; err != nil {
			break
		}
		if seen[e.UUID] {
			continue
		}
		if format == "csv" {
			_, err = buffer.WriteString(row(&e))
		} else {
			err = lines.Encode(&e)
		}
		if err != nil {
			break
		}
		written++
		progress()
	}
	return written, errors.Join(err, buffer.Flush())
}

func row(e *metlo.Endpoint) string {
	return safetext.CSV(
		e.UUID, string(e.RiskScore), string(e.Method), e.Host, e.Path, string(e.Authentication()), strings.Join(e.DataClasses, "; "),
		yesOrNo(e.IsPublic), yesOrNo(e.IsGraphQL),
		e.OpenAPISpecName, timestamp(e.FirstDetected), timestamp(e.LastActive),
	)
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func yesOrNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// Written returns the ids of the endpoints in an interrupted export, and the offset after the last complete one. Any
// other file is an error, because resuming would overwrite it.
func Written(file io.Reader, format string) (seen map[string]bool, end int64, err error) {
	seen = map[string]bool{}
	lines := bufio.NewReaderSize(file, 64<<10)
	for first := true; ; first = false {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return seen, end, nil // the last line is incomplete
		}
		if err != nil {
			return nil, 0, err
		}
		id, err := idOf(line, format, first)
		if err != nil {
			return nil, 0, err
		}
		if id != "" {
			seen[id] = true
		}
		end += int64(len(line))
	}
}

// idOf returns the id on a line, or an empty string for the header.
func idOf(line []byte, format string, first bool) (string, error) {
	if format == "csv" {
		record, err := csv.NewReader(bytes.NewReader(line)).Read()
		switch {
		case err != nil || len(record) != len(columns) || first && !slices.Equal(record, columns):
			return "", fmt.Errorf("the file is not an export of this version in CSV: remove it, or leave out --resume")
		case first:
			return "", nil
		}
		return record[0], nil
	}
	var e struct {
		UUID string `json:"uuid"`
	}
	if err := json.Unmarshal(line, &e); err != nil || e.UUID == "" {
		return "", fmt.Errorf("the file is not an export in JSON Lines: remove it, or leave out --resume")
	}
	return e.UUID, nil
}

// File exports to NAME.partial. It renames the file when it is complete, and otherwise keeps it for resuming.
func File(
	name, format string, resume bool, endpoints iter.Seq2[metlo.Endpoint, error], resumed func(int), progress func(),
) (int, error) {
	partial := name + ".partial"
	if info, err := os.Lstat(partial); err == nil && !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is not a plain file: remove it, or name another --file", partial)
	}
	file, err := os.OpenFile(partial, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	var seen map[string]bool
	var end int64
	if resume {
		if seen, end, err = Written(file, format); err != nil {
			return 0, fmt.Errorf("%s: %w", partial, err)
		}
		resumed(len(seen))
	}
	if err := file.Truncate(end); err != nil {
		return 0, err
	}
	if _, err := file.Seek(end, io.SeekStart); err != nil {
		return 0, err
	}
	written, err := Write(file, format, endpoints, seen, end == 0, progress)
	if err = errors.Join(err, file.Sync()); err != nil {
		return written, fmt.Errorf("%w (%s is kept: continue with --resume)", err, partial)
	}
	if err := file.Close(); err != nil {
		return written, err
	}
	return written, os.Rename(partial, name)
}

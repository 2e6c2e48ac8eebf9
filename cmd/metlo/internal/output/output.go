// Package output writes values as table, JSON, YAML or CSV, or with a template. It depends on values and writers, not
// on commands.
package output

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"strings"
	"text/template"

	"github.com/itchyny/gojq"

	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// Formats lists the values of --output except template=TEXT.
var Formats = []string{"table", "json", "yaml", "csv"}

// Flags holds the output flags.
type Flags struct {
	Format string // Format is one of Formats, or template=TEXT.
	JQ     string // JQ is a jq filter over the JSON form; empty for none.

	Columns []string // Columns are the names of the columns of a table or a CSV; nil for the default.
	Sort    string   // Sort is the column that orders a list, with a leading minus for descending order.
	Limit   int      // Limit is the maximum number of items in a list; 0 for all.
}

// Printer writes values in one format.
type Printer struct {
	// Width is the width of the terminal; 0 if there is none.
	Width int
	// Color reports whether to write ANSI colors.
	Color bool
	// Context ends a jq filter that does not end by itself; nil for none.
	Context context.Context //nolint:containedctx // of the one command that the printer is for

	w        io.Writer
	format   string
	columns  []string
	sort     string
	limit    int
	template *template.Template
	query    *gojq.Code
}

// Column describes a column of a table or a CSV, and a line of an object's table.
type Column[T any] struct {
	Name  string // Name is a name such as dataClasses, which a table shows as DATA CLASSES.
	Value func(*T) string
	Wide  bool   // Wide leaves the column out of tables unless --columns names it; CSV always has it.
	ID    bool   // ID marks an id, which a terminal abbreviates to a unique prefix and never cuts further.
	Vital bool   // Vital keeps the column on a terminal when others are left out.
	Time  bool   // Time marks an exact time, which a terminal shows as an age.
	Alarm string // Alarm is the value that a terminal shows in red.

	// Combined marks a column that combines other columns of the same list, such as method, host and path. A table
	// shows it instead of these, which are Wide.
	Combined bool
	// Order compares two items for --sort; nil compares the values, as numbers if they are numbers.
	Order func(x, y *T) int
}

// New returns a printer that writes to w, or an error if the flags contradict each other.
func New(w io.Writer, flags Flags) (*Printer, error) {
	p := &Printer{w: w, format: flags.Format, columns: flags.Columns, sort: flags.Sort, limit: flags.Limit}
	if flags.Limit < 0 {
		return nil, fmt.Errorf("--limit: %d is negative: use a number of lines, or leave it out", flags.Limit)
	}
	if text, found := strings.CutPrefix(flags.Format, "template="); found {
		parsed, err := template.New("output").Funcs(template.FuncMap{
			"join": func(separator string, list []any) string {
				parts := make([]string, len(list))
				for i, v := range list {
					parts[i] = fmt.Sprint(v)
				}
				return strings.Join(parts, separator)
			},
			"json": func(v any) (string, error) { data, err := json.Marshal(v); return string(data), err },
		}).Option("missingkey=error").Parse(text)
		if err != nil {
			return nil, fmt.Errorf("--output template: %w", err)
		}
		p.format, p.template = "template", parsed
	}
	if flags.Columns != nil && (flags.JQ != "" || p.format != "table" && p.format != "csv") {
		return nil, errors.New("--columns chooses those of a table or a CSV: leave it out, or add -o csv")
	}
	if flags.JQ == "" {
		return p, nil
	}
	if p.format != "table" && p.format != "json" {
		return nil, fmt.Errorf("--jq works on JSON: leave out --output %s", p.format)
	}
	query, err := gojq.Parse(flags.JQ)
	if err == nil {
		p.query, err = gojq.Compile(query)
	}
	if err != nil {
		return nil, fmt.Errorf("--jq: %w", err)
	}
	p.format = "json"
	return p, nil
}

// List writes a list. JSON is one array; a template is applied to each item.
func List[T any](p *Printer, items iter.Seq2[T, error], columns []Column[T]) error {
	columns, items, err := choose(p, items, columns)
	if err != nil {
		return err
	}
	switch {
	case p.query != nil || p.format == "yaml":
		var all []json.RawMessage
		for item, err := range items {
			if err != nil {
				return err
			}
			data, err := marshal(item)
			if err != nil {
				return err
			}
			all = append(all, data)
		}
		return p.document(append([]json.RawMessage{}, all...))
	case p.format == "json":
		return p.jsonArray(items2any(items))
	case p.format == "csv":
		return writeCSV(p.w, items, columns)
	case p.format == "template":
		for item, err := range items {
			if err != nil {
				return err
			}
			if err := p.execute(item); err != nil {
				return err
			}
		}
		return nil
	}
	return writeTable(p, items, columns)
}

// Object writes one value. A table of it has a line for each column.
func Object[T any](p *Printer, item *T, columns []Column[T]) error {
	switch p.format {
	case "json", "yaml":
		return p.document(item)
	case "template":
		return p.execute(item)
	case "csv":
		return writeCSV(p.w, func(yield func(T, error) bool) { yield(*item, nil) }, columns)
	}
	return writeFields(p, item, columns)
}

// document writes one value as JSON or YAML, or the results of the jq filter.
func (p *Printer) document(value any) error {
	data, err := marshal(value)
	if err != nil {
		return err
	}
	switch {
	case p.query != nil:
		return p.filter(data)
	case p.format == "yaml":
		return WriteYAML(p.w, data)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, data, "", "  "); err != nil {
		return err
	}
	indented.WriteByte('\n')
	_, err = p.w.Write(safetext.JSON(indented.Bytes()))
	return err
}

// jsonArray writes items as they arrive, so that a long list needs no memory.
func (p *Printer) jsonArray(items iter.Seq2[any, error]) error {
	separator := "[\n  "
	for item, err := range items {
		if err != nil {
			return err
		}
		data, err := marshal(item)
		if err != nil {
			return err
		}
		var indented bytes.Buffer
		indented.WriteString(separator)
		if err := json.Indent(&indented, data, "  ", "  "); err != nil {
			return err
		}
		if _, err := p.w.Write(safetext.JSON(indented.Bytes())); err != nil {
			return err
		}
		separator = ",\n  "
	}
	end := "\n]\n"
	if separator[0] == '[' {
		end = "[]\n"
	}
	_, err := io.WriteString(p.w, end)
	return err
}

// filter writes each result of the jq filter: a string as text, and any other value as JSON on one line.
func (p *Printer) filter(data []byte) error {
	value, err := decode(data)
	if err != nil {
		return err
	}
	ctx := p.Context
	if ctx == nil {
		ctx = context.Background()
	}
	results := p.query.RunWithContext(ctx, value)
	for {
		result, ok := results.Next()
		if !ok {
			return nil
		}
		if err, failed := result.(error); failed {
			if ctx.Err() != nil {
				return fmt.Errorf("--jq: the filter did not end: %w", context.Cause(ctx))
			}
			return fmt.Errorf("--jq: %w", err)
		}
		line, isText := result.(string)
		if isText {
			line = safetext.Terminal(line)
		} else {
			encoded, err := gojq.Marshal(result)
			if err != nil {
				return err
			}
			line = string(safetext.JSON(encoded))
		}
		if _, err := io.WriteString(p.w, line+"\n"); err != nil {
			return err
		}
	}
}

// execute applies the template to the JSON form of a value, so that every format uses the same names.
func (p *Printer) execute(item any) error {
	data, err := marshal(item)
	if err != nil {
		return err
	}
	value, err := decode(data)
	if err != nil {
		return err
	}
	complete(value, reflect.TypeOf(item))
	var text strings.Builder
	if err := p.template.Execute(&text, value); err != nil {
		return fmt.Errorf("--output %w", err)
	}
	_, err = io.WriteString(p.w, strings.TrimSuffix(safetext.Terminal(text.String()), "\n")+"\n")
	return err
}

// complete adds null for the zero values that the JSON form of a type omits. A template then fails only for a name that
// no item has.
func complete(value any, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := value.(type) {
	case []any:
		if t.Kind() == reflect.Slice {
			for i := range v {
				complete(v[i], t.Elem())
			}
		}
	case map[string]any:
		if t.Kind() != reflect.Struct {
			return
		}
		for _, field := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			if member, present := v[name]; present {
				complete(member, field.Type)
			} else {
				v[name] = nil
			}
		}
	}
}

func items2any[T any](items iter.Seq2[T, error]) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for item, err := range items {
			if !yield(item, err) {
				return
			}
		}
	}
}

// marshal encodes a value without the escapes that only HTML needs.
func marshal(value any) ([]byte, error) {
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(data.Bytes(), []byte("\n")), nil
}

// decode returns the values for gojq and templates. It keeps integers as integers.
func decode(data []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	return numbers(value), nil
}

func numbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil && int64(int(n)) == n {
			return int(n)
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = numbers(v[name])
		}
	}
	return value
}

// Line writes one of several values that arrive over time, on one line. A table has no header then.
func Line[T any](p *Printer, item *T, columns []Column[T]) error {
	switch {
	case p.query != nil:
		data, err := marshal(item)
		if err != nil {
			return err
		}
		return p.filter(data)
	case p.format == "json":
		data, err := marshal(item)
		if err != nil {
			return err
		}
		_, err = p.w.Write(append(safetext.JSON(data), '\n'))
		return err
	case p.format == "yaml":
		if _, err := io.WriteString(p.w, "---\n"); err != nil {
			return err
		}
		return p.document(item)
	case p.format == "template":
		return p.execute(item)
	}
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = c.Value(item)
	}
	if p.format == "csv" {
		_, err := io.WriteString(p.w, safetext.CSV(cells...))
		return err
	}
	_, err := io.WriteString(p.w, safetext.Line(strings.Join(cells, gap))+"\n")
	return err
}

// Count returns a number with its noun, such as 1 alert or 3 alerts.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

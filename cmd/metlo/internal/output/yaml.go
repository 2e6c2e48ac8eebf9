package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"

	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// plain matches texts that every version of YAML reads as a string without quotes, except the words in reserved.
var (
	plain = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9/_.{}-]*( [A-Za-z0-9/_.{}-]+)*$`)
	})
	reserved = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null|nan|inf)$`) })
)

// WriteYAML writes JSON as YAML with the members in their order. A string is plain or has double quotes and escapes for
// characters that are not safe to print. A library would print these characters.
func WriteYAML(w io.Writer, data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var out strings.Builder
	if err := yamlValue(decoder, &out, "", false); err != nil {
		return err
	}
	_, err := io.WriteString(w, strings.TrimLeft(out.String(), " \n"))
	return err
}

// yamlValue writes the next value after a name or a dash on the current line.
func yamlValue(decoder *json.Decoder, out *strings.Builder, indent string, inList bool) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('['):
		return yamlList(decoder, out, indent)
	case json.Delim('{'):
		return yamlObject(decoder, out, indent, inList)
	}
	text := fmt.Sprint(token)
	switch v := token.(type) {
	case nil:
		text = "null"
	case string:
		text = yamlString(v)
	}
	out.WriteString(" " + text + "\n")
	return nil
}

func yamlList(decoder *json.Decoder, out *strings.Builder, indent string) error {
	if !decoder.More() {
		out.WriteString(" []\n")
	} else {
		out.WriteByte('\n')
	}
	for decoder.More() {
		out.WriteString(indent + "-")
		if err := yamlValue(decoder, out, indent+"  ", true); err != nil {
			return err
		}
	}
	_, err := decoder.Token()
	return err
}

func yamlObject(decoder *json.Decoder, out *strings.Builder, indent string, inList bool) error {
	first := true
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		switch {
		case first && inList:
			out.WriteByte(' ') // the first member follows the dash
		case first:
			out.WriteString("\n" + indent)
		default:
			out.WriteString(indent)
		}
		first = false
		out.WriteString(yamlString(fmt.Sprint(name)) + ":")
		if err := yamlValue(decoder, out, indent+"  ", false); err != nil {
			return err
		}
	}
	if first {
		out.WriteString(" {}\n")
	}
	_, err := decoder.Token()
	return err
}

func yamlString(text string) string {
	if plain().MatchString(text) && !reserved().MatchString(text) {
		return text
	}
	quoted, _ := marshal(text) // encoding a string cannot fail
	return string(safetext.JSON(quoted))
}

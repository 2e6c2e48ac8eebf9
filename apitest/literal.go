package apitest

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
)

// maxLiteral is the number of bytes of a body that are searched for an attack.
const maxLiteral = 64 << 10

// attackText matches texts that attack a service. It does not match what is common in benign requests, such as a quote
// in a sentence.
var attackText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)` + strings.Join([]string{
		`['"]\)*\s*(or|and)\s+\(*['"]?\w*['"]?\s*=`, `\b(or|and)\s+(\d+)\s*=\s*\d`, `\bunion\s+(all\s+)?select\b`,
		`['")\d]\s*;\s*(drop|select|insert|update|delete|exec|shutdown|waitfor)\b`, `\w'\s*(--|#|/\*)`, `'\s*;?\s*--`,
		`\b(sleep|pg_sleep|benchmark|extractvalue|updatexml|receive_message)\s*\(`, `\bwaitfor\s+delay\b`, // SQL
		`<\s*/?script\b`, `<[a-z][^>]*\son[a-z]+\s*=`, `\bjavascript:`, // pages
		`[{(=]\s*(print\()?'?\d+'?\s*\*\s*'?\d+`, `\$\{jndi:`, // templates
		`(\.\.+[/\\]+){2}`, `/etc/(passwd|shadow)\b`, `\bwin\.ini\b`, `\bfile:///`, `\b169\.254\.169\.254\b`, // files and addresses
		`"\$(ne|gt|gte|lt|lte|regex|where|nin|exists)"\s*:`, `<!entity\b`, // queries as objects, and XML
		`[;|]\s*(cat|curl|wget|ping|nslookup)\s`, `[;|]\s*whoami\b`, `\$\((id|whoami|cat|sleep|curl)\b`, // shells
	}, "|"))
})

// payloadTexts returns the texts of the built-in payload lists.
var payloadTexts = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for _, list := range builtinPayloads() {
		for _, text := range list {
			out[text] = true
		}
	}
	return out
})

// holdsAttack reports whether the request contains an attack. Headers with credentials are not searched.
func (o *outgoing) holdsAttack() bool {
	values := slices.Concat(strings.Split(o.url.Path, "/"), o.form)
	for name, list := range o.url.Query() {
		values = append(append(values, name), list...)
	}
	for name, list := range o.headers {
		if !isCredential(name) {
			values = append(values, list...)
		}
	}
	if len(o.form) == 0 {
		if body, ok := jsvalue.Decode(o.body[:min(len(o.body), maxLiteral)]); ok {
			jsvalue.Map(body, func(v any) any {
				if text, ok := v.(string); ok {
					values = append(values, text)
				}
				return v
			})
		}
		values = append(values, string(o.body[:min(len(o.body), maxLiteral)]))
	}
	return slices.ContainsFunc(append(values, o.url.Path), func(text string) bool {
		return payloadTexts()[text] || !isOrdinary(text) && attackText().MatchString(text)
	})
}

// isOrdinary reports whether a text lacks every character and word that an attack needs. It is much faster than the
// expression, and true for most texts.
func isOrdinary(text string) bool {
	text = strings.ToLower(text)
	return !strings.ContainsAny(text, "'\"<;|$({=*\\ \t\n\f\r") &&
		!slices.ContainsFunc([]string{"..", "etc/", "win.ini", "file:", "script:", "169.254."}, func(word string) bool { return strings.Contains(text, word) })
}

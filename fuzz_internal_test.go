package metlo

import (
	"errors"
	"html"
	"net/url"
	"strings"
	"testing"
)

func FuzzParseCredentials(f *testing.F) {
	for _, seed := range []string{
		"METLO_HOST=https://metlo.example.com\nMETLO_API_KEY=metlo.RnoVX30xavRcfio1Lo1R6KjThscJVXLbhTtwbavq\n",
		"METLO_HOST='https://metlo.example.com'\r\n# comment\r\nexport METLO_API_KEY=\"metlo.abc\"\r\n",
		"METLO_HOST=\nMETLO_HOST=x\n", "=\n", "METLO_API_KEY\n", "A=${A}\nB=$B\n", "A='", "\xff\xfe=1\n", "A=\"\\n\\", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values, err := parseCredentials(strings.NewReader(text))
		if err == nil {
			return
		}
		if values != nil || !errors.Is(err, ErrInvalidArgument) {
			t.Fatalf("values %v with error %v", values, err)
		}
		for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
			const ours = "METLO_HOST=… METLO_API_KEY=… ~/.metlo/credentials has a line that is not NAME=value"
			if text := err.Error(); len(line) > 12 && !strings.Contains(ours, line) && strings.Contains(text, line) {
				t.Fatalf("the error quotes the file: %v", err)
			}
		}
	})
}

// FuzzRedact has a secret stand anywhere in a text, in any spelling, and the text break off anywhere.
func FuzzRedact(f *testing.F) {
	f.Add("metlo.RnoVX30xavRcfio1Lo1R6KjThscJVXLbhTtwbavq", "Authorization: ", " and more", uint8(0), uint16(30))
	f.Add(`to"k/e+n=&<>secret`, "{\"message\":\"", "\"}", uint8(3), uint16(20))
	f.Add("aaaaaaaaaaaaaaaaaaaa", "aaaa", "aaaaaaaa", uint8(1), uint16(100))
	f.Add("短い鍵短い鍵短い鍵", "", "", uint8(2), uint16(9))
	f.Fuzz(func(t *testing.T, secret, before, after string, spelling uint8, cut uint16) {
		if len(secret) < shortestSecret {
			t.Skip("anything shorter is part of ordinary text")
		}
		forms := []string{secret, html.EscapeString(secret), url.QueryEscape(secret), url.PathEscape(secret)}
		form := forms[int(spelling)%len(forms)]
		text := before + form + after
		text = text[:min(len(text), int(cut))]
		r := newRedactor(secret)
		shown := r.text(text)
		rest := strings.ReplaceAll(shown, redacted, "\x00") // what is left between the marks
		for i := range len(form) - fragmentBytes + 1 {
			part := form[i : i+fragmentBytes]
			if strings.Contains(rest, part) && !strings.Contains(part, "\x00") {
				t.Fatalf("%q of %q is in %q", part, secret, shown)
			}
		}
		if head := r.head([]byte(text)); len(head) > maxErrorBody {
			t.Fatalf("%d bytes are kept", len(head))
		}
	})
}

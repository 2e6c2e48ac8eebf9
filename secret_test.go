package metlo

import (
	"html"
	"net/url"
	"strings"
	"testing"
)

func TestASecretThatWasWrittenReadsAsEmpty(t *testing.T) {
	for text, want := range map[string]string{"metlo.key": "metlo.key", "[redacted]": "", "": "", "[redacted].": "[redacted]."} {
		s := NewSecret("the one before")
		if err := s.UnmarshalText([]byte(text)); err != nil || s.Reveal() != want {
			t.Errorf("%q reads as %q, want %q: %v", text, s.Reveal(), want, err)
		}
	}
}

// FuzzRedact places a secret anywhere in a text, in any spelling, and cuts the text anywhere.
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
		rest := strings.ReplaceAll(shown, redacted, "\x00") // text between the marks
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

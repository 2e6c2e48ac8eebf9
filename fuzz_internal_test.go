package metlo

import (
	"errors"
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

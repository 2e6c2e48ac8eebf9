package metlo_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
)

func FuzzCredentialsFile(f *testing.F) {
	f.Add("METLO_HOST=https://metlo.example.com\nMETLO_API_KEY=" + someKey + "\n")
	f.Add("METLO_HOST=http://metlo.example.com\nMETLO_API_KEY=" + someKey + "\n")
	f.Add("METLO_HOST=metlo\nMETLO_API_KEY='" + someKey + "\n")
	f.Fuzz(func(t *testing.T, content string) {
		home := t.TempDir()
		t.Setenv("HOME", home)
		for _, name := range []string{"METLO_HOST", "METLO_API_KEY", "METLO_COLLECTOR_HOST", "METLO_INSECURE_HTTP"} {
			t.Setenv(name, "")
		}
		if err := os.MkdirAll(filepath.Join(home, ".metlo"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, ".metlo", "credentials"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		client, err := metlo.NewClientFromEnv()
		if (client == nil) == (err == nil) {
			t.Fatalf("client %v, error %v", client, err)
		}
		if err != nil && (!errors.Is(err, metlo.ErrInvalidArgument) || kit.Leak(err.Error(), someKey) != "") {
			t.Fatal(err)
		}
	})
}

package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const created = "2026-12-01T00:00:00Z"

// inputs returns options whose commands are texts.
func inputs(t *testing.T) options {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{"amd64": "for amd64", "arm64": "for arm64", "license": "text", "licenses": "texts"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return options{
		version: "1.2.0", revision: "0123", license: filepath.Join(folder, "license"), licenses: filepath.Join(folder, "licenses"),
		amd64: filepath.Join(folder, "amd64"), arm64: filepath.Join(folder, "arm64"),
	}
}

// unpack unpacks the tar file of an image, and reads it as an OCI layout.
func unpack(t *testing.T, file string) v1.ImageIndex {
	t.Helper()
	folder := t.TempDir()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, entry := range entries(t, bytes.NewReader(data)) {
		target := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, entry.data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

type entry struct {
	header *tar.Header
	data   []byte
}

func entries(t *testing.T, r io.Reader) map[string]entry {
	t.Helper()
	found := map[string]entry{}
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		found[header.Name] = entry{header, data}
	}
}

func TestImage(t *testing.T) {
	out := filepath.Join(t.TempDir(), "image.tar")
	if err := run(inputs(t), created, out, ""); err != nil {
		t.Fatal(err)
	}
	manifest, err := unpack(t, out).IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 2 {
		t.Fatalf("%d images, want 2", len(manifest.Manifests))
	}
	for i, arch := range []string{"amd64", "arm64"} {
		if got := manifest.Manifests[i].Platform.String(); got != "linux/"+arch {
			t.Errorf("%s, want linux/%s", got, arch)
		}
		image, err := unpack(t, out).Image(manifest.Manifests[i].Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.Architecture != arch || config.Config.User != "65532:65532" || strings.Join(config.Config.Entrypoint, " ") != "/usr/bin/metlo" ||
			config.Config.Labels["org.opencontainers.image.revision"] != "0123" || config.Created.Format(time.RFC3339) != created {
			t.Errorf("%+v", config)
		}
		layers, err := image.Layers()
		if err != nil || len(layers) != 1 {
			t.Fatal(layers, err)
		}
		contents, err := layers[0].Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		files := entries(t, contents)
		if got := files["usr/bin/metlo"]; string(got.data) != "for "+arch || got.header.Mode != 0o755 || got.header.Uid != 0 {
			t.Errorf("%s: %q, %+v", arch, got.data, got.header)
		}
		for name, want := range map[string]string{"LICENSE": "text", "THIRD_PARTY_LICENSES": "texts"} {
			if got := string(files["usr/share/doc/metlo/"+name].data); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(files["etc/ssl/certs/ca-certificates.crt"].data) {
			t.Error("no certificates")
		}
		for name, file := range files {
			if file.header.ModTime.UTC().Format(time.RFC3339) != created {
				t.Errorf("%s is of %s", name, file.header.ModTime)
			}
		}
	}
}

func TestCertificatesAreRoots(t *testing.T) {
	n := 0
	for rest := certificates(); len(rest) > 0; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			t.Fatal("no PEM")
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if !certificate.IsCA && certificate.Version == 3 {
			t.Errorf("%s is no authority", certificate.Subject)
		}
	}
	if n < 80 {
		t.Errorf("%d certificates, and Mozilla trusts more than 80", n)
	}
}

func TestTheSameInputGivesTheSameBytes(t *testing.T) {
	var files [2][]byte
	for i := range files {
		out := filepath.Join(t.TempDir(), "image.tar")
		if err := run(inputs(t), created, out, ""); err != nil {
			t.Fatal(err)
		}
		var err error
		if files[i], err = os.ReadFile(out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("they differ")
	}
}

func TestPush(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	reference := strings.TrimPrefix(server.URL, "http://") + "/metlo-go/metlo:1.2.0"
	out := filepath.Join(t.TempDir(), "image.tar")
	if err := run(inputs(t), created, out, reference); err != nil {
		t.Fatal(err)
	}
	parsed, err := name.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	pushed, err := remote.Index(parsed)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := pushed.IndexManifest()
	if err != nil || len(manifest.Manifests) != 2 {
		t.Errorf("%+v, %v", manifest, err)
	}
}

func TestFaults(t *testing.T) {
	tests := map[string]struct {
		change  func(*options)
		created string
		out     string
		says    string
	}{
		"no version":  {func(o *options) { o.version = "" }, created, "x", "-version is missing"},
		"no file":     {func(*options) {}, created, "", "-o is missing"},
		"no time":     {func(*options) {}, "today", "x", "-created: "},
		"no command":  {func(o *options) { o.arm64 = "none" }, created, "x", "linux/arm64: open none"},
		"no licence":  {func(o *options) { o.license = "none" }, created, "x", "open none"},
		"no licences": {func(o *options) { o.licenses = "none" }, created, "x", "open none"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o, out := inputs(t), tt.out
			tt.change(&o)
			if out != "" {
				out = filepath.Join(t.TempDir(), out)
			}
			if err := run(o, tt.created, out, ""); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %q", err, tt.says)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("a file was written")
			}
		})
	}
}

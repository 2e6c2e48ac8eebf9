// Command image writes a container image of the command for linux/amd64 and linux/arm64, without Docker: an OCI layout
// in a tar file, which docker load and podman load read. The image holds the command, root certificates, licences, a user
// without rights, and nothing else. The same input produces the same bytes.
//
//	go -C tools/image run . -version 0.1.0 -revision COMMIT -created 2026-12-01T00:00:00Z -license FILE \
//		-licenses FILE -amd64 FILE -arm64 FILE -o metlo_0.1.0_image.tar
//
// With -push registry.example.com/metlo:0.1.0 it pushes the image to a registry as well.
package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// user is an unused number on usual systems. Other images use it for a user without rights.
const user = "65532:65532"

func main() {
	log.SetFlags(0)
	var o options
	flag.StringVar(&o.version, "version", "", "version, such as 0.1.0")
	flag.StringVar(&o.revision, "revision", "", "commit")
	created := flag.String("created", "", "time of the commit")
	flag.StringVar(&o.license, "license", "", "`file` with the licence of the command")
	flag.StringVar(&o.licenses, "licenses", "", "`file` with the licences of linked modules")
	flag.StringVar(&o.amd64, "amd64", "", "`file` of the command for linux/amd64")
	flag.StringVar(&o.arm64, "arm64", "", "`file` of the command for linux/arm64")
	out := flag.String("o", "", "`file` to write")
	push := flag.String("push", "", "`reference` to push the image to")
	flag.Parse()
	if err := run(o, *created, *out, *push); err != nil {
		log.Fatal("image: ", err)
	}
}

type options struct {
	version, revision, license, licenses, amd64, arm64 string
	created                                            time.Time
}

func run(o options, created, out, push string) error {
	var err error
	if o.created, err = time.Parse(time.RFC3339, created); err != nil {
		return fmt.Errorf("-created: %w", err)
	}
	for flag, value := range map[string]string{"version": o.version, "revision": o.revision, "license": o.license, "licenses": o.licenses, "o": out} {
		if value == "" {
			return fmt.Errorf("-%s is missing", flag)
		}
	}
	index, err := newIndex(o)
	if err != nil {
		return err
	}
	if err := write(index, out, o.created); err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	fmt.Println(digest)
	if push == "" {
		return nil
	}
	reference, err := name.ParseReference(push)
	if err != nil {
		return fmt.Errorf("-push: %w", err)
	}
	return remote.WriteIndex(reference, index, remote.WithAuthFromKeychain(authn.DefaultKeychain))
}

// newIndex returns one image for each platform.
func newIndex(o options) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, platform := range []struct{ arch, file string }{{"amd64", o.amd64}, {"arm64", o.arm64}} {
		image, err := newImage(o, platform.arch, platform.file)
		if err != nil {
			return nil, fmt.Errorf("linux/%s: %w", platform.arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: platform.arch}},
		})
	}
	return index, nil
}

func newImage(o options, arch, file string) (v1.Image, error) {
	contents, err := layer(o, file)
	if err != nil {
		return nil, err
	}
	added, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(contents)), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS: "linux", Architecture: arch, Created: v1.Time{Time: o.created},
		RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{
			Entrypoint: []string{"/usr/bin/metlo"}, User: user, WorkingDir: "/",
			Env: []string{"PATH=/usr/bin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
			Labels: map[string]string{
				"org.opencontainers.image.title":    "metlo",
				"org.opencontainers.image.source":   "https://github.com/metlo-go/metlo",
				"org.opencontainers.image.version":  o.version,
				"org.opencontainers.image.revision": o.revision,
				"org.opencontainers.image.licenses": "MIT",
			},
		},
	})
	if err != nil {
		return nil, err
	}
	return mutate.Append(image, mutate.Addendum{
		Layer:   added,
		History: v1.History{Created: v1.Time{Time: o.created}, CreatedBy: "tools/image"},
	})
}

// layer returns the tar of the whole file system.
func layer(o options, command string) ([]byte, error) {
	program, err := os.ReadFile(command)
	if err != nil {
		return nil, err
	}
	license, err := os.ReadFile(o.license)
	if err != nil {
		return nil, err
	}
	licenses, err := os.ReadFile(o.licenses)
	if err != nil {
		return nil, err
	}
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	for _, entry := range []struct {
		name string
		mode int64
		data []byte
	}{
		{"etc/", 0o755, nil},
		{"etc/group", 0o644, []byte("root:x:0:\nmetlo:x:65532:\n")},
		{"etc/passwd", 0o644, []byte("root:x:0:0:root:/:/sbin/nologin\nmetlo:x:65532:65532:metlo:/:/sbin/nologin\n")},
		{"etc/ssl/", 0o755, nil},
		{"etc/ssl/certs/", 0o755, nil},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, certificates()},
		{"tmp/", 0o1777, nil},
		{"usr/", 0o755, nil},
		{"usr/bin/", 0o755, nil},
		{"usr/bin/metlo", 0o755, program},
		{"usr/share/", 0o755, nil},
		{"usr/share/doc/", 0o755, nil},
		{"usr/share/doc/metlo/", 0o755, nil},
		{"usr/share/doc/metlo/LICENSE", 0o644, license},
		{"usr/share/doc/metlo/THIRD_PARTY_LICENSES", 0o644, licenses},
	} {
		header := &tar.Header{Name: entry.name, Mode: entry.mode, Size: int64(len(entry.data)), ModTime: o.created, Typeflag: tar.TypeReg}
		if entry.data == nil {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(entry.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

// certificates returns Mozilla's root certificates in PEM. It omits those that Mozilla trusts only under a condition,
// because PEM cannot express the condition. They come from a module, and thus from go.sum, not from the machine that
// builds.
func certificates() []byte {
	var buffer bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&buffer, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // writing to a buffer cannot fail
		}
	}
	return buffer.Bytes()
}

// write writes the OCI layout of an index as a tar file, its files sorted by name.
func write(index v1.ImageIndex, file string, created time.Time) (err error) {
	folder, err := os.MkdirTemp("", "image")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if _, err := layout.Write(folder, index); err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := tar.NewWriter(out)
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		header := &tar.Header{Name: filepath.ToSlash(name), Mode: 0o644, Size: int64(len(data)), ModTime: created, Typeflag: tar.TypeReg}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
	return errors.Join(err, w.Close())
}

// Package account stores the Metlo instances of a user: one in ~/.metlo/credentials, as Metlo's older command wrote it,
// and others by name in ~/.metlo/contexts, in the same format.
package account

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/atomicfile"
	"github.com/metlo-go/metlo/credentials"
)

// SameServer reports whether two addresses belong to one instance. It ignores the optional parts: the default port, the
// trailing dot and /api/v1.
func SameServer(a, b string) bool {
	x, y := normal(a), normal(b)
	return x != "" && x == y
}

func normal(address string) string {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Host == "" {
		return ""
	}
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	if port == map[string]string{"http": "80", "https": "443"}[scheme] {
		port = ""
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	return scheme + "://" + net.JoinHostPort(host, port) + strings.TrimRight(strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/api/v1"), "/")
}

// Default is the name of the instance in ~/.metlo/credentials.
const Default = "default"

// The names of the values in the files and in the environment.
const (
	nameHost      = "METLO_HOST"
	nameKey       = "METLO_API_KEY"
	nameCollector = "METLO_COLLECTOR_HOST"
	nameInsecure  = "METLO_INSECURE_HTTP"
)

// Account holds the address and the key of an instance.
type Account struct {
	Host      string
	Collector string // Collector is the address of the collector; empty if it is unknown.
	Key       metlo.Secret
	Insecure  bool // Insecure reports whether the key may be sent over plain HTTP.
}

// Store represents the folder ~/.metlo.
type Store struct{ dir string }

// Open returns the store of the user, which need not exist.
func Open() (*Store, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, fmt.Errorf("there is no home folder for ~/.metlo: set HOME, or METLO_HOST and METLO_API_KEY")
	}
	return &Store{filepath.Join(home, ".metlo")}, nil
}

var validName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`) })

// Path returns the name of the file that stores an account.
func (s *Store) Path(name string) (string, error) {
	if name == Default {
		return filepath.Join(s.dir, "credentials"), nil
	}
	if !validName().MatchString(name) {
		return "", fmt.Errorf("%q is not a name for a context: use letters, digits, dots, dashes and underscores", name)
	}
	return filepath.Join(s.dir, "contexts", name), nil
}

// Read returns an account, or an error that matches fs.ErrNotExist.
func (s *Store) Read(name string) (*Account, error) {
	path, err := s.Path(name)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	saved, err := credentials.Read(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: correct it, or replace it with metlo auth login", path, err)
	}
	return &Account{saved[nameHost], saved[nameCollector], metlo.NewSecret(saved[nameKey]), truth(saved[nameInsecure])}, nil
}

func truth(text string) bool {
	value, err := strconv.ParseBool(text)
	return err == nil && value
}

// Write stores an account in a file that only the user can read.
func (s *Store) Write(name string, account *Account) error {
	path, err := s.Path(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(path, 0o600, func(w io.Writer) error {
		_, err := w.Write(encode(account))
		return err
	})
}

// encode writes the two names of Metlo's older command first. It quotes a value that would otherwise parse as another
// value.
func encode(account *Account) []byte {
	insecure := ""
	if account.Insecure {
		insecure = "true"
	}
	var out bytes.Buffer
	for _, v := range [][2]string{
		{nameHost, account.Host}, {nameKey, account.Key.Reveal()}, {nameCollector, account.Collector}, {nameInsecure, insecure},
	} {
		if strings.ContainsAny(v[1], " #$\"\\`=") {
			v[1] = "'" + v[1] + "'"
		}
		if v[1] != "" || v[0] == nameHost || v[0] == nameKey {
			fmt.Fprintf(&out, "%s=%s\n", v[0], v[1])
		}
	}
	return out.Bytes()
}

// Delete deletes an account.
func (s *Store) Delete(name string) error {
	path, err := s.Path(name)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	if current, _ := s.Current(); current == name {
		return s.Use(Default)
	}
	return nil
}

// Names returns the names of the stored accounts, the default one first.
func (s *Store) Names() ([]string, error) {
	var names []string
	entries, err := os.ReadDir(filepath.Join(s.dir, "contexts"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(s.dir, "credentials")); err == nil {
		names = append(names, Default)
	}
	for _, entry := range entries {
		if entry.Type().IsRegular() && validName().MatchString(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// Current returns the name of the account in use.
func (s *Store) Current() (string, error) {
	data, err := os.ReadFile(filepath.Join(s.dir, "context"))
	if errors.Is(err, fs.ErrNotExist) {
		return Default, nil
	}
	name := strings.TrimSpace(string(data))
	if err == nil && name != Default && !validName().MatchString(name) {
		return "", errors.New("~/.metlo/context names no context: choose one with metlo context use")
	}
	return name, err
}

// Use sets the account in use.
func (s *Store) Use(name string) error {
	if name != Default {
		if _, err := s.Read(name); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(s.dir, "context"), 0o600, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, name)
		return err
	})
}

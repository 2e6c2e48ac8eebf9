package metlo

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/metlo-go/metlo/internal/credentials"
)

// ErrNoHost says that neither the environment nor the credentials file names an instance. It comes together with
// [ErrInvalidArgument].
var ErrNoHost = errors.New("no Metlo host")

// Credentials is what the file says in which the Metlo CLI keeps an instance's address and key. What it does not say is
// empty.
type Credentials struct {
	Host          string // METLO_HOST
	APIKey        Secret // METLO_API_KEY
	CollectorHost string // METLO_COLLECTOR_HOST
	InsecureHTTP  string // METLO_INSECURE_HTTP, in a form that strconv.ParseBool takes
}

// CredentialsPath returns the path of the credentials file, ~/.metlo/credentials, whether it exists or not. Without a
// home folder it returns an error.
func CredentialsPath() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", invalid("the home folder is not known, so neither is ~/.metlo/credentials: set HOME (%w)", err)
	}
	return filepath.Join(home, ".metlo", "credentials"), nil
}

// ReadCredentials reads the file at [CredentialsPath] as the Metlo CLI reads it. Without the file, or a home folder,
// all is empty. A file that cannot be read is [ErrInvalidArgument]; the error names the line of the fault, and none of
// its text.
func ReadCredentials() (*Credentials, error) {
	path, err := CredentialsPath()
	if err != nil {
		return &Credentials{}, nil
	}
	file, err := credentials.Read(path)
	if err != nil {
		return nil, invalid("~/.metlo/credentials %w", err)
	}
	return newCredentials(file), nil
}

// ParseCredentials reads the text of such a file, in UTF-8 or UTF-16. Its errors are those of [ReadCredentials].
func ParseCredentials(r io.Reader) (*Credentials, error) {
	data, err := io.ReadAll(io.LimitReader(r, credentials.MaxBytes+1))
	if err != nil {
		return nil, invalid("the credentials cannot be read: %w", err)
	}
	file, err := credentials.Parse(data)
	if err != nil {
		return nil, invalid("the credentials: %w", err)
	}
	return newCredentials(file), nil
}

func newCredentials(file credentials.File) *Credentials {
	return &Credentials{
		Host:          file["METLO_HOST"],
		APIKey:        NewSecret(file["METLO_API_KEY"]),
		CollectorHost: file["METLO_COLLECTOR_HOST"],
		InsecureHTTP:  file["METLO_INSECURE_HTTP"],
	}
}

// sameServer reports whether two base URLs are of one server.
func sameServer(a, b string) bool {
	ua, errA := parseBaseURL(a)
	ub, errB := parseBaseURL(b)
	return errA == nil && errB == nil && credentials.SameServer(ua, ub)
}

// shownHost is the part of a base URL that holds no secret.
func shownHost(base string) string {
	u, err := parseBaseURL(base)
	if err != nil {
		return "not a base URL"
	}
	return u.Scheme + "://" + u.Host
}

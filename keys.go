package metlo

import (
	"context"
	"net/http"
	"time"
)

// KeysService creates and deletes API keys.
type KeysService struct{ client *Client }

// Key is an API key without its value, which the server does not store.
type Key struct {
	Name       string     `json:"name"`
	Identifier string     `json:"identifier"` // beginning of the value
	Created    time.Time  `json:"created"`
	For        APIKeyType `json:"for"`
}

func (k *Key) accept() error { return hasID(k.Name) }

// CreatedKey is a new API key with its value.
type CreatedKey struct {
	Key

	APIKey Secret `json:"apiKey"` // value of the key; the server never returns it again
}

func (k *CreatedKey) check() error {
	if k.APIKey.Reveal() == "" {
		return errShape
	}
	return nil
}

// List returns all keys without their values, in undefined order.
//
// GET /keys/list
func (s *KeysService) List(ctx context.Context) ([]Key, error) {
	return fetchAll(ctx, s.client, newRequest("Keys.List", http.MethodGet, "/keys/list"), (*Key).accept)
}

// Onboarding returns the keys that were created for onboarding, newest first.
//
// GET /keys/onboarding
func (s *KeysService) Onboarding(ctx context.Context) ([]Key, error) {
	return fetchAll(ctx, s.client, newRequest("Keys.Onboarding", http.MethodGet, "/keys/onboarding"), (*Key).accept)
}

// Create creates a key and returns it with its value, which cannot be read again. An empty keyFor means [KeyGeneric].
// The error is [ErrNameTaken] for a name that exists, and [ErrBadRequest] if the instance already has 100 keys. If the
// response is lost, the value is lost too: delete the key by its name.
//
// POST /keys/create
func (s *KeysService) Create(ctx context.Context, name string, keyFor APIKeyType) (*CreatedKey, error) {
	r := newRequest("Keys.Create", http.MethodPost, "/keys/create")
	r.private = true
	switch {
	case name == "" || name == "." || name == "..":
		r.fail("%q is not a key name: use one such as ci-pipeline", name)
	case keyFor != "" && !keyFor.Known():
		r.fail("%q is not a key type: use KeyGeneric, KeyOnboarding, KeyGCP or KeyAWS", string(keyFor))
	}
	return fetch(ctx, s.client, r.encode(struct {
		Name   string     `json:"name"`
		KeyFor APIKeyType `json:"keyFor,omitzero"`
	}{name, keyFor}), (*CreatedKey).check)
}

// Delete deletes a key by its name. The collector may accept the key for 5 more seconds. If the key does not exist, the
// error is [ErrNotFound].
//
// DELETE /keys/:name/delete
func (s *KeysService) Delete(ctx context.Context, name string) error {
	return exec(ctx, s.client, newRequest("Keys.Delete", http.MethodDelete, "/keys/{name}/delete", name))
}

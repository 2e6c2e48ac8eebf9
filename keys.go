package metlo

import (
	"context"
	"net/http"
	"time"
)

// KeysService makes and deletes API keys.
type KeysService struct{ client *Client }

// Key is an API key without its value, which the server does not keep.
type Key struct {
	Name       string     `json:"name"`
	Identifier string     `json:"identifier"` // how the value begins
	Created    time.Time  `json:"created"`
	For        APIKeyType `json:"for"`
}

func (k *Key) accept() error { return hasID(k.Name) }

// CreatedKey is a new API key with its value.
type CreatedKey struct {
	Key

	APIKey Secret `json:"apiKey"` // shown this once; store it
}

func (k *CreatedKey) check() error {
	if k.APIKey.Reveal() == "" {
		return errShape
	}
	return nil
}

// List returns all keys without their values, in no order.
//
// GET /keys/list
func (s *KeysService) List(ctx context.Context) ([]Key, error) {
	return fetchAll(ctx, s.client, newRequest("Keys.List", http.MethodGet, "/keys/list"), (*Key).accept)
}

// Onboarding returns the keys that were made for onboarding, newest first.
//
// GET /keys/onboarding
func (s *KeysService) Onboarding(ctx context.Context) ([]Key, error) {
	return fetchAll(ctx, s.client, newRequest("Keys.Onboarding", http.MethodGet, "/keys/onboarding"), (*Key).accept)
}

// Create makes a key and returns it with its value, which cannot be read again. An empty keyFor stands for
// [KeyGeneric]. A name that is taken is [ErrNameTaken]; the instance holds at most 100 keys, and one more is
// [ErrBadRequest]. If the answer gets lost, so does the value: delete the key by its name.
//
// POST /keys/create
func (s *KeysService) Create(ctx context.Context, name string, keyFor APIKeyType) (*CreatedKey, error) {
	r := newRequest("Keys.Create", http.MethodPost, "/keys/create")
	r.private = true
	switch {
	case name == "" || name == "." || name == "..":
		r.fail("%q is no key name: name what the key is for", name)
	case keyFor != "" && !keyFor.Known():
		r.fail("%q is no key type: use KeyGeneric, KeyOnboarding, KeyGCP or KeyAWS", string(keyFor))
	}
	return fetch(ctx, s.client, r.encode(struct {
		Name   string     `json:"name"`
		KeyFor APIKeyType `json:"keyFor,omitzero"`
	}{name, keyFor}), (*CreatedKey).check)
}

// Delete deletes a key by its name. The collector may accept it for 5 s more. Without such a key it returns
// [ErrNotFound].
//
// DELETE /keys/:name/delete
func (s *KeysService) Delete(ctx context.Context, name string) error {
	return exec(ctx, s.client, newRequest("Keys.Delete", http.MethodDelete, "/keys/{name}/delete", name))
}

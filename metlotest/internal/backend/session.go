package backend

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// setSession fills the session of a call on a host with an authentication config, unless the caller did.
func (st *Store) setSession(o *observation) {
	if given, _ := o.session.(*js.Object); o.v2 && given.Len() > 0 {
		return
	}
	for _, v := range st.config("").List("authentication") {
		auth, _ := v.(*js.Object)
		if auth.Text("host") != o.host {
			continue
		}
		session := js.New("authenticationProvided", false, "authType", auth.Get("authType"),
			"authenticationSuccessful", o.status != 401 && o.status != 403)
		for _, h := range o.requestHeaders {
			pair, _ := h.(*js.Object)
			readCredentials(session, auth, pair.Text("name"), js.String(pair.Get("value")))
		}
		o.session = session
	}
}

func readCredentials(session, auth *js.Object, name, value string) {
	header := auth.Text("headerKey")
	kind := auth.Text("authType")
	switch kind {
	case "basic":
		header = "authorization"
	case "session_cookie":
		header = auth.Text("cookieName")
	}
	if header == "" || !strings.EqualFold(name, header) {
		return
	}
	if kind == "basic" {
		_, encoded, isBasic := strings.Cut(value, "Basic")
		if !isBasic {
			return
		}
		decoded, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
		user, _, _ := strings.Cut(string(decoded), ":")
		session.Set("user", user)
		value = strings.TrimSpace(encoded)
	}
	session.Set("authenticationProvided", true)
	if user := jwtUser(auth, value); user != "" && kind == "jwt" {
		session.Set("user", user)
	}
	// The real server encrypts the value with its key.
	sum := sha256.Sum256([]byte(value))
	session.Set("uniqueSessionKey", base64.StdEncoding.EncodeToString(sum[:]))
}

// jwtUser returns the user's name in a token.
func jwtUser(auth *js.Object, value string) string {
	parts := strings.Split(value, ".")
	if auth.Text("jwtUserPath") == "" || len(parts) < 2 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return ""
	}
	v, err := js.Decode(payload)
	if err != nil {
		return ""
	}
	for key := range strings.SplitSeq(auth.Text("jwtUserPath"), ".") {
		o, _ := v.(*js.Object)
		v = o.Get(key)
	}
	user, _ := v.(string)
	return user
}

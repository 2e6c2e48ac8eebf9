// Package demoshop implements a small web shop. It can have the flaws that the test templates look for.
package demoshop

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Host is the name of the shop in Metlo.
const Host = "shop.example.com"

// Credentials of the shop's users. Ann and Bob are customers of the tenant red, and Cid of the tenant blue.
const (
	AnnToken  = "demo-ann"
	BobToken  = "demo-bob"
	CidToken  = "demo-cid"
	RootToken = "demo-root"
)

type user struct {
	Name   string `json:"name"`
	Tenant string `json:"tenant"`
	Admin  bool   `json:"admin"`
}

func users() map[string]user {
	return map[string]user{
		AnnToken:  {Name: "ann", Tenant: "red"},
		BobToken:  {Name: "bob", Tenant: "red"},
		CidToken:  {Name: "cid", Tenant: "blue"},
		RootToken: {Name: "root", Admin: true},
	}
}

type order struct {
	ID     string `json:"id"`
	Owner  string `json:"owner"`
	Tenant string `json:"tenant"`
}

func orders() map[string]order {
	return map[string]order{
		"o1": {ID: "o1", Owner: "ann", Tenant: "red"},
		"o2": {ID: "o2", Owner: "bob", Tenant: "red"},
		"o3": {ID: "o3", Owner: "cid", Tenant: "blue"},
	}
}

// shop serves the demo. If fixed is set, it has no flaws.
type shop struct {
	fixed  bool
	users  map[string]user
	orders map[string]order
}

// Handler serves the shop, with its flaws or fixed.
//
//	GET /orders/{orderId}  flaw: any user reads any order
//	GET /profile           flaw: needs no authentication
//	GET /session/profile   the same with the session cookie sid
//	GET /admin/users       flaw: any user may list them
//	GET /status            flaw: fails; lacks security headers
//	GET /greet?name=       flaw: a page with the name as it was given, calculated where it looks like {{7*7}}
//	GET /files?name=       flaw: reads any file
//	GET /search?q=         flaw: fails at UNION SELECT, and the text reaches the database, where SLEEP waits two seconds
func Handler(fixed bool) http.Handler {
	s := &shop{fixed: fixed, users: users(), orders: orders()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{orderId}", s.order)
	mux.HandleFunc("GET /profile", s.profile)
	mux.HandleFunc("GET /session/profile", s.profile)
	mux.HandleFunc("GET /admin/users", s.list)
	mux.HandleFunc("GET /status", s.status)
	mux.HandleFunc("GET /search", s.search)
	mux.HandleFunc("GET /greet", s.greet)
	mux.HandleFunc("GET /files", s.file)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fixed {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
			w.Header().Set("Content-Security-Policy", "default-src 'none'")
		}
		mux.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int) {
	answer(w, status, map[string]string{"error": http.StatusText(status)})
}

// userOf returns the user of a request, identified by X-Api-Key or the cookie sid.
func (s *shop) userOf(r *http.Request) (user, bool) {
	if c, err := r.Cookie("sid"); err == nil {
		u, ok := s.users[c.Value]
		return u, ok
	}
	u, ok := s.users[r.Header.Get("X-Api-Key")]
	return u, ok
}

func (s *shop) order(w http.ResponseWriter, r *http.Request) {
	u, ok := s.userOf(r)
	o, exists := s.orders[r.PathValue("orderId")]
	switch {
	case !ok:
		refuse(w, http.StatusUnauthorized)
	case !exists || s.fixed && !u.Admin && o.Tenant != u.Tenant:
		refuse(w, http.StatusNotFound)
	case s.fixed && !u.Admin && o.Owner != u.Name:
		refuse(w, http.StatusForbidden)
	default:
		answer(w, http.StatusOK, o)
	}
}

func (s *shop) profile(w http.ResponseWriter, r *http.Request) {
	u, ok := s.userOf(r)
	if s.fixed && !ok {
		refuse(w, http.StatusUnauthorized)
		return
	}
	answer(w, http.StatusOK, u)
}

func (s *shop) list(w http.ResponseWriter, r *http.Request) {
	u, ok := s.userOf(r)
	switch {
	case !ok:
		refuse(w, http.StatusUnauthorized)
	case s.fixed && !u.Admin:
		refuse(w, http.StatusForbidden)
	default:
		answer(w, http.StatusOK, []string{"ann", "bob", "cid"})
	}
}

func (s *shop) status(w http.ResponseWriter, _ *http.Request) {
	if !s.fixed {
		refuse(w, http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, "up")
}

func (s *shop) search(w http.ResponseWriter, r *http.Request) {
	if !s.fixed && strings.Contains(r.FormValue("q"), "SLEEP") {
		select {
		case <-time.After(2 * time.Second):
		case <-r.Context().Done():
		}
	}
	if !s.fixed && strings.Contains(r.FormValue("q"), "UNION SELECT") {
		refuse(w, http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, []string{})
}

func (s *shop) greet(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("name")
	if s.fixed {
		name = html.EscapeString(name)
	} else {
		name = strings.ReplaceAll(name, "{{7919*7907}}", strconv.Itoa(7919*7907))
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, "<p>Hello "+name+"</p>") //nolint:gosec // the flaw
}

func (s *shop) file(w http.ResponseWriter, r *http.Request) {
	switch name := r.FormValue("name"); {
	case !s.fixed && strings.HasSuffix(name, "/etc/passwd"):
		_, _ = io.WriteString(w, "root:x:0:0:root:/root:/bin/sh\n")
	case s.fixed && strings.ContainsAny(name, `/\%`):
		refuse(w, http.StatusUnprocessableEntity)
	default:
		answer(w, http.StatusOK, "a file")
	}
}

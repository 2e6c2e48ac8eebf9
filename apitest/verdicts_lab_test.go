package apitest

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"
	"sync"
)

// lab is a small service with one flaw for each hand-written test, or without flaws.
type lab struct {
	flawed bool
	mu     sync.Mutex
	tokens map[string]string // token to user
	role   string
}

func newLab(flawed bool) http.Handler {
	l := &lab{flawed: flawed, tokens: map[string]string{"tok-ann": "ann", "tok-bob": "bob"}, role: "user"}
	mux := http.NewServeMux()
	user := func(w http.ResponseWriter, r *http.Request) string {
		l.mu.Lock()
		defer l.mu.Unlock()
		name := l.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		if c, err := r.Cookie("sid"); err == nil && name == "" {
			name = l.tokens[c.Value]
		}
		if name == "" {
			reply(w, 401, map[string]any{"error": "who are you?"})
		}
		return name
	}
	owned := func(w http.ResponseWriter, r *http.Request) {
		name := user(w, r)
		owner := map[string]string{"o1": "ann", "o2": "bob"}[r.PathValue("id")]
		switch {
		case name == "":
		case owner == "" || owner != name && !flawed:
			reply(w, 404, map[string]any{"error": "no such order"})
		default:
			reply(w, 200, map[string]any{"id": r.PathValue("id"), "owner": owner})
		}
	}
	mux.HandleFunc("GET /orders/{id}", owned)
	mux.HandleFunc("DELETE /orders/{id}", owned)
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		l.tokens["fresh"] = "ann"
		l.mu.Unlock()
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "fresh", Path: "/", HttpOnly: !flawed})
		reply(w, 200, map[string]any{"token": "fresh"})
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if user(w, r) == "" {
			return
		}
		if l.mu.Lock(); !flawed {
			delete(l.tokens, "fresh")
		}
		l.mu.Unlock()
		reply(w, 200, map[string]any{})
	})
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, r *http.Request) {
		name := "guest"
		if r.Header.Get("Authorization") != "" || !flawed {
			if name = user(w, r); name == "" {
				return
			}
		}
		profile := map[string]any{"name": name, "role": l.role}
		if flawed {
			profile["password"] = "hash"
			w.Header().Set("Server", "lab/1.0")
			w.Header().Set("Access-Control-Allow-Origin", "*")
		} else {
			w.Header().Set("X-Content-Type-Options", "nosniff")
		}
		reply(w, 200, profile)
	})
	mux.HandleFunc("PATCH /me", func(w http.ResponseWriter, r *http.Request) {
		if user(w, r) == "" {
			return
		}
		var body struct{ Role string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		if flawed && body.Role != "" {
			l.role = body.Role
		}
		reply(w, 200, map[string]any{})
	})
	mux.HandleFunc("GET /admin", func(w http.ResponseWriter, r *http.Request) {
		if user(w, r) != "" {
			reply(w, map[bool]int{true: 200, false: 403}[flawed], map[string]any{})
		}
	})
	mux.HandleFunc("POST /transfer", func(w http.ResponseWriter, r *http.Request) {
		name := user(w, r)
		if name == "" {
			return
		}
		var body struct{ From string }
		if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
			body.From = r.FormValue("from")
		} else {
			_ = json.NewDecoder(r.Body).Decode(&body)
		}
		if body.From != name && !flawed {
			reply(w, 403, map[string]any{"error": "not yours"})
			return
		}
		reply(w, 200, map[string]any{})
	})
	mux.HandleFunc("GET /greet", func(w http.ResponseWriter, r *http.Request) {
		if user(w, r) == "" {
			return
		}
		name := r.FormValue("name")
		if !flawed {
			name = html.EscapeString(name)
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<p>Hello "+name+"</p>")
	})
	mux.HandleFunc("GET /search", func(w http.ResponseWriter, r *http.Request) {
		if user(w, r) == "" {
			return
		}
		if flawed && strings.Contains(r.FormValue("q"), "'") {
			reply(w, 500, map[string]any{"error": "syntax error", "stack": "at query (db.js:1:1)"})
			return
		}
		reply(w, 200, map[string]any{"items": []int{}})
	})
	mux.HandleFunc("POST /graphql", func(w http.ResponseWriter, r *http.Request) {
		if user(w, r) == "" {
			return
		}
		if flawed {
			reply(w, 200, map[string]any{"data": map[string]any{"__schema": map[string]any{}}})
			return
		}
		reply(w, 400, map[string]any{"errors": []any{map[string]any{"message": "introspection is off"}}})
	})
	mux.HandleFunc("GET /form", func(w http.ResponseWriter, r *http.Request) {
		if user(w, r) != "" {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, `<form><b id="csrf">c5rf-value</b></form>`)
		}
	})
	mux.HandleFunc("POST /form", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case user(w, r) == "":
		case r.FormValue("csrf") != "c5rf-value" && !flawed:
			reply(w, 403, map[string]any{"error": "csrf"})
		default:
			reply(w, 200, map[string]any{})
		}
	})
	mux.HandleFunc("GET /go", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case user(w, r) == "":
		case flawed:
			http.Redirect(w, r, r.FormValue("to"), http.StatusFound)
		default:
			reply(w, 400, map[string]any{"error": "not one of our pages"})
		}
	})
	return mux
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// handWritten returns tests as people write them, one for each flaw of the lab.
func handWritten() map[string]string {
	ann := "headers: [{name: Authorization, value: 'Bearer {{ANN}}'}]"
	step := func(method, path, more, rest string) string {
		return fmt.Sprintf("  - request:\n      method: %s\n      url: '{{BASE_URL}}%s'\n      %s\n%s\n", method, strings.ReplaceAll(path, "'", "''"), more, rest)
	}
	asAnn := func(method, path, rest string) string { return step(method, path, ann, rest) }
	ok := "    assert: [{key: resp.status, value: 200}]"
	login := step("POST", "/login", "data: '{\"password\": {{json PASSWORD}}}'",
		"    extract: [{name: TOKEN, value: resp.data.token}]\n    assert: [resp.status == 200]")
	withToken := "headers: [{name: Authorization, value: 'Bearer {{TOKEN}}'}]"
	return map[string]string{
		"another user's order":        asAnn("GET", "/orders/o1", ok) + asAnn("GET", "/orders/o2", "    assert: [{key: resp.status, value: [403, 404]}]"),
		"delete another user's order": asAnn("DELETE", "/orders/o1", ok) + asAnn("DELETE", "/orders/o2", "    assert: ['[403, 404].includes(resp.status)']"),
		"nobody's profile": asAnn("GET", "/me", ok) +
			step("GET", "/me", "query: []", "    assert: [{key: resp.status, value: 401}]"),
		"admin page":                  asAnn("GET", "/me", "    assert: [resp.data.name === 'ann']") + asAnn("GET", "/admin", "    assert: ['[401, 403].includes(resp.status)']"),
		"admin page, refused":         asAnn("GET", "/admin", "    assert: [{key: status, value: [401, 403]}]"),
		"password in the profile":     asAnn("GET", "/me", "    assert: [resp.data.password === undefined]"),
		"server names itself":         asAnn("GET", "/me", "    assert: ['!resp.headers.server']"),
		"open to every origin":        asAnn("GET", "/me", `    assert: ["resp.headers['access-control-allow-origin'] !== '*'"]`),
		"content type sniffing":       asAnn("GET", "/me", "    assert: [{type: REGEXP, key: \"resp.headers['x-content-type-options']\", value: ^nosniff$}]"),
		"mass assignment":             step("PATCH", "/me", ann+"\n      data: '{\"role\": \"admin\"}'", ok) + asAnn("GET", "/me", "    assert: [{key: resp.data.role, value: user}]"),
		"another's account":           step("POST", "/transfer", ann+"\n      data: '{\"from\": \"ann\"}'", ok) + step("POST", "/transfer", ann+"\n      data: '{\"from\": \"bob\"}'", "    assert: [resp.status == 403]"),
		"another's account in a form": step("POST", "/transfer", ann+"\n      form: [{name: from, value: bob}]", "    assert: [{key: resp.status, value: 403}, {key: resp.data.error, value: not yours}]"),
		"script in a page":            asAnn("GET", "/greet?name={{XSS}}", "    payload: [{key: XSS, value: XSS}]\n    assert: [\"!resp.data.includes(XSS)\"]"),
		"database error":              asAnn("GET", "/search?q={{SQLI}}", "    payload: [{key: SQLI, value: SQLI}]\n    assert: [resp.status < 500]"),
		"database error, as written":  asAnn("GET", "/search?q=' OR 1=1 --", "    assert: [resp.status < 500]"),
		"stack trace":                 step("GET", "/search", ann+"\n      query: [{name: q, value: \"'\"}]", "    assert: [\"!('stack' in resp.data)\"]"),
		"introspection":               step("POST", "/graphql", ann+"\n      graphql: '{ __schema { types { name } } }'", "    assert: [resp.status == 400]"),
		"session survives its end":    login + step("POST", "/logout", withToken, ok) + step("GET", "/me", withToken, "    assert: [{key: resp.status, value: 401}]"),
		"cookie without HttpOnly":     step("POST", "/login", "data: '{{PASSWORD}}'", "    assert: [{type: REGEXP, key: \"resp.headers['set-cookie'][0]\", value: HttpOnly}]"),
		"form without its token":      asAnn("GET", "/form", "    extract: [{name: CSRF, type: HTML, value: '#csrf'}]\n    assert: [CSRF.length > 3]") + step("POST", "/form", ann+"\n      form: [{name: csrf, value: 'x{{CSRF}}'}]", "    assert: [{key: resp.status, value: 403}]"),
		"redirect to any page":        step("GET", "/go?to=https://evil.test/", ann+"\n      followRedirects: false", "    assert: [resp.status == 400]"),
	}
}

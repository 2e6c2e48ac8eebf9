package capture

import (
	"net/http"
	"strings"

	"github.com/metlo-go/metlo/internal/analysis"
)

// Routes returns a handler that serves with mux and reports the pattern of each request to the recorders in front of it. Use it
// if something between recorder and mux copies the request: middleware, [http.StripPrefix], [http.TimeoutHandler]. Otherwise
// the recorder does not see the pattern, and sends a placeholder for each unknown element of the path.
func Routes(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		defer func() {
			if r.Pattern != "" {
				setRoute(r, r.Pattern, path)
			}
		}()
		mux.ServeHTTP(w, r)
	})
}

// SetRoute reports the route template of a request, in the notation of any router, to the recorders in front. Adapters for web
// frameworks call it when [Recorder.Begin] returns nil, because the request may be recorded already.
func SetRoute(r *http.Request, route string) { setRoute(r, route, r.URL.Path) }

// innermost is the context key of the innermost recorder's marker.
type innermost struct{}

func setRoute(r *http.Request, route, path string) {
	m, _ := r.Context().Value(innermost{}).(*marker)
	for m != nil {
		m.exchange.addRoute(route, path)
		m, _ = m.Context.Value(innermost{}).(*marker)
	}
}

// addRoute stores the template of a request, or completes the stored one. path is the path that was routed. A prefix of the
// original path that path lacks belongs to an outer router, which reports its template later.
func (x *Exchange) addRoute(route, path string) {
	if route == "" {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.ended:
	case x.route == "":
		prefix, stripped := strings.CutSuffix(x.original.URL.Path, path)
		if stripped && strings.Trim(prefix, "/") != "" {
			if at := strings.IndexByte(route, '/'); at >= 0 {
				route = strings.Repeat("/"+analysis.Undecided, len(analysis.Elements(prefix))) + route[at:]
			}
		}
		x.route = route
	case strings.Contains(x.route, analysis.Undecided):
		parts := strings.Split(x.route, "/")
		for i, element := range analysis.Template(route) {
			if i+1 < len(parts) && parts[i+1] == analysis.Undecided {
				parts[i+1] = element
			}
		}
		x.route = strings.Join(parts, "/")
	}
}

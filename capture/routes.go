package capture

import (
	"net/http"
	"strings"

	"github.com/metlo-go/metlo/internal/analysis"
)

// Routes returns mux as a handler that hands the pattern of each request to the recorders in front of it, whatever stands
// between them: middleware that copies the request, [http.StripPrefix], [http.TimeoutHandler]. Without it a recorder that is
// not directly in front of a mux sees no template, and sends a placeholder for each element of the path that it does not
// know.
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

// SetRoute hands the template of a request to the recorders in front of it, in the notation of any router. Adapters of
// frameworks call it where [Recorder.Begin] returned nil because the request is being recorded already.
func SetRoute(r *http.Request, route string) { setRoute(r, route, r.URL.Path) }

// innermost is the key under which the marker of the innermost recorder is found.
type innermost struct{}

func setRoute(r *http.Request, route, path string) {
	m, _ := r.Context().Value(innermost{}).(*marker)
	for m != nil {
		m.exchange.addRoute(route, path)
		m, _ = m.Context.Value(innermost{}).(*marker)
	}
}

// addRoute keeps the template of a request, or completes the one that is known. path is the one that was routed: what the
// original path has before it was stripped by a router further out, which tells its template later.
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

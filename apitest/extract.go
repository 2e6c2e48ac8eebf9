package apitest

import (
	"context"
	"fmt"
)

// runExtractors fills variables from a response, in order. The first fault ends them.
func (r *runner) runExtractors(ctx context.Context, list []Extractor, st *state, ex *exchange) error {
	for _, e := range list {
		value, err := r.extract(ctx, e, st, ex)
		if err != nil {
			return fmt.Errorf("extract %s: %w", e.Name, err)
		}
		st.vars[e.Name] = value
	}
	return nil
}

func (r *runner) extract(ctx context.Context, e Extractor, st *state, ex *exchange) (any, error) {
	source, err := render(e.Value, st.vars)
	if err != nil {
		return nil, err
	}
	switch e.kind() {
	case ExtractJS:
		value, _, err := r.scripts.runScript(ctx, source, scriptScope{vars: st.vars, resp: ex}, false)
		return value, err
	case ExtractRegexp:
		match, _, err := r.scripts.matchRegexp(ctx, source, ex.body, ex.isStructured())
		return match, err
	case ExtractHTML:
		return innerHTML(ex.body, source)
	}
	return getPath(st.pathScope(ex), source), nil
}

// isStructured says whether the body is a JSON object or list.
func (x *exchange) isStructured() bool {
	switch x.data.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// pathScope is what a key path starts from: status, resp, ctx and, before them, every variable.
func (s *state) pathScope(ex *exchange) map[string]any {
	cookies := map[string]any{}
	for host, jar := range s.jar.snapshot() {
		values := map[string]any{}
		for name, v := range jar {
			values[name] = v
		}
		cookies[host] = values
	}
	scope := map[string]any{
		"status": ex.status,
		"resp":   ex.value(),
		"ctx":    map[string]any{"envVars": s.vars, "cookies": cookies},
	}
	for name, v := range s.vars {
		scope[name] = v
	}
	return scope
}

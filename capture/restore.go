package capture

import (
	"net/http"
	"reflect"
	"strings"
)

// restore copies the handler's changes to the original request, where servers and outer middleware expect them. It copies multipart
// files, the pattern and its values, the request line, the headers and the trailers. It does not copy the body, the protocol, the
// transfer encoding or path values without a pattern. It does not copy the parsed form, because a goroutine that outlives the
// handler may be parsing it. It writes only fields that differ, because outer middleware may read the others concurrently.
func (x *Exchange) restore() {
	from, to := &x.request, x.original
	restoreForms(from, to)
	restoreLine(from, to)
	if from.Pattern != to.Pattern {
		to.Pattern = from.Pattern
		restorePath(from, to)
	}
	if from.Response != to.Response {
		to.Response = from.Response
	}
	if from.TLS != to.TLS {
		to.TLS = from.TLS
	}
}

func restoreForms(from, to *http.Request) {
	if from.MultipartForm != to.MultipartForm {
		to.MultipartForm = from.MultipartForm
	}
	if !sameMap(from.Header, to.Header) {
		to.Header = from.Header
	}
	if from.Trailer != nil && to.Trailer == nil {
		to.Trailer = from.Trailer
	}
}

// sameMap reports whether a and b are the same map.
func sameMap[M ~map[string][]string](a, b M) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

func restoreLine(from, to *http.Request) {
	if from.URL != to.URL {
		to.URL = from.URL
	}
	for _, text := range [...]struct{ from, to *string }{
		{&from.Method, &to.Method}, {&from.Host, &to.Host}, {&from.RemoteAddr, &to.RemoteAddr}, {&from.RequestURI, &to.RequestURI},
	} {
		if *text.from != *text.to {
			*text.to = *text.from
		}
	}
	if from.ContentLength != to.ContentLength {
		to.ContentLength = from.ContentLength
	}
	if from.Close != to.Close {
		to.Close = from.Close
	}
}

// restorePath copies the values of the pattern's wildcards.
func restorePath(from, to *http.Request) {
	for rest := from.Pattern; ; {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			return
		}
		name, after, found := strings.Cut(after, "}")
		if !found {
			return
		}
		rest = after
		name = strings.TrimSuffix(name, "...")
		if value := from.PathValue(name); value != "" {
			to.SetPathValue(name, value)
		}
	}
}

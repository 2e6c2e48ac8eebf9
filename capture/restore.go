package capture

import (
	"net/http"
	"reflect"
	"strings"
)

// restore gives the original request what servers and outer middleware look for there: multipart files, the
// pattern and its values, and what a handler set of the line, the headers and the trailers. The body, the protocol, the
// transfer encoding, path values of no pattern, and the parsed form stay as they were: a goroutine of the handler's that
// outlives it may be parsing the form. It writes no field that is as it was, since outer
// middleware may be reading it in another goroutine, as it could without the recorder.
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

// sameMap reports whether two are one map, whatever is in it.
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

// restorePath sets the values of the pattern's wildcards.
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

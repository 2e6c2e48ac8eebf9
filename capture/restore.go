package capture

import (
	"net/http"
	"strings"
)

// restore gives the original request what servers and outer middleware look for there: multipart files, the pattern and
// the path's values, and what else a handler may have set. It writes no field that is as it was, since outer middleware
// may be reading it in another goroutine, as it could without the recorder.
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
	if from.Form != nil {
		to.Form = from.Form
	}
	if from.PostForm != nil {
		to.PostForm = from.PostForm
	}
	if from.Trailer != nil && to.Trailer == nil {
		to.Trailer = from.Trailer
	}
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

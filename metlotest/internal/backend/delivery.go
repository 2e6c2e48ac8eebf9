package backend

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// deliver posts a payload in the background and records the run. It calls only loopback receivers, so that a test stays
// on the machine. The caller holds b.mu.
func (b *Server) deliver(w *webhook, payload []byte) {
	u, err := url.Parse(w.url)
	if err != nil || b.closed || !isLoopback(u.Hostname()) {
		return
	}
	target := w.url
	b.work.Go(func() {
		run := webhookRun{OK: true, Msg: jsontext.Value(`""`), Payload: payload}
		if msg := b.post(target, payload); msg != nil {
			run.OK, run.Msg = false, msg
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		w.runs = append(w.runs, run)
		w.runs = w.runs[max(0, len(w.runs)-webhookRuns):]
	})
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// post tries up to four times, repeating only after a 5xx. The result is nil, or the text of the run.
func (b *Server) post(target string, payload []byte) jsontext.Value {
	var msg jsontext.Value
	for attempt := 0; attempt <= webhookRetries; attempt++ {
		if attempt > 0 && !b.wait(b.ctx, webhookPause) {
			return msg
		}
		var retry bool
		if msg, retry = b.postOnce(target, payload); !retry {
			return msg
		}
	}
	return msg
}

func (b *Server) postOnce(target string, payload []byte) (msg jsontext.Value, retry bool) {
	ctx, cancel := context.WithTimeout(b.ctx, webhookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(payload))
	if err != nil {
		return js.Encode(err.Error()), false
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/plain, */*")
	req.Header.Set("User-Agent", "axios/0.27.2")
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return js.Encode(err.Error()), false
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if res.StatusCode < 300 {
		return nil, false
	}
	msg = body
	if !json.Valid(body) {
		msg = js.Encode(string(body))
	}
	return msg, res.StatusCode >= http.StatusInternalServerError
}

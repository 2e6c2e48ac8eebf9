package main

import (
	"context"
	"net/http"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// openaiPeer lists files, in pages of 10,000 by that API's default.
func openaiPeer() peer {
	return peer{
		name:   "openai-go",
		module: "github.com/openai/openai-go/v3",
		wire: wire{
			item: textItem("file-", `","object":"file","filename":"`), end: `"}`,
			cursor: true,
			isList: pathEnds("/files"), window: byCursor("after", "limit", 10_000),
			list: func(p page) (string, string, string) { return `{"object":"list","data":[`, tail(p, "file-"), "" },
		},
		dial: func(rt http.RoundTripper) (client, error) {
			c := openai.NewClient(option.WithAPIKey("key"), option.WithHTTPClient(&http.Client{Transport: rt}))
			return client{
				get: func(ctx context.Context) error {
					_, err := c.Files.Get(ctx, "file-1")
					return err
				},
				walk: func(ctx context.Context, visit func(int)) error {
					pager := c.Files.ListAutoPaging(ctx, openai.FileListParams{})
					for pager.Next() {
						visit(digits(pager.Current().ID))
					}
					return pager.Err()
				},
			}, nil
		},
	}
}

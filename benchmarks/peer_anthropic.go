package main

import (
	"context"
	"net/http"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
)

func anthropicPeer() peer {
	return peer{
		name:   "anthropic-sdk-go",
		module: "github.com/anthropics/anthropic-sdk-go",
		wire: wire{
			item: textItem("model-", `","type":"model","display_name":"`), end: `"}`,
			cursor: true,
			isList: pathEnds("/models"), window: byCursor("after_id", "limit", 20),
			list: func(p page) (string, string, string) { return `{"data":[`, tail(p, "model-"), "" },
		},
		dial: func(rt http.RoundTripper) (client, error) {
			c := anthropic.NewClient(option.WithAPIKey("key"), option.WithHTTPClient(&http.Client{Transport: rt}))
			return client{
				get: func(ctx context.Context) error {
					_, err := c.Models.Get(ctx, "model-1", anthropic.ModelGetParams{})
					return err
				},
				walk: func(ctx context.Context, visit func(int)) error {
					pager := c.Models.ListAutoPaging(ctx, anthropic.ModelListParams{Limit: anthropic.Int(1000)})
					for pager.Next() {
						visit(digits(pager.Current().ID))
					}
					return pager.Err()
				},
			}, nil
		},
	}
}

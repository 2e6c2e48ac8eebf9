package main

import (
	"context"
	"net/http"
	"net/url"

	"tailscale.com/client/tailscale/v2"
)

// tailscalePeer has lists without pages.
func tailscalePeer() peer {
	return peer{
		name:   "tailscale",
		module: "tailscale.com/client/tailscale/v2",
		wire: wire{
			item: textItem("u-", `","displayName":"`), end: `"}`,
			isList: pathEnds("/users"),
			window: func(url.Values) (int, int, string) { return 0, 1 << 30, "" },
			list:   func(page) (string, string, string) { return `{"users":[`, `]}`, "" },
		},
		dial: func(rt http.RoundTripper) (client, error) {
			c := &tailscale.Client{APIKey: "key", HTTP: &http.Client{Transport: rt}}
			return client{
				get: func(ctx context.Context) error {
					_, err := c.Users().Get(ctx, "u-1")
					return err
				},
				walk: func(ctx context.Context, visit func(int)) error {
					users, err := c.Users().List(ctx, nil, nil)
					for i := range users {
						visit(digits(users[i].ID))
					}
					return err
				},
			}, nil
		},
	}
}

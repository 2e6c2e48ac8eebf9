package main

import (
	"context"
	"net/http"

	"github.com/digitalocean/godo"
)

func godoPeer() peer {
	return peer{
		name:   "godo",
		module: "github.com/digitalocean/godo",
		wire: wire{
			item: numberItem(`,"name":"`), end: `"}`, object: [2]string{`{"ssh_key":`, `}`},
			isList: pathEnds("/keys"), window: byNumber("page", "per_page", 20),
			list: func(p page) (string, string, string) {
				if p.more() {
					return `{"ssh_keys":[`, `],"links":{"pages":{"next":"https://server.test/keys?page=` + p.next() + `","last":"https://server.test/keys?page=last"}}}`, ""
				}
				return `{"ssh_keys":[`, `],"links":{}}`, ""
			},
		},
		dial: func(rt http.RoundTripper) (client, error) {
			c, err := godo.New(&http.Client{Transport: rt})
			if err != nil {
				return client{}, err
			}
			return client{
				get: func(ctx context.Context) error {
					_, _, err := c.Keys.GetByID(ctx, 1)
					return err
				},
				walk: func(ctx context.Context, visit func(int)) error {
					for number := 1; ; number++ {
						keys, resp, err := c.Keys.List(ctx, &godo.ListOptions{Page: number, PerPage: 200})
						if err != nil {
							return err
						}
						for i := range keys {
							visit(keys[i].ID)
						}
						if resp.Links == nil || resp.Links.IsLastPage() {
							return nil
						}
					}
				},
			}, nil
		},
	}
}

package main

import (
	"context"
	"net/http"
	"strconv"

	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

func hcloudPeer() peer {
	return peer{
		name:   "hcloud-go",
		module: "github.com/hetznercloud/hcloud-go/v2",
		wire: wire{
			item: numberItem(`,"name":"`), end: `"}`, object: [2]string{`{"ssh_key":`, `}`},
			isList: pathEnds("/ssh_keys"), window: byNumber("page", "per_page", 25),
			list: func(p page) (string, string, string) {
				next := "null"
				if p.more() {
					next = p.next()
				}
				return `{"ssh_keys":[`, `],"meta":{"pagination":{"page":` + strconv.Itoa(p.number()) + `,"next_page":` + next + `}}}`, ""
			},
		},
		dial: func(rt http.RoundTripper) (client, error) {
			c := hcloud.NewClient(hcloud.WithToken("token"), hcloud.WithHTTPClient(&http.Client{Transport: rt}))
			return client{
				get: func(ctx context.Context) error {
					_, _, err := c.SSHKey.GetByID(ctx, 1)
					return err
				},
				walk: func(ctx context.Context, visit func(int)) error {
					keys, err := c.SSHKey.All(ctx)
					for _, key := range keys {
						visit(int(key.ID))
					}
					return err
				},
			}, nil
		},
	}
}

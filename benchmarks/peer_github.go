package main

import (
	"context"
	"net/http"

	"github.com/google/go-github/v89/github"
)

func githubPeer() peer {
	return peer{
		name:   "go-github",
		module: "github.com/google/go-github/v89",
		wire: wire{
			item: numberItem(`,"name":"`), end: `"}`,
			isList: pathEnds("/labels"), window: byNumber("page", "per_page", 30),
			list: func(p page) (string, string, string) {
				if p.more() {
					return "[", "]", `Link: <https://server.test/labels?page=` + p.next() + `>; rel="next"`
				}
				return "[", "]", ""
			},
		},
		dial: func(rt http.RoundTripper) (client, error) {
			c, err := github.NewClient(github.WithHTTPClient(&http.Client{Transport: rt}), github.WithAuthToken("token"))
			if err != nil {
				return client{}, err
			}
			return client{
				get: func(ctx context.Context) error {
					_, _, err := c.Issues.GetLabel(ctx, "owner", "repo", "1")
					return err
				},
				walk: func(ctx context.Context, visit func(int)) error {
					for label, err := range c.Issues.ListLabelsIter(ctx, "owner", "repo", &github.ListOptions{PerPage: 100}) {
						if err != nil {
							return err
						}
						visit(int(label.GetID()))
					}
					return nil
				},
			}, nil
		},
	}
}

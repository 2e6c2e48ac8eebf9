package main

import (
	"context"
	"net/http"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

func gitlabPeer() peer {
	return peer{
		name:   "gitlab client-go",
		module: "gitlab.com/gitlab-org/api/client-go/v2",
		wire: wire{
			item: numberItem(`,"name":"`), end: `"}`,
			isList: pathEnds("/topics"), window: byNumber("page", "per_page", 20),
			list: func(p page) (string, string, string) {
				if p.more() {
					return "[", "]", "X-Next-Page: " + p.next()
				}
				return "[", "]", ""
			},
		},
		dial: func(rt http.RoundTripper) (client, error) {
			c, err := gitlab.NewClient("token", gitlab.WithBaseURL("https://server.test"), gitlab.WithHTTPClient(&http.Client{Transport: rt}))
			if err != nil {
				return client{}, err
			}
			return client{
				get: func(ctx context.Context) error {
					_, _, err := c.Topics.GetTopic(1, gitlab.WithContext(ctx))
					return err
				},
				walk: func(ctx context.Context, visit func(int)) error {
					opts := &gitlab.ListTopicsOptions{ListOptions: gitlab.ListOptions{PerPage: 100}}
					for topic, err := range gitlab.Scan2(func(p gitlab.PaginationOptionFunc) ([]*gitlab.Topic, *gitlab.Response, error) {
						return c.Topics.ListTopics(opts, gitlab.WithContext(ctx), p)
					}) {
						if err != nil {
							return err
						}
						visit(int(topic.ID))
					}
					return nil
				},
			}, nil
		},
	}
}

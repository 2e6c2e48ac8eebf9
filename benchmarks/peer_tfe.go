package main

import (
	"context"
	"net/http"
	"strconv"

	"github.com/hashicorp/go-tfe"
)

func tfePeer() peer {
	return peer{
		name:   "go-tfe",
		module: "github.com/hashicorp/go-tfe",
		wire: wire{
			item: textItem("prj-", `","type":"projects","attributes":{"name":"`), end: `"}}`, object: [2]string{`{"data":`, `}`},
			media:  "application/vnd.api+json",
			isList: pathEnds("/projects"), window: byNumber("page[number]", "page[size]", 20),
			list: func(p page) (string, string, string) {
				next := "null"
				if p.more() {
					next = p.next()
				}
				return `{"data":[`, `],"meta":{"pagination":{"current-page":` + strconv.Itoa(p.number()) + `,"next-page":` + next + `}}}`, ""
			},
		},
		dial: func(rt http.RoundTripper) (client, error) {
			c, err := tfe.NewClient(&tfe.Config{Address: "https://server.test", Token: "token", HTTPClient: &http.Client{Transport: rt}})
			if err != nil {
				return client{}, err
			}
			return client{
				get: func(ctx context.Context) error {
					_, err := c.Projects.Read(ctx, "prj-1")
					return err
				},
				walk: func(ctx context.Context, visit func(int)) error {
					for number := 1; number > 0; {
						list, err := c.Projects.List(ctx, "org", &tfe.ProjectListOptions{ListOptions: tfe.ListOptions{PageNumber: number, PageSize: 100}})
						if err != nil {
							return err
						}
						for _, project := range list.Items {
							visit(digits(project.ID))
						}
						number = list.NextPage
					}
					return nil
				},
			}, nil
		},
	}
}

package main

import (
	"context"
	"net/http"

	"github.com/stripe/stripe-go/v85"
)

func stripePeer() peer {
	return peer{
		name:   "stripe-go",
		module: "github.com/stripe/stripe-go/v85",
		wire: wire{
			item: textItem("txcd-", `","object":"tax_code","name":"`), end: `"}`,
			cursor: true,
			isList: pathEnds("/tax_codes"), window: byCursor("starting_after", "limit", 10),
			list: func(p page) (string, string, string) { return `{"object":"list","data":[`, tail(p, "txcd-"), "" },
		},
		dial: func(rt http.RoundTripper) (client, error) {
			c := stripe.NewClient("sk_test_key", stripe.WithBackends(stripe.NewBackendsWithConfig(
				&stripe.BackendConfig{HTTPClient: &http.Client{Transport: rt}})))
			return client{
				get: func(ctx context.Context) error {
					_, err := c.V1TaxCodes.Retrieve(ctx, "txcd-1", nil)
					return err
				},
				walk: func(ctx context.Context, visit func(int)) error {
					params := &stripe.TaxCodeListParams{}
					params.Limit = stripe.Int64(100)
					for code, err := range c.V1TaxCodes.List(ctx, params).All(ctx) {
						if err != nil {
							return err
						}
						visit(digits(code.ID))
					}
					return nil
				},
			}, nil
		},
	}
}

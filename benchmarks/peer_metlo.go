package main

import (
	"context"
	"net/http"

	"golang.org/x/time/rate"

	"github.com/metlo-go/metlo"
)

// metloGo waits for a rate limiter like a default client, but its limiter lets everything pass.
func metloGo() peer {
	return peer{
		name:   "metlo",
		module: "github.com/metlo-go/metlo",
		wire:   netHTTP().wire,
		dial: func(rt http.RoundTripper) (client, error) {
			c, err := metlo.NewClient("https://server.test", apiKey,
				metlo.WithHTTPClient(&http.Client{Transport: rt}), metlo.WithLimiter(rate.NewLimiter(rate.Inf, 1)))
			if err != nil {
				return client{}, err
			}
			return client{
				get: func(ctx context.Context) error {
					_, err := c.Alerts.Get(ctx, alertID)
					return err
				},
				walk: func(ctx context.Context, visit func(int)) error {
					for alert, err := range c.Alerts.All(ctx, nil) {
						if err != nil {
							return err
						}
						visit(alertNumber(alert.UUID))
					}
					return nil
				},
			}, nil
		},
	}
}

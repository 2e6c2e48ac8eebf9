package redislimit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/redis/go-redis/v9"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/redislimit"
)

// At most four processes use the instance; together they send 10 requests per second.
func Example() {
	const baseURL = "https://metlo.example.com"
	limiter, err := redislimit.New(redislimit.Config{
		Redis:     &redis.UniversalOptions{Addrs: []string{"redis:6379"}},
		BaseURL:   baseURL,
		PerSecond: 10,
		WhenAway:  redislimit.LocalShare(4),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = limiter.Close() }()
	client, err := metlo.NewClient(baseURL, os.Getenv("METLO_API_KEY"), metlo.WithLimiter(limiter))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client)
	// Output: metlo.Client(https://metlo.example.com/api/v1)
}

func ExampleFail() {
	limiter, err := redislimit.New(redislimit.Config{
		Redis:     &redis.UniversalOptions{Addrs: []string{"127.0.0.1:1"}}, // where nothing listens
		BaseURL:   "https://metlo.example.com",
		PerSecond: 10,
		WhenAway:  redislimit.Fail(),
		Logger:    slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = limiter.Close() }()
	err = limiter.Wait(context.Background())
	fmt.Println(errors.Is(err, redislimit.ErrUnavailable))
	// Output: true
}

func ExampleLocalShare() {
	limiter, err := redislimit.New(redislimit.Config{
		Redis:     &redis.UniversalOptions{Addrs: []string{"127.0.0.1:1"}}, // where nothing listens
		BaseURL:   "https://metlo.example.com",
		PerSecond: 10,
		WhenAway:  redislimit.LocalShare(4),
		Logger:    slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = limiter.Close() }()
	fmt.Println(limiter.Wait(context.Background()))
	// Output: <nil>
}

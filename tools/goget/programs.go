package main

// programs returns a program for each module that uses it, by module path.
func programs() map[string]string {
	return map[string]string{
		"github.com/metlo-go/metlo": `package main

import (
	"fmt"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

func main() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	var client *metlo.Client = server.Client()
	fmt.Println(client)
}
`,
		"github.com/metlo-go/metlo/apitest": `package main

import (
	"fmt"
	"log"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest"
)

func main() {
	endpoint := &metlo.TestEndpoint{
		Host: "shop.example.com", Path: "/profile", Method: metlo.MethodGet,
		AuthConfig: &metlo.TestAuthConfig{AuthType: metlo.AuthHeader, HeaderKey: "X-Api-Key"},
	}
	config, err := apitest.Generate("BROKEN_AUTHENTICATION", endpoint, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(config.ID)
}
`,
		"github.com/metlo-go/metlo/redislimit": `package main

import (
	"log"

	"github.com/metlo-go/metlo"
	"github.com/redis/go-redis/v9"

	"github.com/metlo-go/metlo/redislimit"
)

func main() {
	limiter, err := redislimit.New(redislimit.Config{
		Redis:     &redis.UniversalOptions{Addrs: []string{"redis:6379"}},
		BaseURL:   "https://metlo.example.com",
		PerSecond: 10,
		WhenAway:  redislimit.LocalShare(4),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer limiter.Close()
	if _, err := metlo.NewClient("https://metlo.example.com", "key", metlo.WithLimiter(limiter)); err != nil {
		log.Fatal(err)
	}
}
`,
		"github.com/metlo-go/metlo/metlootel": `package main

import (
	"log"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlootel"
)

func main() {
	if _, err := metlo.NewClient("https://metlo.example.com", "key", metlo.WithHooks(metlootel.Hooks())); err != nil {
		log.Fatal(err)
	}
}
`,
		"github.com/metlo-go/metlo/capture/capturegin": `package main

import (
	"log"

	"github.com/gin-gonic/gin"
	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/capture/capturegin"
)

func main() {
	client, err := metlo.NewClient("https://metlo.example.com", "key", metlo.WithCollectorURL("https://metlo.example.com:8081"))
	if err != nil {
		log.Fatal(err)
	}
	recorder, err := capture.New(client, capture.WithHost("shop.example.com"))
	if err != nil {
		log.Fatal(err)
	}
	router := gin.New()
	router.Use(capturegin.Middleware(recorder))
}
`,
		"github.com/metlo-go/metlo/capture/captureecho": `package main

import (
	"log"

	"github.com/labstack/echo/v5"
	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/capture/captureecho"
)

func main() {
	client, err := metlo.NewClient("https://metlo.example.com", "key", metlo.WithCollectorURL("https://metlo.example.com:8081"))
	if err != nil {
		log.Fatal(err)
	}
	recorder, err := capture.New(client, capture.WithHost("shop.example.com"))
	if err != nil {
		log.Fatal(err)
	}
	router := echo.New()
	router.Use(captureecho.Middleware(recorder))
}
`,
	}
}

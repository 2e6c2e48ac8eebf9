// Command tailscale makes one call with Tailscale's client.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"tailscale.com/client/tailscale/v2"
)

func main() {
	client := &tailscale.Client{APIKey: os.Getenv("TAILSCALE_API_KEY")}
	user, err := client.Users().Get(context.Background(), os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(user.ID, user.DisplayName)
}

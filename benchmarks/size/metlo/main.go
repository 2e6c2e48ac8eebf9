// Command metlo makes one call with package metlo.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/metlo-go/metlo"
)

func main() {
	client, err := metlo.NewClient(os.Getenv("METLO_HOST"), os.Getenv("METLO_API_KEY"))
	if err != nil {
		log.Fatal(err)
	}
	alert, err := client.Alerts.Get(context.Background(), os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(alert.UUID, alert.Description)
}

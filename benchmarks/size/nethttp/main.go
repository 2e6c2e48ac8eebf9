// Command nethttp makes one call with net/http and encoding/json.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	req, err := http.NewRequest(http.MethodGet, os.Getenv("METLO_HOST")+"/api/v1/alerts?uuid="+os.Args[1], nil)
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Authorization", os.Getenv("METLO_API_KEY"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	var alert struct {
		UUID        string `json:"uuid"`
		Description string `json:"description"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&alert); err != nil {
		log.Fatal(err)
	}
	fmt.Println(alert.UUID, alert.Description)
}

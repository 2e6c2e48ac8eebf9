// Command gitlab makes one call with GitLab's client.
package main

import (
	"fmt"
	"log"
	"os"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

func main() {
	client, err := gitlab.NewClient(os.Getenv("GITLAB_TOKEN"))
	if err != nil {
		log.Fatal(err)
	}
	topic, _, err := client.Topics.GetTopic(1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(topic.ID, topic.Name)
}

// Man writes the manual pages of the command to a folder:
//
//	go run ./internal/man FOLDER
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra/doc"

	"github.com/metlo-go/metlo/cmd/metlo/internal/cli"
	"github.com/metlo-go/metlo/cmd/metlo/internal/version"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "man: name the folder, and nothing else")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

func write(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // manual pages are not secret
		return err
	}
	root := cli.Root()
	root.DisableAutoGenTag = true // a date would change the pages each time
	header := &doc.GenManHeader{Section: "1", Source: "metlo " + version.Number(), Manual: "Metlo"}
	return doc.GenManTree(root, header, folder)
}

// Metlo is the command line of Metlo. It reads and curates an instance, fails builds while alerts are open, exports the
// inventory, and generates and runs API tests.
package main

import (
	"os"

	"github.com/metlo-go/metlo/cmd/metlo/internal/cli"
)

func main() { os.Exit(cli.Main()) }

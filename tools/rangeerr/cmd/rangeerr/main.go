// Command rangeerr runs the analyzer rangeerr, alone or as a -vettool of go vet.
package main

import (
	"golang.org/x/tools/go/analysis/singlechecker"
	"golang.org/x/tools/go/analysis/unitchecker"

	"os"
	"strings"

	"github.com/metlo-go/metlo/tools/rangeerr"
)

func main() {
	// go vet asks for -V=full and -flags, and then names a .cfg file.
	for _, arg := range os.Args[1:] {
		if strings.HasPrefix(arg, "-V") || arg == "-flags" || strings.HasSuffix(arg, ".cfg") {
			unitchecker.Main(rangeerr.Analyzer)
		}
	}
	singlechecker.Main(rangeerr.Analyzer)
}

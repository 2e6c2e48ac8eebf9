package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/metlo-go/metlo/cmd/metlo/internal/atomicfile"
)

// maxInput bounds what is read from a file or the standard input at once.
const maxInput = 64 << 20

func writeFile(name string, write func(io.Writer) error) error {
	return atomicfile.Write(name, 0o644, write)
}

// input reads a file, or the standard input for "-".
func (a *app) input(name string) ([]byte, error) {
	r := a.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		r = file
	}
	data, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err == nil && len(data) > maxInput {
		err = fmt.Errorf("%s is over %d MiB", name, maxInput>>20)
	}
	return data, err
}

package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/metlo-go/metlo/cmd/metlo/internal/atomicfile"
)

// maxInput is the maximum number of bytes that a command reads from a file or the standard input.
const maxInput = 64 << 20

func writeFile(name string, write func(io.Writer) error) error {
	return atomicfile.Write(name, 0o644, write)
}

// open opens a file, or the standard input for "-". It checks for a folder, because Linux reports one only on the first
// read.
func (a *app) open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(a.in), nil
	}
	if err := notFolder(name); err != nil {
		return nil, err
	}
	return os.Open(name)
}

func notFolder(name string) error {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder: name a file", name)
	}
	return nil
}

// input reads a file, or the standard input for "-".
func (a *app) input(name string) ([]byte, error) {
	r, err := a.open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err == nil && len(data) > maxInput {
		err = fmt.Errorf("%s is over %d MiB", name, maxInput>>20)
	}
	return data, err
}

// notInput returns an error if an output file is one of the inputs.
func notInput(flag, file string, inputs ...string) error {
	for _, input := range inputs {
		if file != "-" && input != "-" && input != "" && sameFile(input, file) {
			return fmt.Errorf("%s: %s is also read by this command: use another file", flag, file)
		}
	}
	return nil
}

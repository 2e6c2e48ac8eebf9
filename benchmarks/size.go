package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// sizes builds the programs of one call in the folder size, stripped, and returns their sizes in MB by folder.
func sizes() (map[string]float64, error) {
	dir, err := os.MkdirTemp("", "size")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	result := map[string]float64{}
	for _, name := range []string{"nethttp", "metlo", "gitlab", "tailscale"} {
		path := filepath.Join(dir, name)
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./size/"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build ./size/%s (run this in the folder benchmarks): %w\n%s", name, err, out)
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		result[name] = float64(info.Size()) / 1e6
	}
	return result, nil
}

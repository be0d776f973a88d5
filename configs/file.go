package configs

import (
	"fmt"
	"os"
)

// readFile reads a plain file of at most limit bytes; devices and pipes, which may
// never end, are refused.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("%s is not a plain file of at most %d KiB", path, limit>>10)
	}
	return os.ReadFile(path)
}

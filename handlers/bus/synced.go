package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// syncFolder puts on disk what an earlier process left of a folder in the kernel's
// memory. A process that was killed between a write and its sync leaves a message
// that the next server reads and takes for stored; the engine would fold it and the
// store keep it, and a power cut right then would leave a log that ends before its
// state. A folder that is not there yet is fine.
func syncFolder(dir string) error {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() && !d.Type().IsRegular() {
			return err
		}
		return syncPath(path)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("putting the log in %s on disk before it is read: %w; look at the disk", dir, err)
	}
	return nil
}

// syncPath puts one file or folder on disk; of a folder, the names in it.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

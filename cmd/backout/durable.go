package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// writeDurably writes a small file, readable by its owner. When it returns the file
// is on disk, whole and under its name; a power cut before that leaves what was
// there before.
func writeDurably(path string, data []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", path, err), os.Remove(tmp))
	}
	return moveDurably(tmp, path)
}

// moveDurably gives a file that was synced its name for good.
func moveDurably(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("putting %s in place: %w", to, err)
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return fmt.Errorf("syncing the folder of %s: %w", to, err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("syncing the folder of %s: %w", to, err)
	}
	return nil
}

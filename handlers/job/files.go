package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The files of a job's folder.
const (
	specFile    = "spec.json"
	startedFile = "started.json"
	endedFile   = "ended.json"
	outputFile  = "output"
	lockFile    = "lock"
	// talkFile is what the supervisor itself says.
	talkFile = "supervisor.log"
)

const (
	folderMode = 0o700
	fileMode   = 0o600
)

// write puts v into a file so that a reader, or a machine that comes back after a power
// cut, finds all of it or nothing. With fresh an existing file is left alone and the
// error is fs.ErrExist.
func write(dir, name string, v any, fresh bool) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	f, err := os.CreateTemp(dir, name+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // Gone already when it was renamed.
	_, err = f.Write(append(body, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Join(dir, name), err)
	}
	put := os.Rename
	if fresh {
		put = os.Link
	}
	if err := put(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncFolder(dir)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// read reports whether the file is there.
func read(dir, name string, v any) (bool, error) {
	body, err := os.ReadFile(filepath.Join(dir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return false, fmt.Errorf("reading %s: %w", filepath.Join(dir, name), err)
	}
	return true, nil
}

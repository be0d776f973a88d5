package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// keptSnapshots is how many snapshots a folder keeps.
const keptSnapshots = 3

// Folder keeps snapshots as files, the newest three. Safe for concurrent use by
// one process.
type Folder string

func (f Folder) name(cursor uint64) string {
	return filepath.Join(string(f), fmt.Sprintf("state-%020d.db", cursor))
}

// SaveSnapshot keeps a copy of the state at an entry and returns its path.
func (f Folder) SaveSnapshot(_ context.Context, cursor uint64, r io.Reader) (string, error) {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return "", fmt.Errorf("making the folder of snapshots: %w", err)
	}
	path := f.name(cursor)
	if err := writeSynced(path+".new", r); err != nil {
		return "", errors.Join(fmt.Errorf("writing the snapshot %s: %w", path, err), os.Remove(path+".new"))
	}
	if err := os.Rename(path+".new", path); err != nil {
		return "", fmt.Errorf("writing the snapshot %s: %w", path, err)
	}
	if err := syncDir(string(f)); err != nil {
		return "", err
	}
	all, err := f.list()
	if err != nil {
		return path, err
	}
	for _, old := range all[:max(0, len(all)-keptSnapshots)] {
		if err := os.Remove(f.name(old)); err != nil {
			return path, fmt.Errorf("dropping an old snapshot: %w", err)
		}
	}
	return path, nil
}

func (f Folder) list() ([]uint64, error) {
	files, err := os.ReadDir(string(f))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the snapshots: %w", err)
	}
	var all []uint64
	for _, file := range files {
		n, ok := strings.CutPrefix(file.Name(), "state-")
		if n, isFile := strings.CutSuffix(n, ".db"); ok && isFile {
			if cursor, err := strconv.ParseUint(n, 10, 64); err == nil {
				all = append(all, cursor)
			}
		}
	}
	slices.Sort(all)
	return all, nil
}

// LatestSnapshot opens the newest snapshot; cursor is 0 when there is none. The
// caller closes it.
func (f Folder) LatestSnapshot(context.Context) (cursor uint64, r io.ReadCloser, err error) {
	all, err := f.list()
	if err != nil || len(all) == 0 {
		return 0, nil, err
	}
	cursor = all[len(all)-1]
	file, err := os.Open(f.name(cursor))
	if err != nil {
		return 0, nil, fmt.Errorf("opening the snapshot at entry %d: %w", cursor, err)
	}
	return cursor, file, nil
}

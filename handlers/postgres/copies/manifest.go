package copies

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	manifestFile  = "manifest.json"
	verifiedFile  = "verified.json"
	dataFolder    = "data"
	partialSuffix = ".partial"
	folderMode    = 0o700
	fileMode      = 0o600
	stamp         = "20060102T150405Z"
)

// Manifest is what a copy has. Times are Unix milliseconds, sizes bytes.
type Manifest struct {
	Project     string `json:"project"`
	Environment string `json:"environment"`
	Database    string `json:"database"`
	// At is the moment the copy shows: all that was committed before it is in the copy.
	At int64 `json:"at"`
	// Ended is when it was whole.
	Ended  int64  `json:"ended"`
	Server string `json:"server"`
	Tool   string `json:"tool"`
	// DatabaseSize is what the database took, Size what the copy takes.
	DatabaseSize int64   `json:"database_size"`
	Size         int64   `json:"size"`
	Rows         int64   `json:"rows"`
	Layout       layout  `json:"layout"`
	Tables       []Table `json:"tables"`
	Files        []File  `json:"files"`
}

// Table is what one table had within the snapshot. Sum adds up a checksum of each row,
// so that it does not depend on their order.
type Table struct {
	Name string `json:"name"` // schema.table
	Rows int64  `json:"rows"`
	Sum  string `json:"sum"`
}

// File is one file of the copy, by its path within the folder data.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Verified says how a copy was proven. Manifest is the SHA-256 of manifest.json.
type Verified struct {
	At       int64  `json:"at"`
	Server   string `json:"server"`
	Manifest string `json:"manifest"`
	// Owners is set when owners and rights of all objects could be restored, too.
	Owners bool `json:"owners"`
	// Why says what was refused when they could not.
	Why string `json:"why,omitempty"`
	// Took is how long the restore took, in milliseconds.
	Took int64 `json:"took"`
}

// Copy is a whole copy in a folder.
type Copy struct {
	Name, Path string
	Manifest   Manifest
	// Sum is the SHA-256 of its manifest.
	Sum string
	// Verified is nil when nobody has proven it.
	Verified *Verified
}

// errNone is the cause when there is no such copy.
var errNone = errors.New("there is no such copy")

// open reads a copy's manifest; its files are not looked at, see sound.
func open(folder, name string) (*Copy, error) {
	if name == "" || filepath.Base(name) != name || strings.HasPrefix(name, ".") || strings.HasSuffix(name, partialSuffix) {
		return nil, fmt.Errorf("%q cannot be the name of a copy", name)
	}
	c := &Copy{Name: name, Path: filepath.Join(folder, name)}
	body, err := os.ReadFile(filepath.Join(c.Path, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("looking for copy %s in %s: %w", name, folder, errNone)
	}
	if err == nil {
		err = json.Unmarshal(body, &c.Manifest)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the manifest of copy %s: %w", name, err)
	}
	sum := sha256.Sum256(body)
	c.Sum = hex.EncodeToString(sum[:])
	var v Verified
	body, err = os.ReadFile(filepath.Join(c.Path, verifiedFile))
	if err == nil && json.Unmarshal(body, &v) == nil && v.Manifest == c.Sum {
		c.Verified = &v
	}
	return c, nil
}

// list answers the whole copies of an environment, newest first. What cannot be read as
// one is left out: it is no copy.
func list(folder, project, env string) ([]*Copy, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("looking for copies: %w", err)
	}
	var out []*Copy
	for _, e := range entries {
		if !e.IsDir() || strings.HasSuffix(e.Name(), partialSuffix) {
			continue
		}
		if c, err := open(folder, e.Name()); err == nil && c.Manifest.Project == project && c.Manifest.Environment == env {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *Copy) int { return int(min(max(b.Manifest.At-a.Manifest.At, -1), 1)) })
	return out, nil
}

// newest is the newest of them, or the newest verified one; nil when there is none.
func newest(all []*Copy, verified bool) *Copy {
	for _, c := range all {
		if !verified || c.Verified != nil {
			return c
		}
	}
	return nil
}

// at tells the moment a copy shows.
func (c *Copy) at() time.Time { return time.UnixMilli(c.Manifest.At).UTC() }

// sound holds every file against the manifest, and the manifest against what is there.
func (c *Copy) sound(ctx context.Context) error {
	files, err := hashAll(ctx, filepath.Join(c.Path, dataFolder))
	if err != nil {
		return fmt.Errorf("copy %s cannot be read: %w", c.Name, err)
	}
	for i, f := range c.Manifest.Files {
		switch {
		case i >= len(files) || files[i].Path > f.Path:
			return fmt.Errorf("copy %s is damaged: %s is missing", c.Name, f.Path)
		case files[i].Path < f.Path:
			return fmt.Errorf("copy %s is damaged: %s does not belong to it", c.Name, files[i].Path)
		case files[i] != f:
			return fmt.Errorf("copy %s is damaged: %s is not what was written (SHA-256)", c.Name, f.Path)
		}
	}
	if len(files) > len(c.Manifest.Files) {
		return fmt.Errorf("copy %s is damaged: %s does not belong to it", c.Name, files[len(c.Manifest.Files)].Path)
	}
	return nil
}

// hashAll reads every file below a folder, sorted by path.
func hashAll(ctx context.Context, dir string) ([]File, error) {
	var out []File
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		f := File{Path: filepath.ToSlash(name)}
		if f.Size, f.SHA256, err = hashFile(path); err != nil {
			return err
		}
		out = append(out, f)
		return nil
	})
	slices.SortFunc(out, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return out, err
}

func hashFile(path string) (int64, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return n, hex.EncodeToString(h.Sum(nil)), err
}

// put writes v so that a reader finds all of it or nothing, also after a power cut.
func put(dir, name string, v any) error {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	f, err := os.CreateTemp(dir, "."+name+".*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // Gone already when it was renamed.
	_, err = f.Write(append(body, '\n'))
	if err = errors.Join(err, f.Chmod(fileMode), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Join(dir, name), err)
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
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

package bus

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/minio/highwayhash"
)

// mend puts right what a server leaves of its folder when it is killed, or the power
// cut, in the middle of something, and what its next start would not put right.
func mend(dir string) error {
	return errors.Join(dropTrials(dir), mendSums(dir), syncFolder(dir))
}

// dropTrials removes the files with which the server tries whether it may write. It
// removes them itself, but a removal is not on disk at once, and one that is left
// counts as an account without a name: the server never says again that it is well.
func dropTrials(dir string) error {
	for _, pattern := range []string{"jetstream/_test_*", "jetstream/*/streams/*/_test_*"} {
		files, err := fs.Glob(os.DirFS(dir), pattern)
		if err != nil {
			return fmt.Errorf("looking for leftovers in %s: %w", dir, err)
		}
		for _, file := range files {
			if err := os.Remove(filepath.Join(dir, file)); err != nil {
				return fmt.Errorf("removing a leftover of the NATS server: %w", err)
			}
		}
	}
	return nil
}

// mendSums finishes what the server was at when it died while it wrote the settings
// of a stream. It writes two files one after the other, meta.inf and the sum over
// it, each whole or not at all; between them a stream has a sum that is not its own,
// and the server leaves such a stream out at its next start without a word. The log
// would then be made anew over its own messages, under another name. Settings that
// can be read and are those of their folder get their sum; anything else stays as it
// is.
func mendSums(dir string) error {
	files, err := fs.Glob(os.DirFS(dir), "jetstream/*/streams/*/meta.inf")
	if err != nil {
		return fmt.Errorf("looking for streams in %s: %w", dir, err)
	}
	for _, file := range files {
		if err := mendSum(filepath.Join(dir, file)); err != nil {
			return fmt.Errorf("completing the settings %s: %w", file, err)
		}
	}
	return nil
}

func mendSum(file string) error {
	settings, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	name := filepath.Base(filepath.Dir(file))
	if nameIn(settings) != name {
		return nil
	}
	want, err := sumOf(name, settings)
	if err != nil {
		return err
	}
	path := filepath.Join(filepath.Dir(file), "meta.sum")
	if got, err := os.ReadFile(path); err == nil && bytes.Equal(got, want) {
		return nil
	}
	return replace(path, want)
}

// nameIn is the stream that settings are of; empty when they cannot be read.
func nameIn(settings []byte) string {
	var said struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(settings, &said) != nil {
		return ""
	}
	return said.Name
}

// sumOf is the sum the server keeps of a stream's settings: HighwayHash-64, keyed
// with the name (nats-server v2.15, filestore.go, writeStreamMeta).
func sumOf(name string, settings []byte) ([]byte, error) {
	key := sha256.Sum256([]byte(name))
	h, err := highwayhash.New64(key[:])
	if err != nil {
		return nil, err
	}
	_, _ = h.Write(settings) // a hash never fails
	return hex.AppendEncode(nil, h.Sum(nil)), nil
}

// replace puts a small file in place, whole or not at all; its new name is on disk
// after a sync of the folder.
func replace(path string, data []byte) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Rename(tmp, path)
}

package bus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// PutBlob keeps bytes beside the log for 30 days and returns their hash.
func (b *Bus) PutBlob(ctx context.Context, data []byte) (string, error) {
	sum := sha256.Sum256(data)
	name := hex.EncodeToString(sum[:])
	if _, err := b.blobs.GetInfo(ctx, name); err == nil {
		return name, nil
	}
	if _, err := b.blobs.PutBytes(ctx, name, data); err != nil {
		return "", fmt.Errorf("keeping a blob of %d bytes: %w", len(data), err)
	}
	return name, nil
}

// Blob returns the bytes of a hash; an error when they are gone.
func (b *Bus) Blob(ctx context.Context, hash string) ([]byte, error) {
	data, err := b.blobs.GetBytes(ctx, hash, jetstream.GetObjectShowDeleted())
	if err != nil {
		return nil, fmt.Errorf("reading blob %s: %w; blobs are kept for 30 days", hash, err)
	}
	return data, nil
}

// DropBlob deletes what is kept under a hash; that it is gone already is no error.
func (b *Bus) DropBlob(ctx context.Context, hash string) error {
	if err := b.blobs.Delete(ctx, hash); err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
		return fmt.Errorf("deleting blob %s: %w", hash, err)
	}
	return nil
}

// CopyBlobs copies what is kept beside one log to another, so that what was begun
// with an audience can go on.
func CopyBlobs(ctx context.Context, from, to *Bus) error {
	infos, err := from.blobs.List(ctx)
	if errors.Is(err, jetstream.ErrNoObjectsFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing the blobs: %w", err)
	}
	for _, info := range infos {
		data, err := from.blobs.GetBytes(ctx, info.Name)
		if err != nil {
			return fmt.Errorf("reading blob %s: %w", info.Name, err)
		}
		if _, err := to.PutBlob(ctx, data); err != nil {
			return err
		}
	}
	return nil
}

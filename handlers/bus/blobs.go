package bus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

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

// firstTry bounds the first try to read a blob.
const firstTry = 3 * time.Second

// Blob returns the bytes of a hash; an error when they are gone.
func (b *Bus) Blob(ctx context.Context, hash string) ([]byte, error) {
	var data []byte
	err := inTries(ctx, firstTry, func(ctx context.Context) (err error) {
		data, err = b.blobs.GetBytes(ctx, hash, jetstream.GetObjectShowDeleted())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading blob %s: %w; blobs are kept for 30 days", hash, err)
	}
	return data, nil
}

// inTries asks again what got no answer: a server that was lost meanwhile never answers
// what it was asked, and a step must not wait for it until its own time is over. Each try
// has twice the time of the one before; the last has what is left of ctx.
func inTries(ctx context.Context, first time.Duration, ask func(context.Context) error) error {
	for limit := first; ; limit *= 2 {
		try, cancel := context.WithTimeout(ctx, limit)
		err := ask(try)
		ended := try.Err() != nil
		cancel()
		if err == nil || !ended || ctx.Err() != nil {
			return err
		}
	}
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

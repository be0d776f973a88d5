package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// keptSnapshots is how many snapshots stay.
const keptSnapshots = 3

const snapshotPrefix = "state-"

func snapshotName(cursor uint64) string { return fmt.Sprintf("%s%020d", snapshotPrefix, cursor) }

// SaveSnapshot keeps a copy of the state at an entry where every instance can
// read it, and drops the oldest. It returns the name of the copy.
func (b *Bus) SaveSnapshot(ctx context.Context, cursor uint64, r io.Reader) (string, error) {
	name := snapshotName(cursor)
	if _, err := b.snapshots.Put(ctx, jetstream.ObjectMeta{Name: name}, r); err != nil {
		return "", fmt.Errorf("keeping the snapshot at entry %d: %w", cursor, err)
	}
	all, err := b.listSnapshots(ctx)
	if err != nil {
		return name, err
	}
	for _, old := range all[:max(0, len(all)-keptSnapshots)] {
		if err := b.snapshots.Delete(ctx, snapshotName(old)); err != nil {
			return name, fmt.Errorf("dropping the snapshot at entry %d: %w", old, err)
		}
	}
	return name, nil
}

// listSnapshots lists the entries that snapshots were made at, oldest first.
func (b *Bus) listSnapshots(ctx context.Context) ([]uint64, error) {
	infos, err := b.snapshots.List(ctx)
	if errors.Is(err, jetstream.ErrNoObjectsFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the snapshots: %w", err)
	}
	var all []uint64
	for _, info := range infos {
		if n, err := strconv.ParseUint(strings.TrimPrefix(info.Name, snapshotPrefix), 10, 64); err == nil {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all, nil
}

// LatestSnapshot opens the newest snapshot; cursor is 0 when there is none. The
// caller closes it.
func (b *Bus) LatestSnapshot(ctx context.Context) (cursor uint64, r io.ReadCloser, err error) {
	all, err := b.listSnapshots(ctx)
	if err != nil || len(all) == 0 {
		return 0, nil, err
	}
	cursor = all[len(all)-1]
	obj, err := b.snapshots.Get(ctx, snapshotName(cursor))
	if err != nil {
		return 0, nil, fmt.Errorf("reading the snapshot at entry %d: %w", cursor, err)
	}
	return cursor, obj, nil
}

// DropSnapshots drops every snapshot.
func (b *Bus) DropSnapshots(ctx context.Context) error {
	all, err := b.listSnapshots(ctx)
	for _, cursor := range all {
		err = errors.Join(err, b.snapshots.Delete(ctx, snapshotName(cursor)))
	}
	return err
}

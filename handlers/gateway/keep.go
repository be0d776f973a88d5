package gateway

import (
	"context"
	"fmt"

	"github.com/aimarketplace/backout/orchestrator"
)

// Bounds of one append. An entry of the log stays under 512 KiB although JSON
// may write a byte as six.
const (
	appendBytes   = 80 << 10
	appendRecords = 200
	recordBytes   = 256
)

// keep puts bodies aside, then appends the records, in several entries when they
// are many. When a later entry fails the sender repeats everything, and the fold
// knows the first ones by their ids.
func (g *Gateway) keep(ctx context.Context, items []Item) error {
	records := make([]orchestrator.Record, 0, len(items))
	size := 0
	for i := range items {
		it := &items[i]
		if err := g.putAside(ctx, it); err != nil {
			return err
		}
		n := it.size()
		if len(records) > 0 && (size+n > appendBytes || len(records) >= appendRecords) {
			if err := g.opt.Append(ctx, records); err != nil {
				return err
			}
			records, size = make([]orchestrator.Record, 0, len(items)-i), 0
		}
		records = append(records, it.Record)
		size += n
	}
	if len(records) == 0 {
		return nil
	}
	return g.opt.Append(ctx, records)
}

func (g *Gateway) putAside(ctx context.Context, it *Item) error {
	if it.Keep == nil {
		return nil
	}
	hash, err := g.opt.PutBlob(ctx, it.Keep)
	if err != nil {
		return fmt.Errorf("keeping the body of a delivery: %w", err)
	}
	it.SetBlob(hash)
	return nil
}

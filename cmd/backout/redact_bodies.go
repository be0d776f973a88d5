package main

import (
	"context"
	"fmt"

	"github.com/aimarketplace/backout/orchestrator"
)

// dropBodies deletes the raw bodies that an entry names: they hold its words too.
func (o *offline) dropBodies(ctx context.Context, seq uint64) error {
	got, err := o.bus.Read(ctx, seq, 1)
	if err != nil || len(got) == 0 {
		return err
	}
	env, err := orchestrator.DecodeEnvelope(got[0].Data)
	if err != nil {
		return nil //nolint:nilerr // what cannot be read names nothing, and is masked as a whole
	}
	for i := range env.Records {
		for _, hash := range bodiesOf(&env.Records[i]) {
			if err := o.bus.DropBlob(ctx, hash); err != nil {
				return fmt.Errorf("deleting a raw body of entry %d: %w", seq, err)
			}
		}
	}
	return nil
}

func bodiesOf(rec *orchestrator.Record) (hashes []string) {
	if rec.Event != nil && rec.Event.Blob != "" {
		hashes = append(hashes, rec.Event.Blob)
	}
	if rec.Bad != nil && rec.Bad.Blob != "" {
		hashes = append(hashes, rec.Bad.Blob)
	}
	return hashes
}

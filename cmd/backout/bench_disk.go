package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// probeSyncs is how many writes one look at the disk makes, probeBytes how much
// each appends.
const (
	probeSyncs = 200
	probeBytes = 4 << 10
)

// diskProbe measures what one durable write costs here: an append of 4 KiB and
// an fdatasync. It is used before, between and after what is measured, so that
// the figures can be read as multiples of what the disk did in the same minutes.
type diskProbe struct {
	dir   string
	times []time.Duration
}

// look adds one round of writes.
func (d *diskProbe) look() error {
	path := filepath.Join(d.dir, "fsync-probe")
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("probing the disk: %w", err)
	}
	block := make([]byte, probeBytes)
	for range probeSyncs {
		start := time.Now()
		if _, err = f.Write(block); err != nil {
			break
		}
		if err = syncData(f); err != nil {
			break
		}
		d.times = append(d.times, time.Since(start))
	}
	if err := errors.Join(err, f.Close(), os.Remove(path)); err != nil {
		return fmt.Errorf("probing the disk: %w", err)
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/aimarketplace/backout/orchestrator/store"
)

// controls measure, while nothing runs, what a start could not be faster than if
// it read everything, and what starting a process costs.
func (m *openMeasure) controls(ctx context.Context, got *openRound) error {
	start := time.Now()
	if _, err := store.CountKeys(filepath.Join(m.dir, "state.db")); err != nil {
		return err
	}
	got.scan = ms(time.Since(start))
	start = time.Now()
	if err := readAll(filepath.Join(m.dir, "nats")); err != nil {
		return err
	}
	got.logRead = ms(time.Since(start))
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	start = time.Now()
	if err := exec.CommandContext(ctx, self, "version").Run(); err != nil { //nolint:gosec // this very program
		return fmt.Errorf("starting a process that does nothing: %w", err)
	}
	got.exec = ms(time.Since(start))
	return nil
}

// readAll reads every file of a folder.
func readAll(dir string) error {
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, f)
		return errors.Join(err, f.Close())
	})
	if err != nil {
		return fmt.Errorf("reading the log's files: %w", err)
	}
	return nil
}

package migrations

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/goccy/go-yaml"
)

// WaiverFile stands beside migration.sql.
const WaiverFile = "backout-waiver.yaml"

// Waiver is a person's word that a migration may ship although the code from before
// cannot work with it.
type Waiver struct {
	By     string `json:"by" yaml:"by"`
	Reason string `json:"reason" yaml:"reason"`
}

// readWaiver gives nil when there is no file.
func readWaiver(root fs.FS, file string) (*Waiver, error) {
	body, err := bounded(root, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // no waiver is the ordinary case
	}
	if err != nil {
		return nil, err
	}
	var w Waiver
	if err := yaml.UnmarshalWithOptions(body, &w, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("reading %s: %w; it has two keys, by and reason", file, err)
	}
	w.By, w.Reason = strings.TrimSpace(w.By), strings.TrimSpace(w.Reason)
	if w.By == "" || w.Reason == "" {
		return nil, fmt.Errorf("%s needs who says so and why: by: NAME and reason: WHY", file)
	}
	return &w, nil
}

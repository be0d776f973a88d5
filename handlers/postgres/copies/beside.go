package copies

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

// Moment is a time of an input: Unix milliseconds, as the fold counts, or a text of RFC
// 3339. 0, "" and null are no time.
type Moment struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (m *Moment) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	var ms int64
	if json.Unmarshal(data, &ms) == nil {
		m.Time = time.Time{}
		if ms > 0 {
			m.Time = time.UnixMilli(ms).UTC()
		}
		return nil
	}
	if string(data) == `""` {
		m.Time = time.Time{}
		return nil
	}
	return json.Unmarshal(data, &m.Time)
}

// Beside is a verified copy that is to be restored under another name, to be read there.
// It holds no secret, so that it can be a part of a job's request.
type Beside struct {
	Folder string `json:"folder"`
	Copy   string `json:"copy"`
	// Sum is the SHA-256 of the manifest, At the moment the copy shows in Unix milliseconds.
	Sum  string `json:"sum"`
	At   int64  `json:"at"`
	Bin  string `json:"bin,omitempty"`
	Path string `json:"path,omitempty"`
	Jobs int    `json:"jobs"`
	// Size is what the database took when it was copied, in bytes.
	Size int64 `json:"size"`
}

// Beside finds the newest verified copy that shows a moment before a time; a zero time
// takes the newest. Its errors are Permanent: no repetition makes a copy.
func (c *Client) Beside(project, environment string, before time.Time) (Beside, error) {
	t, err := c.find(orchestrator.Call{Project: project, Environment: environment}, true)
	if err != nil {
		return Beside{}, err
	}
	one, err := t.choose("", before, true)
	if err != nil {
		return Beside{}, err
	}
	return Beside{
		Folder: t.Folder, Copy: one.Name, Sum: one.Sum, At: one.Manifest.At, Bin: t.Bin, Path: c.path, Jobs: t.Jobs,
		Size: one.Manifest.DatabaseSize,
	}, nil
}

// Room says why the server has no room for it; nil when it has, or when that cannot be
// seen.
func (b Beside) Room(ctx context.Context, a *direct.Address) error {
	admin, err := maintenance(a).Open(ctx, direct.Limits{ReadOnly: true, Statement: lookWait})
	if err != nil {
		return err
	}
	defer direct.Close(ctx, admin)
	need := b.Size + spareRoom
	if have, known := serverRoom(ctx, admin, a); known && have < need {
		return fmt.Errorf("the server has no room: %s are free where its data is, and the copy restored beside may take %s", bytesText(have), bytesText(need))
	}
	return nil
}

// Restore makes the database name beside the one of the address and restores the copy
// into it, without owners and rights, and compares it with what was copied. It must be
// called by the child of a job: what it starts ends with the process.
func (b Beside) Restore(ctx context.Context, a *direct.Address, name string) error {
	c, err := open(b.Folder, b.Copy)
	if err != nil {
		return err
	}
	if c.Sum != b.Sum {
		return fmt.Errorf("copy %s is not the one that was chosen", b.Copy)
	}
	use, err := hold(c.Path, false)
	if err != nil {
		return fmt.Errorf("keeping copy %s from being removed: %w", c.Name, err)
	}
	defer func() { _ = use.Close() }()
	if err := c.sound(ctx); err != nil {
		return err
	}
	admin, err := maintenance(a).Open(ctx, direct.Limits{})
	if err != nil {
		return err
	}
	defer direct.Close(ctx, admin)
	major, err := serverMajor(ctx, admin)
	if err != nil {
		return err
	}
	w := &work{request: request{Bin: b.Bin, Path: b.Path, Jobs: b.Jobs}, address: a, stop: func(string) {}}
	if w.tools, err = findTools(ctx, b.Bin, b.Path, major); err != nil {
		return err
	}
	if err := run(ctx, admin, c.Manifest.Layout.create(name)); err != nil {
		return err
	}
	err = w.load(ctx, c, name, "--no-owner", "--no-privileges", "--no-publications", "--no-subscriptions")
	if err != nil {
		return err
	}
	return w.same(ctx, c, name)
}

// Never reports whether no repetition cures an error of Restore.
func Never(err error) bool { return errors.As(err, &never{}) }

package sendgrid

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aimarketplace/backout/orchestrator"
)

// snapshot is what a notice will be, kept as a blob before anybody approves it:
// the texts, and the blobs of its chunks. The people of a chunk are JSON lines in
// a blob of their own, so that sending one chunk never reads the others. Every
// chunk has one language, because one call makes one request.
type snapshot struct {
	Kind    string            `json:"kind"`
	Letters map[string]letter `json:"letters"`
	Chunks  []chunk           `json:"chunks"`
}

type chunk struct {
	Lang  string `json:"lang"`
	Count int    `json:"count"`
	Blob  string `json:"blob"`
}

// byLanguage orders people by language; within one they keep their order.
func byLanguage(all []recipient) {
	slices.SortStableFunc(all, func(a, b recipient) int { return cmp.Compare(a.Lang, b.Lang) })
}

// keep stores people and texts and answers the snapshot's hash. The same people
// and texts have the same hash, so an approval survives a second look.
func (c *Client) keep(ctx context.Context, s *snapshot, all []recipient) (string, error) {
	for len(all) > 0 {
		lang := all[0].Lang
		n := slices.IndexFunc(all, func(r recipient) bool { return r.Lang != lang })
		if n < 0 {
			n = len(all)
		}
		n = min(n, c.opts.ChunkSize)
		hash, err := c.keepChunk(ctx, all[:n])
		if err != nil {
			return "", err
		}
		s.Chunks = append(s.Chunks, chunk{Lang: lang, Count: n, Blob: hash})
		all = all[n:]
	}
	data, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("encoding the snapshot of a notice: %w", err)
	}
	hash, err := c.opts.Blobs.PutBlob(ctx, data)
	if err != nil {
		return "", fmt.Errorf("keeping the snapshot of a notice: %w", err)
	}
	return hash, nil
}

func (c *Client) keepChunk(ctx context.Context, some []recipient) (string, error) {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for _, r := range some {
		if err := encoder.Encode(r); err != nil {
			return "", fmt.Errorf("encoding the people of a notice: %w", err)
		}
	}
	hash, err := c.opts.Blobs.PutBlob(ctx, lines.Bytes())
	if err != nil {
		return "", fmt.Errorf("keeping %d people of a notice: %w", len(some), err)
	}
	return hash, nil
}

// snapshot reads what was kept; a blob that is gone is an error that says so.
func (c *Client) snapshot(ctx context.Context, hash string) (*snapshot, error) {
	data, err := c.opts.Blobs.Blob(ctx, hash)
	if err != nil {
		return nil, fmt.Errorf("reading the snapshot of the notice: %w", err)
	}
	var s snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, orchestrator.Permanent(fmt.Errorf("blob %s is no snapshot of a notice: %w", hash, err))
	}
	return &s, nil
}

// people reads the recipients of one chunk.
func (c *Client) people(ctx context.Context, k chunk) ([]recipient, error) {
	data, err := c.opts.Blobs.Blob(ctx, k.Blob)
	if err != nil {
		return nil, fmt.Errorf("reading the people of the notice: %w", err)
	}
	all := make([]recipient, 0, k.Count)
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		var r recipient
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, orchestrator.Permanent(fmt.Errorf("blob %s holds no people: %w", k.Blob, err))
		}
		all = append(all, r)
	}
	if len(all) != k.Count {
		return nil, orchestrator.Permanent(fmt.Errorf("blob %s holds %d people instead of %d; nobody was mailed", k.Blob, len(all), k.Count))
	}
	return all, lines.Err()
}

// everybody reads the people of all chunks, in their order.
func (c *Client) everybody(ctx context.Context, s *snapshot) ([]recipient, error) {
	var all []recipient
	for _, k := range s.Chunks {
		some, err := c.people(ctx, k)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

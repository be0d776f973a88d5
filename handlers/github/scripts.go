package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// maxScript bounds what is read of a migration; a longer one is not judged.
const maxScript = 1 << 20

var errLongScript = errors.New("it is longer than 1 MiB, which is more than is read")

// Script reads the migration.sql of one folder at a commit, in one call. The token needs
// Contents: read.
func (t *Trees) Script(ctx context.Context, commit, folder string) ([]byte, error) {
	parts := append(append([]string{}, t.path...), folder, "migration.sql")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	todo := fmt.Sprintf("show %s of %s/%s at %s", strings.Join(parts, "/"), t.owner, t.name, short(commit))
	req, err := t.client.rest.NewRequest(ctx, "GET", fmt.Sprintf("repos/%s/%s/contents/%s?ref=%s", t.owner, t.name, strings.Join(parts, "/"), url.QueryEscape(commit)), nil)
	if err != nil {
		return nil, fmt.Errorf("making the request to %s: %w", todo, err)
	}
	req.Header.Set("Accept", "application/vnd.github.raw+json")
	var body bounded
	if _, err := t.client.rest.Do(req, &body); err != nil {
		if errors.Is(err, errLongScript) {
			return nil, fmt.Errorf("asking GitHub to %s: %w", todo, err)
		}
		return nil, failedAs(err, false, todo, adviceOnRef)
	}
	return body.kept.Bytes(), nil
}

// bounded keeps up to maxScript bytes and refuses more.
type bounded struct{ kept bytes.Buffer }

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.kept.Len()+len(p) > maxScript {
		return 0, errLongScript
	}
	return b.kept.Write(p)
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/orchestrator"
)

// client speaks to the admin listener of a running Backout.
type client struct {
	base  string
	token string
	http  *http.Client
}

// clientFlags are the flags of every command that asks a running Backout.
type clientFlags struct {
	server, token, data string
	json                string
}

func (f *clientFlags) add(c *cobra.Command) {
	c.PersistentFlags().StringVar(&f.server, "server", envOr("BACKOUT_SERVER", "http://127.0.0.1:8080"), "admin address of the running Backout")
	c.PersistentFlags().StringVar(&f.token, "token", "", "your token (default: $BACKOUT_TOKEN, then admin.token in --data)")
	c.PersistentFlags().StringVar(&f.data, "data", "backout-data", "data folder, to find admin.token")
	f.addOutput(c)
}

// addOutput is for commands that ask nobody.
func (f *clientFlags) addOutput(c *cobra.Command) {
	c.PersistentFlags().StringVarP(&f.json, "output", "o", "text", "text or json")
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

func (f *clientFlags) client() *client {
	token := f.token
	if token == "" {
		token = os.Getenv("BACKOUT_TOKEN")
	}
	if token == "" {
		if b, err := os.ReadFile(filepath.Join(f.data, "admin.token")); err == nil {
			token = strings.TrimSpace(string(b))
		}
	}
	return &client{base: strings.TrimRight(f.server, "/"), token: token, http: &http.Client{Timeout: 30 * time.Second}}
}

// get reads path into v.
func (c *client) get(ctx context.Context, path string, query url.Values, v any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.call(ctx, http.MethodGet, path, nil, v)
}

func (c *client) post(ctx context.Context, path string, body, v any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encoding the request: %w", err)
	}
	return c.call(ctx, http.MethodPost, path, data, v)
}

func (c *client) call(ctx context.Context, method, path string, body []byte, v any) error {
	base, err := c.address()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("building the request to %s: %w", base+path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(c.authorized(req))
	if err != nil {
		return c.unanswered(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", c.base, err)
	}
	if resp.StatusCode != http.StatusOK {
		return c.refused(resp.Status, data)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return c.stranger("does not answer as a Backout does")
	}
	return nil
}

// say sends words as a command.
func (c *client) say(ctx context.Context, words string) (orchestrator.Reply, error) {
	var r orchestrator.Reply
	err := c.post(ctx, "/api/v1/commands", map[string]string{"words": words}, &r)
	return r, err
}

// show prints v as JSON, or as text by fn.
func (f *clientFlags) show(w io.Writer, v any, text func() error) error {
	switch f.json {
	case "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	case "text":
		return text()
	}
	return usageError{fmt.Errorf("-o takes text or json, not %q", f.json)}
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// openProcess is the running child as the bench sees it.
type openProcess struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	url    string
	nats   string
	token  string
	client *http.Client
}

// startProcess starts this program as a child and returns when it is ready.
func startProcess(ctx context.Context, m *openMeasure) (*openProcess, error) {
	p, err := beginProcess(ctx, m)
	if err != nil {
		return nil, err
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the child ended before it was ready: %w", err), p.kill())
	}
	at := addresses(line)
	p.url, p.nats = at["admin"], at["nats"]
	return p, nil
}

// beginProcess starts this program as a child and does not wait for it to be ready.
func beginProcess(ctx context.Context, m *openMeasure) (*openProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	p := &openProcess{token: m.token, client: &http.Client{Timeout: benchSettle}}
	p.cmd = exec.CommandContext(ctx, self, //nolint:gosec // this very program
		"bench", "open", "--bare", "--dir", m.dir, "--count", strconv.Itoa(m.count), "--target", m.target.url)
	p.cmd.Stderr = m.log
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("starting the child: %w", err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting the child: %w", err)
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the child: %w", err)
	}
	return p, nil
}

// kill ends the child with SIGKILL and waits until it is gone.
func (p *openProcess) kill() error {
	p.client.CloseIdleConnections()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing the child: %w", err)
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("waiting for the child: %w", err)
	}
	return nil
}

// memory asks the child what it takes.
func (p *openProcess) memory(context.Context) (m childMemory, err error) {
	if _, err := io.WriteString(p.in, "memory\n"); err != nil {
		return m, fmt.Errorf("asking the child what it takes: %w", err)
	}
	line, err := p.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &m)
	}
	if err != nil {
		return m, fmt.Errorf("asking the child what it takes: %w", err)
	}
	return m, nil
}

// say gives a command in the person's name, as the command line does.
func (p *openProcess) say(ctx context.Context, words string) (orchestrator.Reply, error) {
	body, err := json.Marshal(map[string]string{"words": words})
	if err != nil {
		return orchestrator.Reply{}, fmt.Errorf("encoding a command: %w", err)
	}
	var r orchestrator.Reply
	return r, p.call(ctx, http.MethodPost, "/api/v1/commands", body, &r)
}

// call asks the API; into may be nil.
func (p *openProcess) call(ctx context.Context, method, path string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("building a request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	resp, err := p.client.Do(req)
	if err != nil {
		return fmt.Errorf("calling the child: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("it answered %s: %s", resp.Status, text)
	}
	if err == nil && into != nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("calling the child: %s: %w", path, err)
	}
	return nil
}

// timed is how many milliseconds a read of the API takes.
func (p *openProcess) timed(ctx context.Context, path string) (float64, error) {
	start := time.Now()
	err := p.call(ctx, http.MethodGet, path, nil, nil)
	return ms(time.Since(start)), err
}

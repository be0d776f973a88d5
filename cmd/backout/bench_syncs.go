package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// tracedIncidents is how many incidents the traced pass makes at least: enough
// that the engine runs in bundles as it does in the rounds.
const tracedIncidents = 1000

// syncsPass is a pass that counts disk syncs: one child makes few units of work,
// another many, and the difference is spread over per.
type syncsPass struct {
	wanted bool
	log    io.Writer
	// dir is where the children work, name what their folders are called.
	dir, name string
	// args are the command line up to --bare, --dir and --count.
	args      []string
	few, many int
	per       float64
}

// syncsEach says how many disk syncs a unit costs, or why that is not known. A
// traced process is slower, so this is a pass of its own.
func syncsEach(ctx context.Context, p syncsPass) (each float64, note string) {
	if !p.wanted {
		return 0, "not counted: --syncs=false"
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		return 0, "not counted: strace is not installed"
	}
	fmt.Fprintf(p.log, "counting disk syncs of %s, under strace\n", p.name)
	few, err := p.traced(ctx, strace, p.few)
	many := 0
	if err == nil {
		many, err = p.traced(ctx, strace, p.many)
	}
	if err != nil {
		return 0, "not counted: " + err.Error()
	}
	return float64(many-few) / p.per, ""
}

// countSyncs fills in how many disk syncs an incident costs.
func (b *incidentsBench) countSyncs(ctx context.Context, line *incidentsLine, wanted bool) {
	count := max(tracedIncidents, 4*line.InFlight)
	line.Syncs, line.SyncsNote = syncsEach(ctx, syncsPass{
		wanted: wanted, log: b.log, dir: b.dir, name: fmt.Sprintf("%d-in-flight", line.InFlight), few: 1, many: count + 1, per: float64(count),
		args: []string{"bench", "incidents", "--in-flight", strconv.Itoa(line.InFlight)},
	})
}

// traced runs this program again under strace and returns the syncs it made,
// those of its start and end included.
func (p syncsPass) traced(ctx context.Context, strace string, count int) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("finding this program: %w", err)
	}
	dir := filepath.Join(p.dir, fmt.Sprintf("traced-%s-%d", p.name, count))
	out := dir + ".strace"
	args := append([]string{"-f", "-c", "-o", out, "-e", "trace=fsync,fdatasync,msync", self}, p.args...)
	cmd := exec.CommandContext(ctx, strace, append(args, "--bare", "--dir", dir, "--count", strconv.Itoa(count))...) //nolint:gosec // strace and this very program
	text, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("strace failed: %w: %s", err, lastLine(string(text)))
	}
	table, err := os.Open(out)
	if err != nil {
		return 0, fmt.Errorf("reading what strace counted: %w", err)
	}
	n, err := readSyncs(table)
	return n, errors.Join(err, table.Close())
}

// readSyncs adds up the column of calls in the table of strace -c (strace(1)):
// % time, seconds, usecs/call, calls, errors or nothing, syscall.
func readSyncs(r io.Reader) (int, error) {
	total, found := 0, false
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 5 {
			continue
		}
		switch f[len(f)-1] {
		case "fsync", "fdatasync", "msync":
			n, err := strconv.Atoi(f[3])
			if err != nil {
				return 0, fmt.Errorf("reading what strace counted in %q: %w", lines.Text(), err)
			}
			total, found = total+n, true
		}
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("reading what strace counted: %w", err)
	}
	if !found {
		return 0, errors.New("strace saw no sync at all")
	}
	return total, nil
}

// bare is the traced child: one round.
func (b *incidentsBench) bare(ctx context.Context) error {
	if b.flags.dir == "" || b.flags.count == 0 || len(b.inFlight) != 1 {
		return usageError{errors.New("--bare needs --dir, --count and one --in-flight")}
	}
	_, err := b.round(ctx, b.flags.dir, b.inFlight[0])
	return err
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

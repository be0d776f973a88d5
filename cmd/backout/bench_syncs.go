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

// countSyncs fills in how many disk syncs an incident costs, or why that is not
// known. A traced process is slower, so this is a pass of its own.
func (b *incidentsBench) countSyncs(ctx context.Context, line *incidentsLine, wanted bool) {
	if !wanted {
		line.SyncsNote = "not counted: --syncs=false"
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		line.SyncsNote = "not counted: strace is not installed"
		return
	}
	fmt.Fprintf(b.log, "counting disk syncs with %d in flight, under strace\n", line.InFlight)
	count := max(tracedIncidents, 4*line.InFlight)
	none, err := b.traced(ctx, strace, line.InFlight, 1)
	if err == nil {
		var all int
		all, err = b.traced(ctx, strace, line.InFlight, count+1)
		line.Syncs = float64(all-none) / float64(count)
	}
	if err != nil {
		line.Syncs, line.SyncsNote = 0, "not counted: "+err.Error()
	}
}

// traced runs this program again under strace and returns the syncs it made,
// those of its start and end included.
func (b *incidentsBench) traced(ctx context.Context, strace string, inFlight, count int) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("finding this program: %w", err)
	}
	dir := filepath.Join(b.dir, fmt.Sprintf("traced%d-%d", inFlight, count))
	out := dir + ".strace"
	cmd := exec.CommandContext(ctx, strace, "-f", "-c", "-o", out, "-e", "trace=fsync,fdatasync,msync", //nolint:gosec // strace and this very program
		self, "bench", "incidents", "--bare", "--dir", dir, "--in-flight", strconv.Itoa(inFlight), "--count", strconv.Itoa(count))
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

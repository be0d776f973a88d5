package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
)

// disk is a small file system of its own, in a mount namespace that a child keeps
// alive. A nil disk is the disk that everything is on.
type disk struct {
	t      testing.TB
	holder *process
	dir    string
}

// mountDisk mounts a tmpfs on a new folder; the test skips where that is not
// allowed.
func mountDisk(tb testing.TB, dir, size string) *disk {
	tb.Helper()
	if out, err := exec.CommandContext(tb.Context(), "unshare", "-rm", "true").CombinedOutput(); err != nil {
		tb.Skipf("skipped: `unshare -rm` is not possible here (%v: %s), so there is no small disk to fill", err, strings.TrimSpace(string(out)))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		tb.Fatal(err)
	}
	holder, err := launch(tb, filepath.Join(filepath.Dir(dir), "disk.log"), nil,
		"unshare", "-rm", "sh", "-c", `mount -t tmpfs -o size="$1" tmpfs "$0" && echo mounted && exec sleep 600`, dir, size)
	if err != nil {
		tb.Fatal(err)
	}
	return &disk{t: tb, holder: holder, dir: dir}
}

// inside are the words that start a program where the disk is mounted.
func (d *disk) inside() []string {
	if d == nil {
		return nil
	}
	return []string{"nsenter", "-t", fmt.Sprint(d.holder.Process.Pid), "-U", "-m", "--preserve-credentials", "--"}
}

// seen is how a path of the disk is reached from here.
func (d *disk) seen(path string) string {
	if d == nil {
		return path
	}
	return fmt.Sprintf("/proc/%d/root%s", d.holder.Process.Pid, path)
}

func (d *disk) free() int64 {
	d.t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.seen(d.dir), &st); err != nil {
		d.t.Fatal(err)
	}
	return int64(st.Bavail) * st.Bsize
}

func (d *disk) ballast() string { return d.seen(filepath.Join(d.dir, "ballast")) }

// fill leaves so many bytes of the disk.
func (d *disk) fill(left int64) {
	d.t.Helper()
	file := must(os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600))(d.t)
	defer file.Close()
	block := make([]byte, 1<<20)
	for {
		n := min(d.free()-left, int64(len(block)))
		if n <= 0 {
			return
		}
		if _, err := file.Write(block[:n]); errors.Is(err, syscall.ENOSPC) && left == 0 {
			return
		} else if err != nil {
			d.t.Fatal(err)
		}
	}
}

// empty takes the ballast away.
func (d *disk) empty() {
	d.t.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		d.t.Fatal(err)
	}
}

// do runs a command where the disk is mounted.
func (d *disk) do(args ...string) (said string, err error) {
	args = append(d.inside(), args...)
	out, err := exec.CommandContext(d.t.Context(), args[0], args[1:]...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// TestPressure_diskNearlyFull: before the disk is full new signals are refused, so
// that people and what runs have the rest of it; when there is room again it goes
// on by itself.
func TestPressure_diskNearlyFull(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true, Disk: "64m"})
	s.breakShop()
	s.waitsForYes()
	s.disk.fill(8 << 20)
	s.waitReadyz(http.StatusServiceUnavailable, "Make room there and it goes on by itself")
	_, why := s.readyz()
	t.Logf("/readyz says: %s", why)
	if status, said := s.hookOne("refused"); status != http.StatusServiceUnavailable || !strings.Contains(said, "new signals are refused") {
		t.Errorf("a signal is answered %d %s", status, said)
	}
	s.published("waits")
	s.mustSay("approve INC-1 back")
	s.waitBack()
	s.disk.empty()
	s.waitReadyz(http.StatusOK, "")
	if status, said := s.hookOne("taken"); status != http.StatusOK {
		t.Errorf("with room again a signal is answered %d %s", status, said)
	}
	s.wantKnown("nats/noise", []string{"waits"})
	if s.seen("http/events", "refused") {
		t.Error("what was refused came later")
	}
	s.wantOneRollback()
	s.backout.stop(t)
}

// TestPressure_diskFull: the disk is full to the last byte in the middle of a
// rollback. Backout ends with one plain line, says it again when it is started
// without room, and goes on when there is some: nothing acknowledged is lost,
// nothing done twice.
func TestPressure_diskFull(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true, Disk: "64m"})
	s.breakShop()
	s.waitsForYes()
	var acked []string
	for i := range 5 {
		id := fmt.Sprint("before", i)
		if status, said := s.hookOne(id); status != http.StatusOK {
			t.Fatalf("%d %s", status, said)
		}
		acked = append(acked, id)
	}
	s.mustSay("approve INC-1 back")
	s.waitIncident("INC-1", "rolling back", func(inc *console.Incident) bool {
		return slices.Contains([]string{"accepted", "done"}, stepOf(inc, "back").State)
	})
	s.disk.fill(0)
	for i := range 100 {
		id := fmt.Sprint("during", i)
		status, said := s.hookOne(id)
		if status == http.StatusOK {
			acked = append(acked, id)
			continue
		}
		t.Logf("on a full disk a signal is answered %d %s", status, said)
		break
	}
	s.wantEnded(t)
	if err := s.tryRestart(""); err == nil {
		t.Error("Backout started on a full disk")
	} else {
		t.Logf("started on a full disk it says: %s", s.backout.lastLine())
		s.wantEnded(t)
	}
	s.disk.empty()
	s.restart("")
	s.approveAgain()
	s.waitBack()
	s.wantKnown("http/events", acked)
	t.Logf("%d acknowledged events are known", len(acked))
	s.wantOneRollback()
	s.backout.stop(t)
}

// wantEnded waits for the end of a Backout that cannot write: exit 1, one line.
func (s *shop) wantEnded(t *testing.T) {
	t.Helper()
	select {
	case <-s.backout.ended:
	case <-time.After(20 * time.Second):
		status, said := s.readyz()
		t.Fatalf("Backout did not end on a full disk; /readyz says %d %s\n%s", status, said, s.backout.said())
	}
	line := s.backout.lastLine()
	t.Logf("it ended with: %s", line)
	if code := s.backout.ProcessState.ExitCode(); code != 1 || !strings.HasPrefix(line, "backout: ") || !strings.Contains(line, "no space left on") {
		t.Errorf("it ended with %d and the line %q", code, line)
	}
}

// lastLine is the last line on standard error.
func (p *process) lastLine() string {
	lines := strings.Split(strings.TrimSpace(p.said()), "\n")
	return lines[len(lines)-1]
}

// TestPressure_diskReadOnly: Backout starts on a disk that became read-only with
// one plain line, and goes on where it was when the disk can be written again. A
// disk with files open for writing refuses to become read-only (EBUSY), so that
// comes between two starts.
func TestPressure_diskReadOnly(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true, Disk: "64m"})
	s.breakShop()
	s.waitsForYes()
	if said, err := s.disk.do("mount", "-o", "remount,ro", s.disk.dir); err == nil || !strings.Contains(said, "busy") {
		t.Errorf("a disk in use became read-only: %v %s", err, said)
	}
	s.backout.kill9()
	if said, err := s.disk.do("mount", "-o", "remount,ro", s.disk.dir); err != nil {
		t.Fatal(err, said)
	}
	if err := s.tryRestart(""); err == nil {
		t.Fatal("Backout started on a read-only disk")
	}
	line := s.backout.lastLine()
	t.Logf("on a read-only disk it says: %s", line)
	if code := s.backout.ProcessState.ExitCode(); code != 1 || !strings.HasPrefix(line, "backout: ") || !strings.Contains(line, "read-only file system") {
		t.Errorf("it ended with %d and the line %q", code, line)
	}
	if said, err := s.disk.do("mount", "-o", "remount,rw", s.disk.dir); err != nil {
		t.Fatal(err, said)
	}
	s.restart("")
	s.approveAgain()
	s.waitBack()
	s.wantOneRollback()
	s.backout.stop(t)
}

// TestPressure_diskOfTheStateFull: the log is elsewhere and only the state is on a
// full disk. The state is a view of the log, so the process ends with a line and
// folds on when there is room.
func TestPressure_diskOfTheStateFull(t *testing.T) {
	t.Parallel()
	address, env := externalNATS(t)
	s := newShop(t, shopOptions{NATSURL: address, Env: env, Kind: true, Disk: "32m"})
	s.breakOverHTTP()
	s.waitsForYes()
	s.disk.fill(0)
	var acked []string
	for i := range 100 {
		if status, _ := s.hookOne(fmt.Sprint("during", i)); status != http.StatusOK {
			break
		}
		acked = append(acked, fmt.Sprint("during", i))
	}
	s.wantEnded(t)
	s.disk.empty()
	s.restart("")
	s.wantKnown("http/events", acked)
	s.approveAgain()
	s.waitBack()
	t.Logf("%d events acknowledged while the state could not be written are known", len(acked))
	s.wantOneRollback()
	s.backout.stop(t)
}

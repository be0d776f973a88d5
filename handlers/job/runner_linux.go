package job

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// detach puts the supervisor into a session of its own, so that no signal meant for
// Backout reaches it.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// reaped collects a child that has ended, without waiting for it.
func reaped(pid int) bool {
	for {
		got, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		if !errors.Is(err, syscall.EINTR) {
			return got == pid || err != nil
		}
	}
}

// remains reports whether a process of a group is still at work.
func remains(group int) bool {
	if group == 0 {
		return false
	}
	found, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range found {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // It ended meanwhile.
		}
		// "PID (NAME) STATE PARENT GROUP …", and the name may hold anything.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) > 2 && fields[0] != "Z" && fields[2] == strconv.Itoa(group) {
			return true
		}
	}
	return false
}

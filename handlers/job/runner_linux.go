package job

import (
	"errors"
	"os/exec"
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

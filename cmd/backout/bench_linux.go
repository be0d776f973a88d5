package main

import (
	"os"
	"syscall"
	"time"
)

// syncData is the sync that both the log and the store wait for.
func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// cpuTime is the time this process has spent on processors, in user and kernel.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// freeze stops a process as a machine that hangs would, or lets it go on.
func (p *process) freeze(on bool) error {
	sig := syscall.SIGCONT
	if on {
		sig = syscall.SIGSTOP
	}
	return p.Process.Signal(sig)
}

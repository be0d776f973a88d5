//go:build !linux

package job

import (
	"context"
	"errors"
	"os/exec"
)

// What a supervisor promises needs Linux: a child that dies with it, and being the
// parent of what a child leaves behind.
var errLinux = errors.New("jobs need Linux")

// Supervise is not there on this system.
func Supervise(context.Context, string, func(string) string) error { return errLinux }

func locked(string) (bool, error) { return false, errLinux }

func detach(*exec.Cmd) {}

func remains(int) bool { return false }

func reaped(int) bool { return false }

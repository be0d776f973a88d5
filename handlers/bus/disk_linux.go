package bus

import "golang.org/x/sys/unix"

// diskFree is what a user may still write under dir, in bytes.
func diskFree(dir string) (free int64, known bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return int64(st.Bavail) * st.Bsize, true
}

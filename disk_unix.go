//go:build darwin || freebsd || linux

package summit

import "golang.org/x/sys/unix"

// DiskFree returns how many bytes this user may still write in the folder;
// false where the system doesn't say.
func DiskFree(folder string) (uint64, bool) {
	var s unix.Statfs_t
	if unix.Statfs(folder, &s) != nil || int64(s.Bavail) < 0 {
		return 0, false
	}
	return uint64(s.Bavail) * uint64(s.Bsize), true
}

package summit

import "golang.org/x/sys/windows"

// DiskFree returns how many bytes this user may still write in the folder;
// false where the system doesn't say.
func DiskFree(folder string) (uint64, bool) {
	name, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return 0, false
	}
	var free uint64
	if windows.GetDiskFreeSpaceEx(name, &free, nil, nil) != nil {
		return 0, false
	}
	return free, true
}

package summit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// dataVersion is the version of the data directory's layout. Each file in it
// has its own version beside that.
const dataVersion = 1

// The files of a data directory.
const (
	lockFile    = "lock"
	versionFile = "version"
	keysFile    = "keys.db"
	runsFile    = "runs.db"
	samplesFile = "samples.db"
	booksFile   = "books.db"
	adminFile   = "admin-key"

	booksKeyFile     = "books-key" // that close records are signed with
	statementsFolder = "statements"
)

// dataDir is a data directory that this process owns until it is closed.
type dataDir struct {
	path string
	lock *os.File
}

// openDataDir makes the folder if it is missing, for its owner only, and
// takes its lock: one server writes to it.
func openDataDir(path string, warn func(string)) (*dataDir, error) {
	if err := makeDataDir(path, warn); err != nil {
		return nil, err
	}
	name := filepath.Join(path, lockFile)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("summit: data_dir: %w", err)
	}
	fail := func(err error) (*dataDir, error) { return nil, errors.Join(err, f.Close()) }
	switch got, err := tryLock(f); {
	case err != nil:
		return fail(fmt.Errorf("summit: data_dir: lock %s: %w", name, err))
	case !got:
		return fail(&NotReadyError{
			fmt.Errorf("summit: data_dir: %s is in use by %s", path, holder(name)),
			"stop that process, or give this one a folder of its own with --data-dir",
		})
	}
	if err := errors.Join(f.Truncate(0), writeAt(f, strconv.Itoa(os.Getpid())+"\n")); err != nil {
		return fail(fmt.Errorf("summit: data_dir: %s: %w", name, err))
	}
	if err := checkVersion(path, true); err != nil {
		return fail(err)
	}
	return &dataDir{path, f}, nil
}

// holder names the process that wrote the lock file.
func holder(lock string) string {
	if text, err := readBounded(lock, 32); err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			return fmt.Sprintf("process %d", pid)
		}
	}
	return "another process"
}

// InUse names the process that serves from a data directory; empty = none.
func InUse(dataDir string) string {
	name := filepath.Join(dataDir, lockFile)
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	if got, err := tryLock(f); got || err != nil {
		return ""
	}
	return holder(name)
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// file returns the path of a file in the folder.
func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

// Close releases the folder.
func (d *dataDir) Close() error { return d.lock.Close() }

// makeDataDir makes the folder if it is missing.
func makeDataDir(path string, warn func(string)) error {
	if path == "" {
		return &NotReadyError{errors.New("summit: data_dir: not set, and the user has no home folder"), "set data_dir, --data-dir or SUMMIT_DATA_DIR"}
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return &NotReadyError{fmt.Errorf("summit: data_dir: %w", err), "choose a folder that you can write to with --data-dir"}
	}
	if info, err := os.Stat(path); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		warn(fmt.Sprintf("data_dir %s can be entered by others (mode %04o), want 0700", path, info.Mode().Perm()))
	}
	return nil
}

// checkVersion reads the layout's version; a folder without one is given one
// if write is set. A newer layout is refused untouched.
func checkVersion(path string, write bool) error {
	name := filepath.Join(path, versionFile)
	text, err := readBounded(name, 32)
	switch {
	case errors.Is(err, fs.ErrNotExist) && write:
		if err := os.WriteFile(name, []byte(strconv.Itoa(dataVersion)+"\n"), 0o600); err != nil {
			return fmt.Errorf("summit: data_dir: %w", err)
		}
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("summit: data_dir: %w", err)
	}
	v, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || v < 1 {
		return fmt.Errorf("summit: data_dir: %s: %q is no version of a data directory", name, clip(string(text)))
	}
	if v > dataVersion {
		return fmt.Errorf("summit: data_dir: %s has layout version %d, this program knows versions up to %d: use the newer program that wrote it", path, v, dataVersion)
	}
	return nil
}

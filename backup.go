package summit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// BackedUp is one file of a backup.
type BackedUp struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Backup copies a data directory into the folder, which is made and must be
// empty. It works beside a running server: each store is copied as it stands
// at one moment. The files with the first admin key and with the key that close
// records are signed with are left out: keys in the store are hashed, and a
// backup should hold no secret. Statements can be written again. A started copy is
// used by pointing data_dir at it.
func Backup(ctx context.Context, dataDir, folder string) (files []BackedUp, err error) {
	fail := func(err error) ([]BackedUp, error) { return nil, fmt.Errorf("summit: backup: %w", err) }
	if _, err := os.Stat(filepath.Join(dataDir, versionFile)); err != nil {
		return nil, &NotReadyError{fmt.Errorf("summit: backup: %s is no data directory: %w", dataDir, err), "name the right one with --data-dir; \"summit config show\" says which is in force"}
	}
	if err := checkVersion(dataDir, false); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fail(err)
	}
	if there, err := os.ReadDir(folder); err != nil {
		return fail(err)
	} else if len(there) > 0 {
		return fail(fmt.Errorf("%s is not empty, want a new or an empty folder", folder))
	}
	defer func() {
		if err != nil { // half a backup is none
			for _, name := range []string{versionFile, keysFile, runsFile, samplesFile, booksFile} {
				_ = os.Remove(filepath.Join(folder, name))
			}
		}
	}()
	// The version comes last: a folder without one was not finished.
	for _, name := range []string{keysFile, runsFile, samplesFile, booksFile, versionFile} {
		from, to := filepath.Join(dataDir, name), filepath.Join(folder, name)
		if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		copyTo := copyFile
		if strings.HasSuffix(name, ".db") {
			copyTo = copySQLite
		}
		if err := copyTo(ctx, from, to); err != nil {
			return fail(fmt.Errorf("%s: %w", name, err))
		}
		info, err := os.Stat(to)
		if err != nil {
			return fail(err)
		}
		files = append(files, BackedUp{name, info.Size()})
	}
	return files, nil
}

func copyFile(_ context.Context, from, to string) error {
	data, err := readBounded(from, maxFileBytes)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}

// copySQLite writes a compact copy of a store that others may be writing to.
func copySQLite(ctx context.Context, from, to string) error {
	// An empty file is taken as the target, with its mode.
	if err := os.WriteFile(to, nil, 0o600); err != nil {
		return err
	}
	abs, err := filepath.Abs(from)
	if err != nil {
		return err
	}
	slashed := filepath.ToSlash(abs)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed
	}
	name := url.URL{Scheme: "file", Path: slashed, RawQuery: "mode=rw&_busy_timeout=5000"}
	db, err := sql.Open("sqlite", name.String()) // the driver comes with the stores
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `VACUUM INTO ?`, to)
	return errors.Join(err, db.Close())
}

package summit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"summit/identity"
)

// OpenKeys opens the store of keys in a data directory, also beside a running
// server, which then knows of a change within two seconds. The caller closes it.
func OpenKeys(ctx context.Context, dataDir string) (identity.Keys, error) {
	if err := makeDataDir(dataDir, func(string) {}); err != nil {
		return nil, err
	}
	if err := checkVersion(dataDir, true); err != nil {
		return nil, err
	}
	return openKeys(ctx, filepath.Join(dataDir, keysFile))
}

func openKeys(ctx context.Context, path string) (identity.Keys, error) {
	keys, err := identity.OpenSQLite(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("summit: keys: %w", err)
	}
	return keys, nil
}

// firstKey makes an admin key if there is no valid one. The secret is empty
// where there is.
func firstKey(ctx context.Context, keys identity.Keys) (secret string, err error) {
	all, err := keys.List(ctx)
	if err != nil {
		return "", err
	}
	for _, k := range all {
		if k.Role == identity.Admin && k.Revoked.IsZero() {
			return "", nil
		}
	}
	_, secret, err = keys.Create(ctx, identity.Draft{Name: "admin, made at first start", Role: identity.Admin})
	return secret, err
}

// AdminKeyFile returns the file in the data directory that KeepAdminKey wrote;
// empty where there is none.
func AdminKeyFile(dataDir string) string {
	path := filepath.Join(dataDir, adminFile)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// KeepAdminKey writes the secret into the data directory, readable by its
// owner only, and returns the path.
func KeepAdminKey(dataDir, secret string) (string, error) {
	path := filepath.Join(dataDir, adminFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("summit: admin key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("summit: admin key: %w", err)
	}
	_, err = f.WriteString(secret + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("summit: admin key: %w", err)
	}
	return path, nil
}

// Package identitytest is the suite that every store of keys passes.
package identitytest

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"summit/identity"
)

// Run checks the store that open makes, empty, for each subtest. open runs in
// a synctest bubble and leaves the closing to the suite.
func Run(t *testing.T, open func(t *testing.T) identity.Keys) {
	t.Helper()
	for _, c := range []struct {
		name  string
		check func(t *testing.T, keys identity.Keys)
	}{
		{"create and check", createAndCheck},
		{"defaults", defaults},
		{"invalid drafts", invalidDrafts},
		{"secrets are refused", refused},
		{"list", list},
		{"revoke", revoke},
		{"last use", lastUse},
		{"many at once", many},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keys := open(t)
				c.check(t, keys)
				if err := keys.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
		})
	}
}

func create(t *testing.T, keys identity.Keys, d identity.Draft) (identity.Key, string) {
	t.Helper()
	k, secret, err := keys.Create(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return k, secret
}

func listed(t *testing.T, keys identity.Keys) []identity.Key {
	t.Helper()
	all, err := keys.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func createAndCheck(t *testing.T, keys identity.Keys) {
	want, secret := create(t, keys, identity.Draft{Name: "laptop", Tenant: "lab", Role: identity.Admin})
	if !strings.HasPrefix(secret, "sk-summit-") || len(secret) < len("sk-summit-")+32 {
		t.Errorf("a secret of %d characters, want sk-summit- and 32 more at least", len(secret))
	}
	if !strings.HasPrefix(secret, want.Prefix) || len(want.Prefix) > len("sk-summit-")+8 {
		t.Errorf("prefix %q is not the first few characters of the secret", want.Prefix)
	}
	if want.Name != "laptop" || want.Tenant != "lab" || want.Role != identity.Admin {
		t.Errorf("created %+v, want what the draft says", want)
	}
	if !want.Created.Equal(time.Now()) || !want.LastUsed.IsZero() || !want.Revoked.IsZero() {
		t.Errorf("created at %v, used %v, revoked %v, want now, never, never", want.Created, want.LastUsed, want.Revoked)
	}
	got, err := keys.Check(t.Context(), secret)
	got.LastUsed = time.Time{}
	if err != nil || got != want {
		t.Errorf("check gives %+v, %v, want %+v", got, err, want)
	}
}

func defaults(t *testing.T, keys identity.Keys) {
	k, _ := create(t, keys, identity.Draft{Name: "x"})
	if k.Role != identity.User || k.Tenant != identity.DefaultTenant {
		t.Errorf("role %q, tenant %q, want %q, %q", k.Role, k.Tenant, identity.User, identity.DefaultTenant)
	}
}

func invalidDrafts(t *testing.T, keys identity.Keys) {
	f := func(d identity.Draft) {
		t.Helper()
		if _, secret, err := keys.Create(t.Context(), d); !errors.Is(err, identity.ErrInvalid) || secret != "" {
			t.Errorf("%+v: error %v, want ErrInvalid", d, err)
		}
	}
	f(identity.Draft{})
	f(identity.Draft{Name: " "})
	f(identity.Draft{Name: strings.Repeat("x", 101)})
	f(identity.Draft{Name: "a\nb"})
	f(identity.Draft{Name: "\xff"})
	f(identity.Draft{Name: "x", Role: "root"})
	f(identity.Draft{Name: "x", Tenant: strings.Repeat("x", 101)})
	if all := listed(t, keys); len(all) != 0 {
		t.Errorf("%d keys, want none", len(all))
	}
}

func refused(t *testing.T, keys identity.Keys) {
	k, secret := create(t, keys, identity.Draft{Name: "x"})
	swapped := []byte(secret)
	swapped[len(swapped)-1] ^= 1
	for _, s := range []string{
		"", "sk-summit-", "sk-other", k.ID, k.Prefix, secret[:len(secret)-1], secret + "A", " " + secret, secret + "\n",
		string(swapped), strings.ToUpper(secret), strings.Repeat("A", 1<<20), "\x00", "sk-summit-' OR 1=1 --",
	} {
		if got, err := keys.Check(t.Context(), s); !errors.Is(err, identity.ErrUnknown) || got != (identity.Key{}) {
			t.Errorf("a wrong secret of %d bytes: %+v, %v, want ErrUnknown", len(s), got, err)
		}
	}
	if _, err := keys.Check(t.Context(), secret); err != nil {
		t.Errorf("the right secret: %v", err)
	}
}

func list(t *testing.T, keys identity.Keys) {
	if all := listed(t, keys); len(all) != 0 {
		t.Errorf("a new store has %d keys", len(all))
	}
	var want []identity.Key
	seen := map[string]bool{}
	for _, name := range []string{"b", "a", "名", "a"} { // names need not differ
		k, secret := create(t, keys, identity.Draft{Name: name})
		if seen[k.ID] || seen[secret] {
			t.Error("an id or a secret was given twice")
		}
		seen[k.ID], seen[secret] = true, true
		want = append(want, k)
	}
	got := listed(t, keys)
	if len(got) != len(want) {
		t.Fatalf("%d keys, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("key %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

func revoke(t *testing.T, keys identity.Keys) {
	gone, goneSecret := create(t, keys, identity.Draft{Name: "gone"})
	_, stays := create(t, keys, identity.Draft{Name: "stays"})
	check := func(secret string) error {
		_, err := keys.Check(t.Context(), secret)
		return err
	}
	if err := errors.Join(check(goneSecret), check(stays)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Minute)
	k, err := keys.Revoke(t.Context(), gone.ID)
	when := time.Now()
	if err != nil || !k.Revoked.Equal(when) {
		t.Fatalf("revoked at %v, %v, want now", k.Revoked, err)
	}
	if err := check(goneSecret); !errors.Is(err, identity.ErrUnknown) {
		t.Errorf("a revoked key: %v, want ErrUnknown at once", err)
	}
	if err := check(stays); err != nil {
		t.Errorf("another key: %v", err)
	}
	time.Sleep(time.Minute)
	if k, err = keys.Revoke(t.Context(), gone.ID); err != nil || !k.Revoked.Equal(when) {
		t.Errorf("revoked again: at %v, %v, want the first time %v", k.Revoked, err, when)
	}
	if all := listed(t, keys); len(all) != 2 || !all[0].Revoked.Equal(when) || !all[1].Revoked.IsZero() {
		t.Errorf("listed %+v, want both, the first one revoked", all)
	}
	if _, err := keys.Revoke(t.Context(), "key_none"); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("an unknown id: %v, want ErrNotFound", err)
	}
}

func lastUse(t *testing.T, keys identity.Keys) {
	_, secret := create(t, keys, identity.Draft{Name: "x"})
	first := time.Now()
	use := func(wait time.Duration, want time.Time) {
		t.Helper()
		time.Sleep(wait)
		k, err := keys.Check(t.Context(), secret)
		if err != nil || !k.LastUsed.Equal(want) {
			t.Errorf("checked at %v: last used %v, %v, want %v", time.Now(), k.LastUsed, err, want)
		}
		synctest.Wait() // what the store writes behind the caller's back
		if all := listed(t, keys); !all[0].LastUsed.Equal(want) {
			t.Errorf("listed as last used %v, want %v", all[0].LastUsed, want)
		}
	}
	use(0, first)
	use(identity.LastUsedGrain-time.Second, first)
	use(time.Second, first.Add(identity.LastUsedGrain))
}

func many(t *testing.T, keys identity.Keys) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				k, secret, err := keys.Create(t.Context(), identity.Draft{Name: "x"})
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := keys.Check(t.Context(), secret); err != nil || got.ID != k.ID {
					t.Errorf("a new key: %+v, %v", got, err)
				}
				if _, err := keys.Revoke(t.Context(), k.ID); err != nil {
					t.Error(err)
				}
				if _, err := keys.Check(t.Context(), secret); !errors.Is(err, identity.ErrUnknown) {
					t.Errorf("a revoked key: %v, want ErrUnknown", err)
				}
			}
		})
	}
	wg.Wait()
	if all := listed(t, keys); len(all) != 40 {
		t.Errorf("%d keys, want 40", len(all))
	}
}

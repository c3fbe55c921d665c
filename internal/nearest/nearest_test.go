package nearest

import (
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	known := []string{"listen", "data_dir", "members", "models"}
	f := func(came, want string) {
		t.Helper()
		if got := Name(came, known); got != want {
			t.Errorf("Name(%q) = %q, want %q", came, got, want)
		}
	}
	f("lisetn", "listen")
	f("LISTEN", "listen")
	f("model", "models")
	f("mmebers", "members")
	f("colour", "")
	f("", "")
	f(strings.Repeat("listen", 20), "")
}

func TestDistance(t *testing.T) {
	f := func(a, b string, want int) {
		t.Helper()
		if got := Distance(a, b); got != want {
			t.Errorf("Distance(%q, %q) = %d, want %d", a, b, got, want)
		}
	}
	f("", "", 0)
	f("", "ab", 2)
	f("kitten", "sitting", 3)
	f("ab", "ba", 1)
	f("泰山", "秦山", 1)
}

package gateway

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"summit/llm"
	"summit/llm/llmtest"
)

func TestVia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var via []string
		m := watched{hello("m"), func(v []string) { via = v }}
		s := start(t, nil, m)
		f := func(header, want string, status int) {
			t.Helper()
			via = nil
			a := s.do("POST", "/v1/chat/completions", s.ask(""), viaHeader, header)
			if a.status != status || !strings.Contains(a.body, want) {
				t.Errorf("%q: status %d, %s, want %d, %s", header, a.status, a.body, status, want)
			}
		}
		f("", "", 200)
		if !slices.Equal(via, []string{s.id}) {
			t.Errorf("via %q, want this server", via)
		}
		f("first, second,, bad id", "", 200)
		if !slices.Equal(via, []string{"first", "second", s.id}) {
			t.Errorf("via %q", via)
		}
		f("first, "+s.id+", second", "came back to this server through 1 others", 400)
		if via != nil {
			t.Error("a request that came back was asked")
		}
		f("a,b,c,d,e,f,g,h", "has come through 8 servers", 400)
	})
}

// A caller says how long it waits; the server doesn't work longer.
func TestTimeoutHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, llmtest.Behaving("m", llmtest.Hangs))
		f := func(header string, want time.Duration) {
			t.Helper()
			begun := time.Now()
			a := s.do("POST", "/v1/chat/completions", s.ask(""), timeoutHeader, header)
			if took := time.Since(begun); a.status != 504 || took != want {
				t.Errorf("%q: status %d after %v, want 504 after %v", header, a.status, took, want)
			}
		}
		f("1500", 1500*time.Millisecond)
		f("99999999999", 10*time.Minute)
		f("nonsense", 10*time.Minute)
		f("-1", 10*time.Minute)
	})
}

// watched shows through whom its requests came.
type watched struct {
	llm.Member
	seen func([]string)
}

func (w watched) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	w.seen(llm.Via(ctx))
	return w.Member.Generate(ctx, r)
}

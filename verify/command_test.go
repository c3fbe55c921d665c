package verify

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sandboxed returns a command's checker, or skips where this machine has no
// sandbox.
func sandboxed(t *testing.T, p CommandParams) Checker {
	t.Helper()
	probe, err := New("command", Env{AllowCommands: true}, &CommandParams{Run: []string{"sh", "-c", "exit 0"}})
	if err != nil {
		t.Skipf("no sandbox here: %v", err)
	}
	if _, err := probe.Check(t.Context(), &Case{Text: "x"}); err != nil {
		t.Skipf("no sandbox here: %v", err)
	}
	c, err := New("command", Env{AllowCommands: true}, &p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func shell(script string) CommandParams { return CommandParams{Run: []string{"sh", "-c", script}} }

func TestCommand(t *testing.T) {
	c := &Case{Question: "Print 42.", Text: "First:\n```\nno\n```\nSo:\n```sh\necho 42\n```\n", Answer: "42"}
	f := func(p CommandParams, pass bool, want, wantErr string) {
		t.Helper()
		got, err := sandboxed(t, p).Check(t.Context(), c)
		if got.Pass != pass || !strings.Contains(got.Message, want) || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%q: %+v, %v, want %v with %q, error %q", p.Run, got, err, pass, want, wantErr)
		}
	}
	f(CommandParams{Run: []string{"sh", "test.sh"}, File: "solution.sh", Files: map[string]string{"test.sh": `test "$(sh ./solution.sh)" = "$(cat answer.txt)" && grep -q 42 question.txt && grep -q First reply.txt`}}, true, "", "")
	f(shell("echo wrong; exit 3"), false, "it ended with status 3\nwrong", "")
	f(shell("kill -9 $$"), false, "it was ended by signal 9", "")
	f(CommandParams{Run: []string{"no-such-program"}}, false, "", "can't be run in the sandbox")
	f(CommandParams{Run: []string{"true"}, Paths: []string{"/no/such/folder"}}, false, "", "the sandbox can't be made")
	f(CommandParams{Run: []string{"sh", "-c", "while :; do :; done"}, Seconds: 0.5}, false, "", "")
	f(CommandParams{Run: []string{"sleep", "60"}, Seconds: 0.5}, false, "it ran longer than 500ms", "")
	f(CommandParams{Run: []string{"sh", "-c", "sleep 60 & sleep 60"}, Seconds: 0.5}, false, "it ran longer than 500ms", "")
	f(shell("yes | head -c 100000000; echo the end; exit 1"), false, "the end", "")
}

// What the code may not do ends with a status other than 0 or does nothing.
func TestCommandIsShutIn(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(secret, []byte("s3cret"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SUMMIT_TEST_SECRET", "s3cret")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for name, script := range map[string]string{
		"files":        "cat " + secret,
		"home":         "ls /root /home /etc/passwd /etc/shadow /var /run | grep .",
		"environment":  "env | grep -i s3cret",
		"network":      "exec 3<>/dev/tcp/127.0.0.1/" + port,
		"interfaces":   "grep -v -e lo: -e Inter -e face /proc/net/dev",
		"write root":   "touch /x",
		"write usr":    "touch /usr/x",
		"write dev":    "touch /dev/x || touch /dev/shm/x",
		"processes":    "ls /proc | grep -E '^[0-9]{3,}$'",
		"fill disk":    "head -c 300000000 /dev/zero > /tmp/a",
		"fill disk, 2": "for i in 1 2 3 4 5; do head -c 15000000 /dev/zero > /tmp/a$i || exit 1; done",
		"mount":        "mount -t tmpfs x /tmp",
		"limits":       "ulimit -v unlimited",
	} {
		p := CommandParams{Run: []string{"bash", "-c", script}, MemoryMiB: 64}
		if got, err := sandboxed(t, CommandParams{Run: []string{"bash", "-c", "true"}, MemoryMiB: 64}).Check(t.Context(), &Case{Text: "x"}); err != nil || !got.Pass {
			t.Skipf("bash doesn't run in the sandbox: %+v, %v", got, err)
		}
		got, err := sandboxed(t, p).Check(t.Context(), &Case{Text: "x"})
		if err != nil || got.Pass || strings.Contains(got.Message, "s3cret") {
			t.Errorf("%s: %+v, %v, want a failure", name, got, err)
		}
	}
	// A path that is allowed can be read, and not written.
	allowed := CommandParams{Run: []string{"sh", "-c", fmt.Sprintf("grep -q s3cret %s && ! touch %s", secret, secret)}, Paths: []string{filepath.Dir(secret)}}
	if got, err := sandboxed(t, allowed).Check(t.Context(), &Case{Text: "x"}); err != nil || !got.Pass {
		t.Errorf("paths: %+v, %v, want a pass", got, err)
	}
}

func TestCommandMemoryAndTime(t *testing.T) {
	start := time.Now()
	p := CommandParams{Run: []string{"python3", "code.py"}, File: "code.py", MemoryMiB: 256, Seconds: 5}
	c := sandboxed(t, p)
	run := func(code string) Finding {
		t.Helper()
		f, err := c.Check(t.Context(), &Case{Text: "```python\n" + code + "\n```"})
		if err != nil && strings.Contains(err.Error(), "can't be run in the sandbox") {
			t.Skipf("no python3 in the sandbox: %v", err)
		}
		if err != nil {
			t.Errorf("%q: %v", code, err)
		}
		return f
	}
	if f := run("print(sum(range(1000)))"); !f.Pass {
		t.Errorf("a plain program: %+v", f)
	}
	if f := run("x = bytearray(1 << 30)"); f.Pass || !strings.Contains(f.Message, "MemoryError") {
		t.Errorf("too much memory: %+v", f)
	}
	if f := run("assert 1 + 1 == 3, 'one and one'"); f.Pass || !strings.Contains(f.Message, "AssertionError: one and one") {
		t.Errorf("a failing test: %+v", f)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestCommandStops(t *testing.T) {
	c := sandboxed(t, CommandParams{Run: []string{"sleep", "60"}})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	f, err := c.Check(ctx, &Case{Text: "x"})
	if took := time.Since(start); err == nil || f.Pass || took > 10*time.Second {
		t.Errorf("%+v, %v after %v, want an error as soon as the caller is gone", f, err, took)
	}
}

func TestCommandRefuses(t *testing.T) {
	f := func(env Env, p CommandParams, want string) {
		t.Helper()
		if _, err := New("command", env, &p); err == nil || !strings.HasPrefix(err.Error(), "verify: command: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", p, err, want)
		}
	}
	on, run := Env{AllowCommands: true}, []string{"true"}
	f(Env{}, CommandParams{Run: run}, "allow_commands: true allows it")
	f(on, CommandParams{}, "run: want a command")
	f(on, CommandParams{Run: []string{"--bind", "/"}}, "run: want a command")
	f(on, CommandParams{Run: run, File: "../x"}, `file "../x": want names of files without a folder`)
	f(on, CommandParams{Run: run, File: "reply.txt"}, `file "reply.txt"`)
	f(on, CommandParams{Run: run, File: "a", Files: map[string]string{"a": ""}}, `file "a"`)
	f(on, CommandParams{Run: run, Files: map[string]string{"a/b": ""}}, `file "a/b"`)
	f(on, CommandParams{Run: run, Files: map[string]string{"a": strings.Repeat("x", maxFilesBytes+1)}}, "files: 1 with 1048577 bytes")
	f(on, CommandParams{Run: run, Paths: []string{"x"}}, `paths: "x", want an absolute path`)
	f(on, CommandParams{Run: run, Paths: []string{"/"}}, `paths: "/", want an absolute path other than /`)
	f(on, CommandParams{Run: run, Paths: []string{"/a/../etc"}}, `paths: "/a/../etc"`)
	f(on, CommandParams{Run: run, Seconds: -1}, "seconds: -1, want 0 to 300")
	f(on, CommandParams{Run: run, MemoryMiB: -1}, "memory_mib: -1, want 0 to 65536")
	t.Setenv("PATH", t.TempDir())
	f(on, CommandParams{Run: run}, "the sandbox needs the program bwrap (package bubblewrap, Linux only), which is not in PATH")
}

func TestTailBuffer(t *testing.T) {
	var b tailBuffer
	for i := range 3000 {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	if s := b.String(); len(b.kept) != maxOutputBytes || !strings.HasPrefix(s, "…") || !strings.HasSuffix(s, "line 2999") || len(s) > MaxMessageBytes {
		t.Errorf("%d bytes kept, %d shown, ends in %q", len(b.kept), len(s), s[len(s)-20:])
	}
}

func FuzzBlocks(f *testing.F) {
	f.Add("a\n```go\nx := 1\n```\n~~~~\n```\n~~~~\n``` `")
	f.Fuzz(func(t *testing.T, text string) {
		size := 0
		for _, b := range blocks(text) {
			size += len(b.text)
			if !strings.Contains(text, b.text) {
				t.Errorf("block %q does not stand in %q", b.text, text)
			}
		}
		if size > len(text) {
			t.Errorf("%d bytes in the blocks of %d", size, len(text))
		}
	})
}

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"summit": main})
}

// patience bounds every wait for a real process.
const patience = 30 * time.Second

// TestScripts runs the scripts under testdata/script, each in a folder and an
// environment of its own: no configuration, no members around.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "xdg", "config"))
			e.Setenv("XDG_DATA_HOME", filepath.Join(e.WorkDir, "xdg", "data"))
			e.Setenv("SUMMIT_DISCOVER_ENABLED", "false")
			e.Setenv("SUMMIT_DISCOVER_DEMONSTRATION", "true") // its members disagree, so that there is something to see
			e.Setenv("SUMMIT_LISTEN", "127.0.0.1:0")
			model, err := filepath.Abs("../../engine/testdata/qwen2-f32.gguf")
			e.Setenv("MODEL", model) // a small model file
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "await": await, "http": request, "offers": offers, "hangup": hangup, "capture": capture, "fill": fill,
		},
	})
}

// exits runs "exits CODE COMMAND..." and holds the exit code against CODE.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		got = failed.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// await runs "await FILE VARIABLE": it waits until another process has
// written the file and puts its text into the variable.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE VARIABLE")
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && strings.HasSuffix(string(text), "\n") {
			ts.Setenv(args[1], strings.TrimSpace(string(text)))
			return
		}
	}
	ts.Fatalf("%s was not written within %v", args[0], patience)
}

// request runs "http STATUS METHOD URL KEY [BODY-FILE]" and prints the body;
// KEY "-" is none.
func request(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: http STATUS METHOD URL KEY [BODY-FILE]")
	}
	var body []byte
	if len(args) > 4 {
		body = []byte(ts.ReadFile(args[4]))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, args[1], args[2], bytes.NewReader(body))
	ts.Check(err)
	if args[3] != "-" {
		r.Header.Set("Authorization", "Bearer "+args[3])
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	ts.Check(err)
	if want := args[0]; strconv.Itoa(answer.StatusCode) != want {
		ts.Fatalf("status %d, want %s: %s", answer.StatusCode, want, text)
	}
	fmt.Fprintf(ts.Stdout(), "%s\n", text)
}

// offers runs "offers URL KEY MODEL": it waits until the server lists the model.
func offers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: offers URL KEY MODEL")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for ; ; time.Sleep(5 * time.Millisecond) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, args[0]+"/v1/models", nil)
		ts.Check(err)
		r.Header.Set("Authorization", "Bearer "+args[1])
		answer, err := http.DefaultClient.Do(r)
		ts.Check(err)
		text, err := io.ReadAll(answer.Body)
		ts.Check(errors.Join(err, answer.Body.Close()))
		if bytes.Contains(text, []byte(`"id":"`+args[2]+`"`)) {
			return
		}
	}
}

// hangup runs "hangup LOCK": it sends SIGHUP to the process that the lock file
// of a data directory names.
func hangup(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hangup LOCK")
	}
	pid, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	p, err := os.FindProcess(pid)
	ts.Check(err)
	ts.Check(p.Signal(syscall.SIGHUP))
}

// TestHelp draws the help of every command.
func TestHelp(t *testing.T) {
	var b bytes.Buffer
	a := &app{out: &b, err: &b, settings: map[string]string{}}
	root, _ := a.root()
	root.SetOut(&b)
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		fmt.Fprintf(&b, "===== %s\n", c.CommandPath())
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		if c.Runnable() && c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	file := filepath.Join("testdata", "help.golden")
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s differs (-want +got); go test -update rewrites it:\n%s", file, diff)
	}
}

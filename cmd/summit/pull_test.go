package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPull(t *testing.T) {
	files := map[string][]byte{"config.json": []byte("{}"), "model.safetensors": bytes.Repeat([]byte("w"), 5000), "README.md": nil, "a-q4.gguf": []byte("GGUF")}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer wrong" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		if r.URL.Path == "/api/v1/models/o/m/repo/files" {
			var list []map[string]any
			for name, b := range files {
				sum := sha256.Sum256(b)
				list = append(list, map[string]any{"Path": name, "Type": "blob", "Size": len(b), "Sha256": hex.EncodeToString(sum[:])})
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"Code": 200, "Data": map[string]any{"Files": list}})
			return
		}
		b, ok := files[r.URL.Query().Get("FilePath")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	}))
	defer s.Close()
	t.Chdir(t.TempDir())
	pull := func(want int, text string, args ...string) string {
		t.Helper()
		var o, e bytes.Buffer
		code := run(t.Context(), &app{out: &o, err: &e}, append([]string{"pull", "--endpoint", s.URL}, args...))
		if all := o.String() + e.String(); code != want || !strings.Contains(all, text) {
			t.Errorf("pull %v: exit code %d, want %d and %q:\n%s", args, code, want, text, all)
		}
		return o.String()
	}
	pull(0, "README.md", "o/m", "--list")
	pull(0, "a-q4.gguf  4 B\n", "o/m", "--list", "--file", "*.gguf")
	if out := pull(0, filepath.Join("m", "model.safetensors")+"  4.9 KiB  fetched, checked", "o/m"); strings.Contains(out, "README") || strings.Contains(out, "gguf") {
		t.Errorf("more than is needed: %s", out)
	}
	if b, err := os.ReadFile("m/model.safetensors"); err != nil || !bytes.Equal(b, files["model.safetensors"]) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	pull(0, "was there", "o/m")
	pull(0, `"present": true`, "o/m", "-o", "json")
	pull(0, filepath.Join("x", "a-q4.gguf"), "o/m", "--file", "a-*", "--to", "x")
	pull(exitFailed, "--list", "o/m", "--file", "*.bin")
	pull(exitFailed, "404", "o/none")
	pull(exitFailed, "owner/name", "none")
	pull(exitUsage, "huggingface modelscope", "o/m", "--from", "attic")
	pull(exitUsage, "the variable is empty", "o/m", "--token-env", "SUMMIT_TEST_NO_SUCH_TOKEN")
	t.Setenv("SUMMIT_TEST_TOKEN", "wrong")
	if out := pull(exitFailed, "it may want a token", "o/m", "--token-env", "SUMMIT_TEST_TOKEN"); strings.Contains(out, "wrong") {
		t.Error("the token was shown")
	}
}

func TestMeter(t *testing.T) {
	m := &meter{label: "[1/2] model"}
	f := func(done, total int64, took time.Duration, want string) {
		t.Helper()
		if got := m.line(done, total, took); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(0, 2048, 0, "[1/2] model [..............................]   0 %  0 B of 2.0 KiB")
	f(1024, 2048, 2*time.Second, "[1/2] model [###############...............]  50 %  1.0 KiB of 2.0 KiB  512 B/s  2s left")
	f(2048, 2048, 4*time.Second, "[1/2] model [##############################] 100 %  2.0 KiB of 2.0 KiB  512 B/s")
	f(10<<40, 0, 0, "[1/2] model 10.0 TiB")
	f(3, 2, 0, "[1/2] model [##############################] 100 %  3 B of 2 B")
	if got := fmt.Sprint(size(1023), " ", size(1024), " ", size(1<<30)); got != "1023 B 1.0 KiB 1.0 GiB" {
		t.Error(got)
	}
	var b bytes.Buffer // no screen: silent
	n := newMeter(&b, "x")
	n.set(1, 2)
	n.done()
	if b.Len() > 0 {
		t.Errorf("%q into a file", b.String())
	}
}

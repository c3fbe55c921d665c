package hub

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeHub is a server of our own that speaks both protocols, as far as they
// are known to us. It serves each file in pieces: after cut bytes the
// connection breaks.
type fakeHub struct {
	files  map[string][]byte
	cut    int  // 0 = never
	deaf   bool // ignores Range
	fail   int  // so many requests get 503 first
	listed any  // instead of the true list
	serve  map[string][]byte

	mu    sync.Mutex
	asked []string
}

func sum(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }

func blob(b []byte) string {
	s := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(b)), b...))
	return hex.EncodeToString(s[:])
}

func (f *fakeHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked = append(f.asked, r.URL.RequestURI()+" "+r.Header.Get("Range"))
	failing := f.fail > 0
	f.fail--
	f.mu.Unlock()
	if failing {
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	var name string
	switch {
	case r.URL.Path == "/api/v1/models/o/m/repo/files" && r.URL.Query().Get("Revision") == "master":
		type entry struct {
			Path, Type, Sha256 string
			Size               int
		}
		list := []entry{{Path: "sub", Type: "tree"}}
		for n, b := range f.files {
			list = append(list, entry{n, "blob", sum(b), len(b)})
		}
		f.answer(w, map[string]any{"Code": 200, "Data": map[string]any{"Files": list}})
		return
	case r.URL.Path == "/api/models/o/m/tree/main":
		type lfs struct {
			OID  string `json:"oid"`
			Size int    `json:"size"`
		}
		type entry struct {
			Type string `json:"type"`
			OID  string `json:"oid"`
			Path string `json:"path"`
			Size int    `json:"size"`
			LFS  *lfs   `json:"lfs,omitempty"`
		}
		list := []entry{{Type: "directory", Path: "sub"}}
		for n, b := range f.files {
			e := entry{"file", blob(b), n, len(b), nil}
			if len(b) > 1000 { // big files are pointers in git
				e.OID, e.LFS = blob([]byte("pointer")), &lfs{sum(b), len(b)}
			}
			list = append(list, e)
		}
		if page := r.URL.Query().Get("cursor"); page == "" && f.listed == nil {
			w.Header().Set("Link", `<http://`+r.Host+`/api/models/o/m/tree/main?cursor=2>; rel="next"`)
			list = list[:1]
		}
		f.answer(w, list)
		return
	case r.URL.Path == "/api/v1/models/o/m/repo":
		name = r.URL.Query().Get("FilePath")
	default:
		name, _ = strings.CutPrefix(r.URL.Path, "/o/m/resolve/main/")
	}
	b, ok := f.serve[name]
	if !ok {
		b, ok = f.files[name]
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	if f.deaf {
		r.Header.Del("Range")
	}
	if f.cut > 0 {
		w = &cutWriter{w, f.cut}
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
}

func (f *fakeHub) answer(w http.ResponseWriter, v any) {
	if f.listed != nil {
		v = f.listed
	}
	_ = json.NewEncoder(w).Encode(v)
}

// cutWriter breaks the connection after so many bytes.
type cutWriter struct {
	http.ResponseWriter
	left int
}

func (c *cutWriter) Write(p []byte) (int, error) {
	if len(p) >= c.left {
		_, _ = c.ResponseWriter.Write(p[:c.left])
		if f, ok := c.ResponseWriter.(http.Flusher); ok {
			f.Flush()
		}
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

func content(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 31 >> 3)
	}
	return b
}

func start(t *testing.T, f *fakeHub, name string) *Hub {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	h, err := Open(name, Options{Endpoint: s.URL, Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestPull(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			f := &fakeHub{files: map[string][]byte{"config.json": []byte("{}"), "model.safetensors": content(300_000), "sub/a b#%.txt": content(9), "empty.txt": nil}}
			h := start(t, f, name)
			files, err := h.Files(t.Context(), "o/m", "")
			if err != nil || len(files) != 4 || files[0].Name != "config.json" {
				t.Fatalf("%v, %v", files, err)
			}
			dir := filepath.Join(t.TempDir(), "new")
			for _, file := range files {
				var last int64
				got, err := h.Fetch(t.Context(), "o/m", "", file, dir, func(done, total int64) { last = done })
				if err != nil {
					t.Fatal(err)
				}
				b, err := os.ReadFile(got.Path)
				if err != nil || !bytes.Equal(b, f.files[file.Name]) || got.Present || !got.Verified || last != int64(len(b)) {
					t.Errorf("%s: %d bytes, %v, %+v, progress %d", file.Name, len(b), err, got, last)
				}
				if got, err = h.Fetch(t.Context(), "o/m", "", file, dir, nil); err != nil || !got.Present {
					t.Errorf("again: %+v, %v", got, err)
				}
			}
			if left, _ := filepath.Glob(dir + "/*" + partial); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// A broken connection is continued where it broke, by the same call and by a
// later one.
func TestResume(t *testing.T) {
	want := content(300_000)
	file := File{Name: "m.gguf", Bytes: int64(len(want)), SHA256: sum(want)}
	f := &fakeHub{files: map[string][]byte{"m.gguf": want}, cut: 100_000}
	h := start(t, f, "huggingface")
	dir := t.TempDir()
	got, err := h.Fetch(t.Context(), "o/m", "", file, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(got.Path); !bytes.Equal(b, want) || len(f.asked) < 3 || !strings.Contains(f.asked[1], "bytes=") {
		t.Errorf("%d bytes after %v", len(b), f.asked)
	}
	// What an earlier process left.
	dir = t.TempDir()
	os.WriteFile(filepath.Join(dir, "m.gguf"+partial), want[:200_000], 0o600)
	f = &fakeHub{files: f.files}
	h = start(t, f, "modelscope")
	if got, err = h.Fetch(t.Context(), "o/m", "", file, dir, nil); err != nil || got.Resumed != 200_000 || !strings.HasSuffix(f.asked[0], "bytes=200000-") {
		t.Errorf("%+v, %v, %v", got, err, f.asked)
	}
	// A whole one that was not renamed needs no request.
	dir = t.TempDir()
	os.WriteFile(filepath.Join(dir, "m.gguf"+partial), want, 0o600)
	f.asked = nil
	if got, err = h.Fetch(t.Context(), "o/m", "", file, dir, nil); err != nil || len(f.asked) != 0 {
		t.Errorf("%+v, %v, %v", got, err, f.asked)
	}
	// One of another version, and one that is too long, begin anew.
	for _, left := range [][]byte{content(70_000)[1:], bytes.Repeat([]byte{1}, 300_001), bytes.Repeat([]byte{1}, 300_000)} {
		dir = t.TempDir()
		os.WriteFile(filepath.Join(dir, "m.gguf"+partial), left, 0o600)
		if got, err = h.Fetch(t.Context(), "o/m", "", file, dir, nil); err != nil {
			t.Errorf("after %d wrong bytes: %v", len(left), err)
			continue
		}
		if b, _ := os.ReadFile(got.Path); !bytes.Equal(b, want) {
			t.Errorf("after %d wrong bytes: not what was published", len(left))
		}
	}
	// A server that cannot continue.
	dir = t.TempDir()
	os.WriteFile(filepath.Join(dir, "m.gguf"+partial), want[:5], 0o600)
	f.deaf = true
	if got, err = h.Fetch(t.Context(), "o/m", "", file, dir, nil); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(got.Path); !bytes.Equal(b, want) {
		t.Error("a server without ranges: not what was published")
	}
}

func TestFetchRefuses(t *testing.T) {
	want := content(5000)
	file := File{Name: "m.gguf", Bytes: 5000, SHA256: sum(want)}
	f := func(hub *fakeHub, file File, text string) {
		t.Helper()
		dir := t.TempDir()
		hub.files = map[string][]byte{"m.gguf": want}
		_, err := start(t, hub, "huggingface").Fetch(t.Context(), "o/m", "", file, dir, nil)
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %q", err, text)
		}
		if _, err := os.Stat(filepath.Join(dir, "m.gguf")); err == nil {
			t.Errorf("%s: the file got its name", text)
		}
	}
	changed := append([]byte{1}, want[1:]...)
	f(&fakeHub{serve: map[string][]byte{"m.gguf": changed}}, file, "what came is not what was published")
	f(&fakeHub{serve: map[string][]byte{"m.gguf": content(6000)}}, file, "more than the 5000 bytes")
	f(&fakeHub{serve: map[string][]byte{"m.gguf": content(10)}}, file, "ends at 10 of the 5000 bytes")
	f(&fakeHub{}, File{Name: "none.gguf", Bytes: 5}, "404 Not Found: there is no such")
	f(&fakeHub{fail: 5}, file, "503 Service Unavailable (5 tries)")
	for _, name := range []string{"", ".", "..", "../x", "a/../../x", "/etc/passwd", `a\b`, "a//b", "a/", "C:x", "a\x00b", "a\nb", "con.", "a ", strings.Repeat("x", 600)} {
		f(&fakeHub{}, File{Name: name, Bytes: 5}, "not a plain path")
	}
	f(&fakeHub{}, File{Name: "x", Bytes: -1}, "-1 bytes")
	f(&fakeHub{}, File{Name: "x", SHA256: "xyz"}, "not a SHA-256")
	f(&fakeHub{}, File{Name: "x", GitSHA1: "xyz"}, "not a SHA-1")

	// Somebody's own file is not overwritten, and a link leads nowhere.
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "m.gguf"), changed, 0o600)
	h := start(t, &fakeHub{files: map[string][]byte{"m.gguf": want}}, "huggingface")
	if _, err := h.Fetch(t.Context(), "o/m", "", file, dir, nil); err == nil || !strings.Contains(err.Error(), "remove it first") {
		t.Errorf("another file is there: %v", err)
	}
	outside := t.TempDir()
	dir = t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "sub")); err != nil {
		t.Skip(err)
	}
	file.Name = "sub/m.gguf"
	if _, err := h.Fetch(t.Context(), "o/m", "", file, dir, nil); err == nil {
		t.Error("a link out of the folder was followed")
	}
}

func TestListRefuses(t *testing.T) {
	f := func(name string, listed any, text string) {
		t.Helper()
		_, err := start(t, &fakeHub{listed: listed}, name).Files(t.Context(), "o/m", "")
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %q", err, text)
		}
	}
	one := func(path string) any {
		return map[string]any{"Code": 200, "Data": map[string]any{"Files": []map[string]any{{"Path": path, "Type": "blob"}}}}
	}
	f("modelscope", one("../../x"), `file "../../x": the name is not a plain path`)
	f("modelscope", map[string]any{"Code": 404, "Message": "no\x1b[2J"}, `the hub says 404: "no\x1b[2J"`)
	f("modelscope", []int{1}, "not what a hub sends")
	f("huggingface", map[string]any{"error": "x"}, "not what a hub sends")
	f("huggingface", []map[string]any{{"type": "file", "path": "a"}, {"type": "file", "path": "a"}}, "listed twice")
	h := start(t, &fakeHub{}, "huggingface")
	for _, repo := range []string{"", "m", "o/m/x", "../m", "o/..", "o/m?x", "o/m..x", "o m/x"} {
		if _, err := h.Files(t.Context(), repo, ""); err == nil || !strings.Contains(err.Error(), "want owner/name") {
			t.Errorf("model %q: %v", repo, err)
		}
	}
	if _, err := h.Files(t.Context(), "o/m", "a/../b"); err == nil {
		t.Error("revision a/../b was taken")
	}
	for _, o := range []Options{{Endpoint: "ftp://x"}, {Endpoint: "nonsense"}, {Endpoint: "https://"}, {Endpoint: "http://example.com", Token: "secret"}} {
		if _, err := Open("huggingface", o); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("endpoint %q: %v", o.Endpoint, err)
		}
	}
	if _, err := Open("nosuch", Options{}); err == nil || !strings.Contains(err.Error(), "huggingface modelscope") {
		t.Errorf("a hub that does not exist: %v", err)
	}
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Pauses double; a stalled transfer is given up after a minute; cancelling
// ends the wait at once.
func TestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		h, err := Open("huggingface", Options{Transport: tripper(func(*http.Request) (*http.Response, error) {
			n++
			return nil, errors.New("no line")
		})})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if _, err := h.Files(t.Context(), "o/m", ""); err == nil || !strings.Contains(err.Error(), "no line (5 tries)") {
			t.Error(err)
		}
		if took := time.Since(begin); n != 5 || took != 15*time.Second {
			t.Errorf("%d tries in %v, want 5 in 1+2+4+8 s", n, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		begin = time.Now()
		if _, err := h.Files(ctx, "o/m", ""); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 1500*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		h, err := Open("huggingface", Options{Tries: 2, Transport: tripper(func(r *http.Request) (*http.Response, error) {
			pr, pw := io.Pipe()
			context.AfterFunc(r.Context(), func() { pw.CloseWithError(r.Context().Err()) })
			return &http.Response{StatusCode: 200, Status: "200 OK", Header: http.Header{}, Body: pr, Request: r}, nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		_, err = h.Fetch(t.Context(), "o/m", "", File{Name: "x", Bytes: 5}, t.TempDir(), nil)
		if err == nil || !strings.Contains(err.Error(), "no byte came for 1m0s (2 tries)") || time.Since(begin) != 121*time.Second {
			t.Errorf("%v after %v, want two minutes and a second", err, time.Since(begin))
		}
		begin = time.Now()
		if _, err = h.Files(t.Context(), "o/m", ""); err == nil || !strings.Contains(err.Error(), "did not come within 1m0s (2 tries)") || time.Since(begin) != 121*time.Second {
			t.Errorf("a listing: %v after %v, want two minutes and a second", err, time.Since(begin))
		}
	})
}

// A token goes to the hub, not to the store it redirects to, and never from
// https to http.
func TestRedirect(t *testing.T) {
	var tokens []string
	serve := tripper(func(r *http.Request) (*http.Response, error) {
		tokens = append(tokens, r.URL.Host+"="+r.Header.Get("Authorization"))
		a := &http.Response{StatusCode: 200, Status: "200 OK", Header: http.Header{}, Body: io.NopCloser(strings.NewReader("hello")), Request: r}
		if r.URL.Host == "hub.example" {
			a.StatusCode = http.StatusFound
			a.Header.Set("Location", r.URL.Query().Get("to")+"//store.example/x")
		}
		return a, nil
	})
	for _, scheme := range []string{"https:", "http:"} {
		tokens = nil
		k := kinds["huggingface"]
		h, err := Open("huggingface", Options{Endpoint: "https://hub.example", Token: "secret", Transport: serve, Tries: 1})
		if err != nil {
			t.Fatal(err)
		}
		h.kind.file = func(h *Hub, repo, revision, name string) (u *url.URL) {
			u = k.file(h, repo, revision, name)
			u.RawQuery = "to=" + scheme
			return u
		}
		_, err = h.Fetch(t.Context(), "o/m", "", File{Name: "x", Bytes: 5}, t.TempDir(), nil)
		if scheme == "https:" && (err != nil || !reflect.DeepEqual(tokens, []string{"hub.example=Bearer secret", "store.example="})) {
			t.Errorf("%v, %v", err, tokens)
		}
		if scheme == "http:" && (err == nil || !strings.Contains(err.Error(), "from https to http") || len(tokens) != 1) {
			t.Errorf("%v, %v", err, tokens)
		}
	}
}

func TestChoose(t *testing.T) {
	f := func(names string, patterns string, want string) {
		t.Helper()
		var files []File
		for n := range strings.FieldsSeq(names) {
			files = append(files, File{Name: n})
		}
		got, err := Choose(files, strings.Fields(patterns)...)
		var out []string
		for _, g := range got {
			out = append(out, g.Name)
		}
		if text := strings.Join(out, " "); err == nil && text != want || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s with %q: %q, %v; want %q", names, patterns, text, err, want)
		}
	}
	f("README.md config.json model.safetensors tokenizer.json onnx/model.safetensors .gitattributes", "", "config.json model.safetensors tokenizer.json")
	f("README.md config.json m-q4.gguf", "", "m-q4.gguf")
	f("m-00001-of-00002.gguf m-00002-of-00002.gguf", "", "m-00001-of-00002.gguf m-00002-of-00002.gguf")
	f("a-q4.gguf a-q8.gguf", "", "2 forms, name one: a-q4.gguf a-q8.gguf")
	f("a-q4.gguf a-q8.gguf", "*q8*", "a-q8.gguf")
	f("s/a-q4.gguf s/a-q8.gguf", "*q8* s/*q8*", "s/a-q8.gguf")
	f("s/a-q4.gguf s/a-q8.gguf", "s/*q8* *q8*", "s/a-q8.gguf")
	f("a-q4.gguf", "*q9*", `pattern "*q9*" matches none`)
	f("a-q4.gguf", "[", `pattern "["`)
	f("README.md", "", "none of the 1 files")
}

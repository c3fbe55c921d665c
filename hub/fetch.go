package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Fetched says what became of a file.
type Fetched struct {
	Path     string `json:"path"`
	Bytes    int64  `json:"bytes"`
	Resumed  int64  `json:"resumed"` // bytes that were there from an earlier try
	Present  bool   `json:"present"` // it was there already
	Verified bool   `json:"verified"`
}

const partial = ".partial"

// Fetch brings one file of Files' list below dir, into the folders its name
// has. A file that is there with the right checksum is left; one that was
// broken off is continued. Only a whole file whose checksum is right gets the
// name; where the hub publishes none, its size is all that is checked.
// report, if set, is told of bytes that are there so far.
func (h *Hub) Fetch(ctx context.Context, repo, revision string, f File, dir string, report func(done, total int64)) (*Fetched, error) {
	revision, err := h.check(repo, revision)
	if err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("hub: %s: %w", repo, err)
	}
	got, err := h.fetch(ctx, h.kind.file(h, repo, revision, f.Name), f, dir, report)
	if err != nil {
		return nil, fmt.Errorf("hub: %s: %s: file %q: %w", h.kind.name, repo, f.Name, err)
	}
	return got, nil
}

func (h *Hub) fetch(ctx context.Context, from *url.URL, f File, dir string, report func(done, total int64)) (*Fetched, error) {
	if report == nil {
		report = func(int64, int64) {}
	}
	// os.Root keeps everything below dir, also where links are in the way.
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	name := filepath.FromSlash(f.Name)
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	got := &Fetched{Path: filepath.Join(dir, name), Bytes: f.Bytes, Verified: f.SHA256 != "" || f.GitSHA1 != ""}
	if ok, err := f.present(root, name); err != nil || ok {
		got.Present = ok
		report(f.Bytes, f.Bytes)
		return got, err
	}
	out, err := root.OpenFile(name+partial, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	d := &download{h: h, from: from, file: f, out: out, report: report}
	if err := d.start(); err != nil {
		return nil, err
	}
	got.Resumed = d.done
	if err := h.try(ctx, d.step); err != nil {
		return nil, err
	}
	if err := f.compare(d.sum); err != nil {
		if got.Resumed == 0 {
			return nil, errors.Join(err, root.Remove(name+partial))
		}
		// What was there before may be of another version: once more, from nothing.
		got.Resumed = 0
		if err := d.restart(); err != nil {
			return nil, err
		}
		if err := h.try(ctx, d.step); err != nil {
			return nil, err
		}
		if err := f.compare(d.sum); err != nil {
			return nil, errors.Join(err, root.Remove(name+partial))
		}
	}
	if err := errors.Join(out.Sync(), out.Close()); err != nil {
		return nil, err
	}
	return got, root.Rename(name+partial, name)
}

// newSum returns the hash that the published checksum is of.
func (f *File) newSum() hash.Hash {
	if f.SHA256 == "" && f.GitSHA1 != "" {
		s := sha1.New()
		fmt.Fprintf(s, "blob %d\x00", f.Bytes)
		return s
	}
	return sha256.New()
}

func (f *File) compare(sum hash.Hash) error {
	want := f.SHA256
	if want == "" {
		want = f.GitSHA1
	}
	if got := hex.EncodeToString(sum.Sum(nil)); want != "" && got != want {
		return fmt.Errorf("checksum %s, want %s: what came is not what was published", got, want)
	}
	return nil
}

// present reports whether the file is there, whole and right. One that is
// there and differs is an error: it may be somebody's own.
func (f *File) present(root *os.Root, name string) (bool, error) {
	in, err := root.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return false, err
	}
	if info.Size() != f.Bytes {
		return false, fmt.Errorf("a file of %d bytes is there, the hub's has %d: remove it first", info.Size(), f.Bytes)
	}
	sum := f.newSum()
	if _, err := io.Copy(sum, in); err != nil {
		return false, err
	}
	if err := f.compare(sum); err != nil {
		return false, fmt.Errorf("another file is there (%w): remove it first", err)
	}
	return true, nil
}

// download is one file on its way.
type download struct {
	h      *Hub
	from   *url.URL
	file   File
	out    *os.File
	sum    hash.Hash
	done   int64
	report func(done, total int64)
}

// start takes up what an earlier try left.
func (d *download) start() error {
	d.sum = d.file.newSum()
	n, err := io.Copy(d.sum, io.LimitReader(d.out, d.file.Bytes+1))
	if err != nil {
		return err
	}
	if n > d.file.Bytes { // not of this file
		return d.restart()
	}
	d.done = n
	d.report(d.done, d.file.Bytes)
	return nil
}

func (d *download) restart() error {
	d.sum, d.done = d.file.newSum(), 0
	if err := d.out.Truncate(0); err != nil {
		return err
	}
	_, err := d.out.Seek(0, io.SeekStart)
	return err
}

// step asks for what is missing and writes what comes.
func (d *download) step(ctx context.Context) error {
	if d.done == d.file.Bytes {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := fmt.Errorf("no byte came for %v", d.h.o.Stall)
	watch := time.AfterFunc(d.h.o.Stall, func() { cancel(stalled) })
	defer watch.Stop()
	r, err := d.h.get(ctx, d.from, d.done)
	if err != nil {
		return d.because(ctx, err, false)
	}
	defer r.Body.Close()
	switch {
	case r.StatusCode == http.StatusPartialContent && rangeStart(r.Header) == d.done:
	case r.StatusCode == http.StatusOK, r.StatusCode == http.StatusPartialContent:
		if r.StatusCode == http.StatusPartialContent {
			return fmt.Errorf("asked for bytes from %d on, got %q", d.done, r.Header.Get("Content-Range"))
		}
		if err := d.restart(); err != nil { // the server cannot continue
			return err
		}
	case r.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return fmt.Errorf("the hub's file ends at %d of the %d bytes that were announced", d.done, d.file.Bytes)
	default:
		return statusError(r)
	}
	buf, before := make([]byte, 256<<10), d.done
	for {
		n, err := r.Body.Read(buf)
		watch.Reset(d.h.o.Stall)
		if int64(n) > d.file.Bytes-d.done {
			return fmt.Errorf("more than the %d bytes that were announced", d.file.Bytes)
		}
		if n > 0 {
			if _, err := d.out.Write(buf[:n]); err != nil {
				return err
			}
			_, _ = d.sum.Write(buf[:n]) // a hash never fails
			d.done += int64(n)
			d.report(d.done, d.file.Bytes)
		}
		if errors.Is(err, io.EOF) && d.done == d.file.Bytes {
			return nil
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return d.because(ctx, &transient{fmt.Errorf("after %d of %d bytes: %w", d.done, d.file.Bytes, err), d.done > before}, d.done > before)
		}
	}
}

// because says that a transfer stalled, where that is why it was cancelled.
func (d *download) because(ctx context.Context, err error, moved bool) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return &transient{error: cause, moved: moved}
	}
	return err
}

// rangeStart reads "bytes 5-9/10"; -1 = it says something else.
func rangeStart(h http.Header) int64 {
	s, ok := strings.CutPrefix(h.Get("Content-Range"), "bytes ")
	first, _, dash := strings.Cut(s, "-")
	n, err := strconv.ParseInt(first, 10, 64)
	if !ok || !dash || err != nil {
		return -1
	}
	return n
}

// transient is an error that another try may mend.
type transient struct {
	error
	moved bool // some of the file came: the count of tries begins anew
}

func (t *transient) Unwrap() error { return t.error }

// get asks for a file or a list, from a byte on.
func (h *Hub) get(ctx context.Context, u *url.URL, from int64) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "summit")
	r.Header.Set("Accept-Encoding", "identity") // bytes are counted
	if from > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	if h.o.Token != "" {
		r.Header.Set("Authorization", "Bearer "+h.o.Token)
	}
	answer, err := h.client.Do(r)
	if err != nil {
		return nil, &transient{error: err}
	}
	return answer, nil
}

func statusError(r *http.Response) error {
	err := fmt.Errorf("the hub answers %s", r.Status)
	switch {
	case r.StatusCode == http.StatusUnauthorized, r.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%w: it may want a token, or a licence to be accepted on its page", err)
	case r.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%w: there is no such model, revision or file", err)
	case r.StatusCode == http.StatusTooManyRequests, r.StatusCode >= 500:
		return &transient{error: err}
	}
	return err
}

// try calls f until it works, fails for good, or has been tried often enough.
func (h *Hub) try(ctx context.Context, f func(context.Context) error) error {
	pause := h.o.Pause
	for n := 1; ; n++ {
		err := f(ctx)
		var t *transient
		if err == nil || !errors.As(err, &t) || ctx.Err() != nil {
			return err
		}
		if t.moved {
			n, pause = 1, h.o.Pause
		}
		if n >= h.o.Tries {
			return fmt.Errorf("%w (%d tries)", err, n)
		}
		wait := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-wait.C:
		}
		pause = min(2*pause, time.Minute)
	}
}

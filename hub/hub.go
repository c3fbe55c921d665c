// Package hub fetches model files from where they are published: ModelScope,
// Hugging Face, or a mirror of either.
//
// A download is resumed where it stopped, checked against the published
// checksum and only then given its name; nothing that a hub says is used as a
// path or a size before it was checked. To add a hub, write one file that
// calls register. None of them was tried against the live service here: the
// tests speak to servers of our own.
package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// File is one file of a published model.
type File struct {
	Name   string `json:"name"` // path inside the model, with "/"
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256,omitempty"` // in hex; empty = not published
	// GitSHA1 is the hash of the file as a git blob, in hex, which Hugging Face
	// gives for small files instead; empty = not published.
	GitSHA1 string `json:"git_sha1,omitempty"`
}

// Hub is one place that publishes models. Its methods may be called at the
// same time.
type Hub struct {
	kind     kind
	endpoint *url.URL
	o        Options
	client   *http.Client
}

// Options are what can be said about a hub. The zero value works.
type Options struct {
	Endpoint  string            // base URL, such as that of a mirror; empty = the hub's own
	Token     string            // sent as a bearer token; empty = none
	Transport http.RoundTripper // nil = http.DefaultTransport
	Tries     int               // of each request; 0 = 5
	Pause     time.Duration     // before the second try, doubled for each further; 0 = 1 s
	Stall     time.Duration     // a transfer without a byte, or a page of a listing, that takes so long is tried again; 0 = 1 min
}

// kind is how one hub is spoken to. Each is registered by its own file.
type kind struct {
	name     string
	endpoint string
	revision string // the usual branch
	// list returns the files of a model, one page after the other.
	list func(ctx context.Context, h *Hub, repo, revision string) ([]File, error)
	// file returns where a file is fetched from.
	file func(h *Hub, repo, revision, name string) *url.URL
}

var kinds = map[string]kind{}

func register(k kind) { kinds[k.name] = k }

// Names lists the hubs, sorted.
func Names() []string { return slices.Sorted(maps.Keys(kinds)) }

// The bounds on what a hub may say.
const (
	maxFiles   = 20_000
	maxListing = 32 << 20 // bytes of one page
	maxPages   = 100
	maxName    = 512
)

// Open returns the hub of that name. It asks nothing yet.
func Open(name string, o Options) (*Hub, error) {
	k, ok := kinds[name]
	if !ok {
		return nil, fmt.Errorf("hub: got %q, want one of %s", name, strings.Join(Names(), " "))
	}
	if o.Endpoint == "" {
		o.Endpoint = k.endpoint
	}
	u, err := url.Parse(o.Endpoint)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.RawQuery != "" {
		return nil, fmt.Errorf("hub: %s: endpoint %q, want a URL such as %s", name, o.Endpoint, k.endpoint)
	}
	if o.Token != "" && u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("hub: %s: endpoint %q would send the token unencrypted, want https", name, o.Endpoint)
	}
	if o.Tries == 0 {
		o.Tries = 5
	}
	if o.Pause == 0 {
		o.Pause = time.Second
	}
	if o.Stall == 0 {
		o.Stall = time.Minute
	}
	return &Hub{kind: k, endpoint: u, o: o, client: &http.Client{Transport: o.Transport, CheckRedirect: redirect}}, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// redirect follows a hub to its store, but not from https to http.
func redirect(r *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("10 redirects")
	}
	if via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
		return fmt.Errorf("redirected from https to %s", r.URL.Scheme)
	}
	return nil
}

var (
	repoPattern     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$`)
	revisionPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$`)
	sha256Pattern   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	sha1Pattern     = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// Files lists the files of a model such as "owner/name", sorted by name. An
// empty revision is the hub's usual one.
func (h *Hub) Files(ctx context.Context, repo, revision string) ([]File, error) {
	revision, err := h.check(repo, revision)
	if err != nil {
		return nil, err
	}
	files, err := h.kind.list(ctx, h, repo, revision)
	if err != nil {
		return nil, fmt.Errorf("hub: %s: %s: %w", h.kind.name, repo, err)
	}
	seen := map[string]bool{}
	for i := range files {
		f := &files[i]
		f.SHA256, f.GitSHA1 = strings.ToLower(f.SHA256), strings.ToLower(f.GitSHA1)
		if err := f.check(); err != nil {
			return nil, fmt.Errorf("hub: %s: %s: %w", h.kind.name, repo, err)
		}
		if seen[f.Name] {
			return nil, fmt.Errorf("hub: %s: %s: file %q is listed twice", h.kind.name, repo, f.Name)
		}
		seen[f.Name] = true
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

func (h *Hub) check(repo, revision string) (string, error) {
	if !repoPattern.MatchString(repo) || strings.Contains(repo, "..") {
		return "", fmt.Errorf("hub: model %q, want owner/name", repo)
	}
	if revision == "" {
		revision = h.kind.revision
	}
	if !revisionPattern.MatchString(revision) || strings.Contains(revision, "..") {
		return "", fmt.Errorf("hub: revision %q, want a branch, a tag or a commit", revision)
	}
	return revision, nil
}

// check refuses what cannot be a file below a folder of ours on any system.
func (f *File) check() error {
	bad := f.Name == "" || len(f.Name) > maxName || strings.ContainsAny(f.Name, "\\:*?\"<>|") ||
		strings.ContainsFunc(f.Name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) || !filepath.IsLocal(filepath.FromSlash(f.Name))
	for part := range strings.SplitSeq(f.Name, "/") {
		bad = bad || part == "" || part == "." || part == ".." || strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ")
	}
	switch {
	case bad:
		return fmt.Errorf("file %q: the name is not a plain path inside the model", f.Name)
	case f.Bytes < 0:
		return fmt.Errorf("file %q: %d bytes, want 0 or more", f.Name, f.Bytes)
	case f.SHA256 != "" && !sha256Pattern.MatchString(f.SHA256):
		return fmt.Errorf("file %q: %q is not a SHA-256", f.Name, f.SHA256)
	case f.GitSHA1 != "" && !sha1Pattern.MatchString(f.GitSHA1):
		return fmt.Errorf("file %q: %q is not a SHA-1", f.Name, f.GitSHA1)
	}
	return nil
}

// url joins parts, which are escaped already, to the endpoint.
func (h *Hub) url(parts ...string) *url.URL { return h.endpoint.JoinPath(parts...) }

// escaped escapes each part of a path.
func escaped(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// getJSON fetches one page of a listing. It returns the address of the next
// page, if the answer names one.
func (h *Hub) getJSON(ctx context.Context, u *url.URL, v any) (next *url.URL, err error) {
	err = h.try(ctx, func(ctx context.Context) error {
		late := fmt.Errorf("the list of files did not come within %v", h.o.Stall)
		ctx, cancel := context.WithTimeoutCause(ctx, h.o.Stall, late)
		defer cancel()
		broken := func(err error) error {
			if context.Cause(ctx) == late {
				err = late
			}
			return &transient{error: err}
		}
		r, err := h.get(ctx, u, 0)
		if err != nil {
			return broken(err)
		}
		defer r.Body.Close()
		if r.StatusCode != http.StatusOK {
			return statusError(r)
		}
		b, err := io.ReadAll(io.LimitReader(r.Body, maxListing+1))
		if err != nil {
			return broken(err)
		}
		if len(b) > maxListing {
			return fmt.Errorf("the list of files has more than %d bytes", maxListing)
		}
		if err := json.Unmarshal(b, v); err != nil {
			return fmt.Errorf("the list of files is not what a hub sends: %w", err)
		}
		next = nextPage(u, r.Header)
		return nil
	})
	return next, err
}

// nextPage reads the Link header. A next page on another host is not followed.
func nextPage(u *url.URL, h http.Header) *url.URL {
	for _, link := range h.Values("Link") {
		for part := range strings.SplitSeq(link, ",") {
			target, params, ok := strings.Cut(strings.TrimSpace(part), ">")
			if !ok || !strings.HasPrefix(target, "<") || !strings.Contains(params, `rel="next"`) {
				continue
			}
			if next, err := u.Parse(target[1:]); err == nil && next.Host == u.Host && next.Scheme == u.Scheme {
				return next
			}
		}
	}
	return nil
}

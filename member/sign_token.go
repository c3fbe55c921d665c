package member

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"summit/dialect"
	"summit/llm"
)

// tokens signs calls with a token that is fetched with another secret, kept,
// and fetched anew before it ends or when a server refuses it. One call
// fetches; the others wait for it, as long as their own time allows.
type tokens struct {
	client *http.Client // that fetch uses
	// fetch gets a new token and says until when it holds; the error is an
	// *llm.Error.
	fetch func(ctx context.Context) (token string, until time.Time, err error)
	// put puts a token into a call; get reads it again.
	put func(req *http.Request, token string)
	get func(req *http.Request) string
	// hidden are the secrets that a token is fetched with.
	hidden []string

	once     sync.Once
	fetching chan struct{} // held by whoever fetches

	mu      sync.Mutex
	token   string
	fetched time.Time
	until   time.Time
}

// unrecorded marks the context of a call whose body, or whose answer's, is a
// secret: a Recorder passes it on and writes nothing.
type unrecorded struct{}

// A token that a server refuses is not fetched anew within this time of
// having been fetched: the next one would be refused too.
const tokenRest = 10 * time.Second

func (t *tokens) sign(ctx context.Context, req *http.Request, _ []byte) error {
	token, err := t.current(ctx)
	if err != nil {
		return err
	}
	t.put(req, token)
	return nil
}

// current returns a token that holds for a while.
func (t *tokens) current(ctx context.Context) (string, error) {
	if token := t.valid(); token != "" {
		return token, nil
	}
	if _, played := t.client.Transport.(*Player); played {
		return redacted, nil // a recording has no tokens and needs none
	}
	t.once.Do(func() { t.fetching = make(chan struct{}, 1) })
	select {
	case t.fetching <- struct{}{}:
		defer func() { <-t.fetching }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if token := t.valid(); token != "" { // while waiting
		return token, nil
	}
	token, until, err := t.fetch(context.WithValue(ctx, unrecorded{}, true))
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.token, t.fetched, t.until = token, time.Now(), until
	return token, nil
}

// valid returns the token if it holds for more than a twentieth of its life,
// but at most ten minutes: an answer that begins with it has to be accepted
// when it arrives.
func (t *tokens) valid() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	rest := min(t.until.Sub(t.fetched)/20, 10*time.Minute)
	if t.token == "" || !time.Now().Before(t.until.Add(-rest)) {
		return ""
	}
	return t.token
}

func (t *tokens) renew(refused *http.Request) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.get(refused) != t.token: // another call has renewed it
		return true
	case time.Since(t.fetched) < tokenRest:
		return false
	}
	t.token = ""
	return true
}

func (t *tokens) secrets() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string{t.token}, t.hidden...)
}

// bearerToken puts a token where keys are.
func (t *tokens) bearerToken() *tokens {
	t.put = func(req *http.Request, token string) { req.Header.Set("Authorization", "Bearer "+token) }
	t.get = func(req *http.Request) string { return bare(req.Header.Get("Authorization")) }
	return t
}

func bare(authorization string) string {
	const scheme = "Bearer "
	if len(authorization) < len(scheme) {
		return ""
	}
	return authorization[len(scheme):]
}

// maxTokenBytes is the longest answer of a token's server: IAM's catalogue of
// services is the largest part of it.
const maxTokenBytes = 1 << 20

// fetchToken makes the call that gets a token, decodes its JSON body into to
// and returns its headers. A refusal is an error of the kind that its status
// says; what the body says of it is in the message.
func fetchToken(client *http.Client, req *http.Request, to any) (http.Header, error) {
	ctx := req.Context()
	resp, err := client.Do(req)
	if err != nil {
		return nil, broken(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenBytes+1))
	switch {
	case err != nil:
		return nil, broken(ctx, err)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		e := dialect.UpstreamError(dialect.Quirks{}, resp.StatusCode, resp.Header, body[:min(len(body), maxErrorBytes)])
		if e.Kind == llm.Unsupported { // nothing of the caller's was sent
			e.Kind = llm.Unauthorized
		}
		e.Message = "no token was given: " + e.Message
		return nil, e
	case len(body) > maxTokenBytes:
		return nil, llm.Errorf(llm.Protocol, "the answer with the token is longer than %d bytes", maxTokenBytes)
	}
	if err := json.Unmarshal(body, to); err != nil {
		return nil, llm.Errorf(llm.Protocol, "the answer with the token is no JSON of the form that was wanted")
	}
	return resp.Header, nil
}

// gotToken checks what a token's server gave: a text that a header can carry,
// and an end that lies ahead.
func gotToken(token string, until time.Time) (string, time.Time, error) {
	if token == "" || len(token) > 64<<10 || !headerSafe(token) {
		return "", time.Time{}, llm.Errorf(llm.Protocol, "the answer with the token has none that a header can carry")
	}
	if !until.After(time.Now()) {
		return "", time.Time{}, llm.Errorf(llm.Protocol, "the token that was given has ended already: is the clock of this machine right?")
	}
	return token, until, nil
}

func headerSafe(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7F {
			return false
		}
	}
	return true
}

// errRequest is a request that can't be built from the configured address.
func errRequest(err error) error {
	return &llm.Error{Kind: llm.Internal, Err: errors.Join(errors.New("the request for a token can't be built"), err)}
}

// notBase says which setting is no address.
func notBase(setting string, err error) error {
	return fmt.Errorf("params.%s: %s", setting, strings.TrimPrefix(err.Error(), "base_url "))
}

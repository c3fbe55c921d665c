package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"summit"
)

// serverFlags say which running server a command asks, and with which key.
type serverFlags struct{ url, keyEnv string }

// bind adds the flags. otherwise is the address where none is given.
func (f *serverFlags) bind(c *cobra.Command, otherwise, what, key string) {
	c.Flags().StringVar(&f.url, "url", otherwise, what)
	c.Flags().StringVar(&f.keyEnv, "key-env", "SUMMIT_API_KEY", key)
}

// base returns the address of the server's API, without /v1.
func (f *serverFlags) base() (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(strings.TrimSuffix(f.url, "/"), "/v1"))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, usage("--url %q: want an address such as http://%s", clip(f.url), summit.DefaultListen)
	}
	return u, nil
}

// key returns the key from the variable, or from the file that the variable of
// the same name with _FILE names; empty where neither is set.
func (f *serverFlags) key() (string, error) {
	path := os.Getenv(f.keyEnv + "_FILE")
	if key := os.Getenv(f.keyEnv); key != "" || path == "" {
		return key, nil
	}
	const most = 64 << 10
	file, err := os.Open(path)
	if err != nil {
		return "", notReady("", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most))
	if err != nil {
		return "", notReady("", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// ask sends a request to the server, with body as JSON where there is one, and
// reads the answer into the value. object is what the answer says it is; next
// has what to do about some statuses.
func (f *serverFlags) ask(ctx context.Context, method, path string, body any, object string, into any, next map[int]string) error {
	const (
		patient = 30 * time.Second
		longest = 16 << 20 // bytes of an answer
	)
	base, err := f.base()
	if err != nil {
		return err
	}
	key, err := f.key()
	if err != nil {
		return err
	}
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(text)
	}
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, base.JoinPath(path).String(), sent)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return notReady(`"summit serve" starts a server; --url names another one`, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, longest))
	if err != nil {
		return fmt.Errorf("answer of %s: %w", base.Host, err)
	}
	return told(base.Host, answer.StatusCode, text, object, into, next)
}

// told reads the server's answer.
func told(host string, status int, text []byte, object string, into any, next map[int]string) error {
	var said struct {
		Object string `json:"object"`
		Error  struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	err := json.Unmarshal(text, &said)
	switch {
	case err == nil && status == http.StatusOK && said.Object == object:
		if err := json.Unmarshal(text, into); err == nil {
			return nil
		}
	case err == nil && said.Error.Message != "":
		return failed(next[status], fmt.Errorf("%s: %s", host, said.Error.Message))
	}
	return failed("--url names a server of Summit", fmt.Errorf("%s answers status %d, but not as Summit does", host, status))
}

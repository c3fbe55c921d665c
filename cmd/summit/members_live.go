package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"summit"
	"summit/llm"
)

// liveMember is a member as a running server shows it.
type liveMember struct {
	Name   string      `json:"name"`
	Vendor string      `json:"vendor,omitempty"`
	Model  string      `json:"model,omitempty"`
	Up     bool        `json:"up"`
	Health *llm.Health `json:"health,omitempty"`
	Labels []string    `json:"labels,omitempty"`
}

// liveMembers asks a running server how its members fare.
func liveMembers(ctx context.Context, base, keyEnv string) ([]liveMember, error) {
	const (
		patient = 30 * time.Second
		longest = 16 << 20 // bytes of an answer
	)
	u, err := url.Parse(strings.TrimSuffix(strings.TrimSuffix(base, "/"), "/v1") + "/admin/v1/members")
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, usage("--url %q: want an address such as http://%s", clip(base), summit.DefaultListen)
	}
	key := os.Getenv(keyEnv)
	if path := os.Getenv(keyEnv + "_FILE"); key == "" && path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, notReady("", err)
		}
		key = strings.TrimSpace(string(text))
	}
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, notReady(`"summit serve" starts a server; --url names another one`, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, longest))
	if err != nil {
		return nil, fmt.Errorf("answer of %s: %w", u.Host, err)
	}
	var told struct {
		Object string       `json:"object"`
		Data   []liveMember `json:"data"`
		Error  struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	err = json.Unmarshal(text, &told)
	switch {
	case err == nil && answer.StatusCode == http.StatusOK && told.Object == "list":
		return told.Data, nil
	case err != nil || told.Error.Message == "":
		return nil, failed("--url names a server of Summit", fmt.Errorf("%s answers status %d, but not as Summit does", u.Host, answer.StatusCode))
	}
	next := ""
	if answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden {
		next = "put an admin's key into the variable that --key-env names"
	}
	return nil, failed(next, fmt.Errorf("%s: %s", u.Host, told.Error.Message))
}

// showLive lists how the members of a running server fare, a line for each
// address and key.
func (a *app) showLive(ctx context.Context, base, keyEnv string) error {
	all, err := liveMembers(ctx, base, keyEnv)
	if err != nil {
		return err
	}
	return a.emit(all, func(w io.Writer) {
		row(w, "NAME", "VENDOR", "MODEL", "UP", "TARGET", "ADDRESS", "STATE", "STREAMS", "CALLS", "FAILED", "RETRIES", "LAST ERROR")
		for _, m := range all {
			up := "no"
			if m.Up {
				up = "yes"
			}
			if m.Health == nil {
				row(w, plain(m.Name), plain(m.Vendor), plain(m.Model), up)
				continue
			}
			for i, t := range m.Health.Targets {
				state, last, retries := string(t.State), string(t.LastKind), ""
				if !t.Until.IsZero() {
					state += " until " + t.Until.Local().Format(time.TimeOnly)
				}
				if !t.LastAt.IsZero() {
					last += " at " + t.LastAt.Local().Format(time.DateTime)
				}
				if i == 0 {
					retries = fmt.Sprint(m.Health.Retries)
				}
				row(w, plain(m.Name), plain(m.Vendor), plain(m.Model), up, plain(t.Name), plain(t.Address), plain(state), fmt.Sprint(t.Streams), fmt.Sprint(t.Asked), fmt.Sprint(t.Failed), retries, plain(last))
			}
		}
	})
}

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

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

// showLive lists how the members of a running server fare, a line for each
// address and key.
func (a *app) showLive(ctx context.Context, server *serverFlags) error {
	var all struct {
		Data []liveMember `json:"data"`
	}
	const next = "put an admin's key into the variable that --key-env names"
	if err := server.ask(ctx, http.MethodGet, "admin/v1/members", nil, "list", &all, map[int]string{http.StatusUnauthorized: next, http.StatusForbidden: next}); err != nil {
		return err
	}
	return a.emit(all.Data, func(w io.Writer) {
		row(w, "NAME", "VENDOR", "MODEL", "UP", "TARGET", "ADDRESS", "STATE", "STREAMS", "CALLS", "FAILED", "RETRIES", "LAST ERROR")
		for _, m := range all.Data {
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

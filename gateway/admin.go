package gateway

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"summit/identity"
	"summit/llm"
	"summit/run"
)

// runsMost is the most entries of the run log in one answer.
const runsMost = 1000

// list is how the admin API lists things.
type list[T any] struct {
	Object string `json:"object"`
	Data   []T    `json:"data"`
}

func (x *exchange) listKeys() {
	keys, err := x.g.keys.List(x.r.Context())
	if err != nil {
		x.failStore(err)
		return
	}
	x.writeJSON(http.StatusOK, list[identity.Key]{"list", append([]identity.Key{}, keys...)})
}

func (x *exchange) createKey() {
	b, status, failure := x.readBody(x.g.limits.BodyBytes)
	if failure != nil {
		x.failWith(status, failure)
		return
	}
	defer b.release()
	var draft identity.Draft
	if err := readFields(b.b, field{"name", "a text", &draft.Name}, field{"tenant", "a text", &draft.Tenant}, field{"role", "a text", &draft.Role}); err != nil {
		x.fail(err)
		return
	}
	k, secret, err := x.g.keys.Create(x.r.Context(), draft)
	if errors.Is(err, identity.ErrInvalid) {
		x.fail(&llm.Error{Kind: llm.Invalid, Message: err.Error()})
		return
	}
	if err != nil {
		x.failStore(err)
		return
	}
	x.logAdmin("a key was made", k)
	x.w.Header().Set("Cache-Control", "no-store")
	x.writeJSON(http.StatusCreated, struct {
		Key    identity.Key `json:"key"`
		Secret string       `json:"secret"` // shown this once
	}{k, secret})
}

func (x *exchange) revokeKey() {
	k, err := x.g.keys.Revoke(x.r.Context(), strings.TrimPrefix(x.r.URL.Path, "/admin/v1/keys/"))
	if errors.Is(err, identity.ErrNotFound) {
		x.fail(&llm.Error{Kind: llm.NotFound, Message: err.Error()})
		return
	}
	if err != nil {
		x.failStore(err)
		return
	}
	x.logAdmin("a key was revoked", k)
	x.writeJSON(http.StatusOK, k)
}

func (x *exchange) listRuns() {
	n := 100
	if text := x.r.URL.Query().Get("limit"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > runsMost {
			e := llm.Errorf(llm.Invalid, "limit %q, want 1 to %d", clip(text, 20), runsMost)
			e.Param = "limit"
			x.fail(e)
			return
		}
	}
	runs, err := x.g.runs.Latest(x.r.Context(), n)
	if err != nil {
		x.failStore(err)
		return
	}
	x.writeJSON(http.StatusOK, list[run.Entry]{"list", append([]run.Entry{}, runs...)})
}

func (x *exchange) showRun() {
	e, err := x.g.runs.Get(x.r.Context(), strings.TrimPrefix(x.r.URL.Path, "/admin/v1/runs/"))
	if err != nil {
		x.failStore(err)
		return
	}
	x.writeJSON(http.StatusOK, e)
}

// failStore answers with a store's error: as it is where it was written for
// callers, else as a fault of ours, whose cause goes to the log.
func (x *exchange) failStore(err error) {
	x.fail(llm.AsError(err))
}

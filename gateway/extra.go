package gateway

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"

	"summit/identity"
	"summit/llm"
)

// Extra is a route of the admin API that somebody else answers: the gateway
// finds out who asks, reads the body and writes what comes back, and knows
// nothing of what it is about.
type Extra struct {
	Pattern string          // such as "GET /admin/v1/books"
	Roles   []identity.Role // who may use it
	// Serve returns what is written as JSON, or a Raw. The error is an
	// *llm.Error, or a fault of ours.
	Serve func(context.Context, Query) (any, error)
}

// Query is a request to an Extra.
type Query struct {
	Who  identity.Key
	Path string // behind the pattern's last slash where that ends in {rest...}
	Get  func(parameter string) string
	Body []byte
}

// Raw is an answer that is no JSON.
type Raw struct {
	ContentType string
	Name        string // of the file that a browser saves; empty = none
	Body        []byte
}

// extraBytes is the longest body of an Extra.
const extraBytes = 1 << 20

// extra serves an Extra.
func (x *exchange) extra(e *Extra) {
	q := Query{Who: x.key, Get: x.r.URL.Query().Get}
	if prefix, _, ok := strings.Cut(e.Pattern, "{"); ok {
		_, path, _ := strings.Cut(prefix, " ")
		q.Path = strings.TrimPrefix(x.r.URL.Path, path)
	}
	if x.r.Method != http.MethodGet {
		b, status, failure := x.readBody(extraBytes)
		if failure != nil {
			x.failWith(status, failure)
			return
		}
		q.Body = bytes.Clone(b.b)
		b.release()
	}
	v, err := e.Serve(x.r.Context(), q)
	if err != nil {
		x.fail(llm.AsError(err))
		return
	}
	if x.r.Method != http.MethodGet {
		x.g.log.Info("the admin API changed something", "request_id", x.id, "path", x.r.URL.Path, "by_key_id", x.key.ID)
	}
	x.w.Header().Set("Cache-Control", "no-store")
	raw, ok := v.(Raw)
	if !ok {
		x.writeJSON(http.StatusOK, v)
		return
	}
	if raw.Name != "" {
		x.w.Header().Set("Content-Disposition", `attachment; filename="`+raw.Name+`"`)
	}
	x.w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	x.writeBody(http.StatusOK, raw.ContentType, raw.Body)
}

// has reports whether a role is one of those that a route is for. Keys of
// members read the books, and ask nothing.
func (rt *route) has(role identity.Role) bool {
	if rt.roles != nil {
		return slices.Contains(rt.roles, role)
	}
	switch rt.access {
	case admin:
		return role == identity.Admin
	case anyKey:
		return role != identity.Member
	}
	return true
}

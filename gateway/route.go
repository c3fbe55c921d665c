package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"strings"

	"summit/dialect"
	"summit/identity"
	"summit/llm"
	"summit/run"
)

// access says who may use a route.
type access int

const (
	public access = iota // everybody: it shows nothing
	anyKey               // every valid key
	admin                // keys of role admin
)

// route is what the mux finds.
type route struct {
	access  access
	serve   func(*exchange)
	dialect dialect.Server  // whose protocol is spoken; nil = none
	quiet   bool            // nobody is asked: not counted among the answers
	roles   []identity.Role // who may use it, where access does not say it
}

// ServeHTTP makes a route an http.Handler, as the mux wants it. It is never
// called: the gateway looks the route up and serves the exchange.
func (*route) ServeHTTP(http.ResponseWriter, *http.Request) {
	panic("gateway: a route was served past the gateway")
}

// register fills the mux.
func (g *Gateway) register(servers []dialect.Server) error {
	g.mux, g.spoken = http.NewServeMux(), servers
	add := func(pattern string, rt *route) { g.mux.Handle(pattern, rt) }
	for _, s := range servers {
		if s.Name() == "openai" {
			g.openai = s
		}
		if err := try(func() {
			add(s.Pattern(), &route{access: anyKey, dialect: s, serve: (*exchange).answer})
			if c, ok := s.(dialect.Counter); ok {
				add(c.CountPattern(), &route{access: anyKey, dialect: s, quiet: true, serve: func(x *exchange) { x.countTokens(c) }})
			}
			if l, ok := s.(dialect.Lister); ok {
				g.listers = append(g.listers, l)
			}
		}); err != nil {
			return fmt.Errorf("gateway: protocol %s: %w", s.Name(), err)
		}
	}
	if g.openai == nil {
		return fmt.Errorf("gateway: no protocol %q among %d, whose errors are used where no protocol is spoken", "openai", len(servers))
	}
	return try(func() {
		add("POST /v1/embeddings", &route{access: anyKey, dialect: g.openai, serve: (*exchange).embed})
		add("GET /v1/models", &route{access: anyKey, serve: (*exchange).listModels})
		add("GET /v1/models/{id...}", &route{access: anyKey, serve: (*exchange).showModel}) // names may hold slashes
		add("GET /{$}", &route{access: public, serve: (*exchange).root})
		add("GET /healthz", &route{access: public, serve: (*exchange).alive})
		add("GET /livez", &route{access: public, serve: (*exchange).alive})
		add("GET /readyz", &route{access: public, serve: (*exchange).ready})
		add("GET /version", &route{access: anyKey, serve: (*exchange).showVersion})
		add("GET /metrics", &route{access: admin, serve: (*exchange).showMetrics})
		add("GET /admin/v1/members", &route{access: admin, serve: (*exchange).listMembers})
		if g.keys != nil && !g.noAuth {
			add("GET /admin/v1/keys", &route{access: admin, serve: (*exchange).listKeys})
			add("POST /admin/v1/keys", &route{access: admin, serve: (*exchange).createKey})
			add("DELETE /admin/v1/keys/{id}", &route{access: admin, serve: (*exchange).revokeKey})
		}
		if g.runs != nil {
			add("POST /v1/feedback", &route{access: anyKey, serve: (*exchange).addFeedback})
			add("GET /admin/v1/runs", &route{access: admin, serve: (*exchange).listRuns})
			add("GET /admin/v1/runs/{id}", &route{access: admin, serve: (*exchange).showRun})
		}
		for i := range g.extras {
			e := &g.extras[i]
			add(e.Pattern, &route{access: anyKey, roles: e.Roles, serve: func(x *exchange) { x.extra(e) }})
		}
	})
}

// try turns the mux's panics about bad and doubled patterns into errors.
func try(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("gateway: route: %v", p)
		}
	}()
	f()
	return nil
}

// route finds the request's route. It is nil where there is none; then allow
// is the methods that the path has, or empty.
func (g *Gateway) route(r *http.Request) (rt *route, allow string) {
	h, _ := g.mux.Handler(r)
	if rt, ok := h.(*route); ok {
		return rt, ""
	}
	// The mux's own handlers answer 404 and 405, and redirect paths like //v1.
	// Redirected POSTs come back as GETs, so such a path is just not found.
	refused := headers{}
	h.ServeHTTP(refused, r)
	return nil, http.Header(refused).Get("Allow")
}

// headers is a ResponseWriter that keeps only the headers.
type headers http.Header

func (h headers) Header() http.Header         { return http.Header(h) }
func (h headers) Write(p []byte) (int, error) { return len(p), nil }
func (h headers) WriteHeader(int)             {}

// unrouted answers where there is no route.
func (x *exchange) unrouted(allow string) {
	p := x.r.URL.Path
	x.dialect = x.g.nearest(p)
	switch clean := path.Clean("/" + p); {
	case allow != "":
		x.w.Header().Set("Allow", allow)
		x.failWith(http.StatusMethodNotAllowed, llm.Errorf(llm.Invalid, "%s %s: want method %s", clip(x.r.Method, 20), clip(p, 100), allow))
	case clean != strings.TrimSuffix(p, "/") && clean != p:
		x.fail(llm.Errorf(llm.NotFound, "no route %s %s: want the path without doubled slashes and dots, as %s", clip(x.r.Method, 20), clip(p, 100), clip(clean, 100)))
	default:
		x.fail(llm.Errorf(llm.NotFound, "no route %s %s", clip(x.r.Method, 20), clip(p, 100)))
	}
}

// local is who asks when nobody has to say.
var local = identity.Key{Name: "local", Tenant: identity.DefaultTenant, Role: identity.Admin}

// authenticate finds out who asks, by a bearer token or x-api-key.
func (x *exchange) authenticate(rt *route) *llm.Error {
	if x.g.noAuth {
		x.key = local
		return nil
	}
	secret, given := secretOf(x.r)
	if !given {
		return llm.Errorf(llm.Unauthorized, "no key: want the header Authorization: Bearer sk-summit-..., or x-api-key")
	}
	k, err := x.g.keys.Check(x.r.Context(), secret)
	switch {
	case errors.Is(err, identity.ErrUnknown):
		return llm.Errorf(llm.Unauthorized, "the key is not valid: it is unknown or was revoked")
	case err != nil:
		x.g.log.Error("keys can't be checked", "request_id", x.id, "error", err)
		return &llm.Error{Kind: llm.Overloaded, Message: "keys can't be checked at the moment", RetryAfter: retryTime}
	}
	x.key = k
	if !rt.has(k.Role) {
		return llm.Errorf(llm.Forbidden, "the key has role %s, want %s", k.Role, rt.wanted())
	}
	return nil
}

// wanted names the roles that a route is for.
func (rt *route) wanted() string {
	switch {
	case rt.roles != nil:
		var all []string
		for _, r := range rt.roles {
			all = append(all, string(r))
		}
		return strings.Join(all, " or ")
	case rt.access == admin:
		return string(identity.Admin)
	}
	return string(identity.Admin) + " or " + string(identity.User)
}

// secretOf returns the key that the request shows. A bearer token goes before
// x-api-key, which clients of other protocols send.
func secretOf(r *http.Request) (string, bool) {
	if a := r.Header.Get("Authorization"); a != "" {
		const scheme = "bearer "
		if len(a) > len(scheme) && strings.EqualFold(a[:len(scheme)], scheme) {
			return strings.TrimSpace(a[len(scheme):]), true
		}
		return "", false
	}
	k := r.Header.Get("X-Api-Key")
	return k, k != ""
}

func (x *exchange) root() { x.writeJSON(http.StatusOK, map[string]string{"name": "summit"}) }

func (x *exchange) showVersion() {
	x.writeJSON(http.StatusOK, map[string]string{"name": "summit", "version": x.g.version})
}

// modelJSON is a model as GET /v1/models shows it.
type modelJSON struct {
	ID      string     `json:"id"`
	Object  string     `json:"object"`
	Created int64      `json:"created"`
	OwnedBy string     `json:"owned_by"`
	Summit  *modelNote `json:"summit,omitempty"`
}

// modelNote is what Summit says beyond the protocol.
type modelNote struct {
	About  string   `json:"about,omitempty"`
	Labels []string `json:"labels,omitempty"`
}

func (g *Gateway) modelJSON(m Model) modelJSON {
	if m.Created.IsZero() {
		m.Created = g.started
	}
	if m.Owner == "" {
		m.Owner = "summit"
	}
	j := modelJSON{ID: m.Name, Object: "model", Created: m.Created.Unix(), OwnedBy: m.Owner}
	if m.About != "" || len(m.Labels) > 0 {
		j.Summit = &modelNote{m.About, m.Labels}
	}
	return j
}

// lister returns the protocol whose form of a list of models the caller wants,
// nil for OpenAI's, and speaks it from then on.
func (x *exchange) lister() dialect.Lister {
	for _, l := range x.g.listers {
		if l.Lists(x.r.Header) {
			x.dialect = l
			return l
		}
	}
	return nil
}

func (g *Gateway) entry(m Model) dialect.ModelEntry {
	if m.Created.IsZero() {
		m.Created = g.started
	}
	return dialect.ModelEntry{Name: m.Name, Created: m.Created}
}

func (x *exchange) listModels() {
	if l := x.lister(); l != nil {
		var all []dialect.ModelEntry
		for _, m := range x.g.models.Models() {
			all = append(all, x.g.entry(m))
		}
		x.writeBody(http.StatusOK, "application/json", append(l.AppendModels(nil, all), '\n'))
		return
	}
	list := struct {
		Object string      `json:"object"`
		Data   []modelJSON `json:"data"`
	}{"list", []modelJSON{}}
	for _, m := range x.g.models.Models() {
		list.Data = append(list.Data, x.g.modelJSON(m))
	}
	x.writeJSON(http.StatusOK, list)
}

func (x *exchange) showModel() {
	// The path values of the mux are not at hand: it was only asked for the route.
	name := strings.TrimPrefix(x.r.URL.Path, "/v1/models/")
	l := x.lister()
	for _, m := range x.g.models.Models() {
		if m.Name == name && l != nil {
			x.writeBody(http.StatusOK, "application/json", append(l.AppendModel(nil, x.g.entry(m)), '\n'))
			return
		}
		if m.Name == name {
			x.writeJSON(http.StatusOK, x.g.modelJSON(m))
			return
		}
	}
	x.fail(x.unknownModel(name))
}

// unknownModel returns the directory's own words for it, which name what is near.
func (x *exchange) unknownModel(name string) *llm.Error {
	_, err := x.g.models.Model(name)
	e := llm.AsError(err)
	if e == nil || e.Kind != llm.NotFound {
		e = llm.Errorf(llm.NotFound, "the model %q does not exist", clip(name, 100))
	}
	own := *e
	own.Param = "model"
	return &own
}

// context returns the context of the request's work: it ends with the client,
// with the time that a request may take, and with the server.
func (x *exchange) context() (ctx context.Context, cancel context.CancelCauseFunc, free func()) {
	most, why := x.patience()
	timed, stop := context.WithTimeoutCause(x.r.Context(), most, why)
	ctx, cancel = context.WithCancelCause(x.known(timed))
	unhook := context.AfterFunc(x.g.base, func() { cancel(context.Cause(x.g.base)) })
	return ctx, cancel, func() {
		unhook()
		cancel(nil)
		stop()
	}
}

// known returns the context with who asks and under which id what happens is
// kept, for those below who may know it.
func (x *exchange) known(ctx context.Context) context.Context {
	ctx = llm.WithVia(identity.Asking(ctx, x.key), x.via)
	if x.call != nil && x.call.N == 1 {
		ctx = run.Recording(ctx, x.runID)
		if keys := x.r.Header["Idempotency-Key"]; len(keys) == 1 && sane(keys[0]) {
			ctx = run.Retrying(ctx, keys[0])
		}
	}
	return ctx
}

// logAdmin writes down what an admin changed.
func (x *exchange) logAdmin(what string, k identity.Key) {
	x.g.log.Info(what, slog.String("request_id", x.id), slog.String("by_key_id", x.key.ID), slog.String("key_id", k.ID), slog.String("role", string(k.Role)))
}

// nearest returns the protocol that a path without a route belongs to: one of
// whose own path it begins with, else OpenAI's.
func (g *Gateway) nearest(p string) dialect.Server {
	for _, s := range g.spoken {
		if _, own, _ := strings.Cut(s.Pattern(), " "); p == own || strings.HasPrefix(p, own+"/") {
			return s
		}
	}
	return g.openai
}

package gateway

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"summit/llm"
)

// origins says which pages and names may reach the server.
type origins struct {
	loopback bool
	hosts    []string // lower case, without port
	allowed  []string // scheme://host[:port], lower case
}

func newOrigins(loopback bool, hosts, allowed []string) (origins, error) {
	o := origins{loopback: loopback}
	for _, h := range hosts {
		if h == "" || strings.ContainsAny(h, "/:@ ") {
			return o, fmt.Errorf("gateway: host %q, want a name without scheme and port", clip(h, 100))
		}
		o.hosts = append(o.hosts, strings.ToLower(h))
	}
	for _, a := range allowed {
		u, err := url.Parse(a)
		if err != nil || u.Scheme == "" || u.Host == "" || strings.TrimSuffix(u.Path, "/")+u.RawQuery+u.Fragment != "" || u.User != nil {
			return o, fmt.Errorf("gateway: origin %q, want scheme://host or scheme://host:port", clip(a, 100))
		}
		o.allowed = append(o.allowed, strings.ToLower(u.Scheme+"://"+u.Host))
	}
	return o, nil
}

// guard checks Host and Origin, adds what CORS wants, and answers preflights.
// It reports whether the request was answered.
func (x *exchange) guard() bool {
	o := &x.g.origins
	host := hostOf(x.r.Host)
	if o.loopback && !o.names(host) {
		x.fail(llm.Errorf(llm.Forbidden, "host %q is not this server: want localhost, a loopback address or a configured name", clip(host, 100)))
		return true
	}
	origin := x.r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	allowed := slices.Contains(o.allowed, strings.ToLower(origin))
	if allowed {
		h := x.w.Header()
		h.Add("Vary", "Origin")
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "X-Request-Id, Request-Id, Retry-After, Retry-After-Ms, X-Should-Retry")
	} else if o.loopback && !same(origin, x.r.Host) {
		x.fail(llm.Errorf(llm.Forbidden, "origin %q may not use this server: want its own or a configured one", clip(origin, 100)))
		return true
	}
	if x.r.Method == http.MethodOptions && x.r.Header.Get("Access-Control-Request-Method") != "" {
		x.preflight(allowed)
		return true
	}
	return false
}

// preflight answers a browser that asks what it may send. SDKs in pages send
// headers of their own, so those asked for are granted.
func (x *exchange) preflight(allowed bool) {
	if allowed {
		h := x.w.Header()
		h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
		if asked := x.r.Header.Get("Access-Control-Request-Headers"); asked != "" && len(asked) <= 1024 {
			h.Set("Access-Control-Allow-Headers", asked)
		}
		h.Set("Access-Control-Max-Age", "600")
	}
	x.w.WriteHeader(http.StatusNoContent)
}

// names reports whether the host is this machine, or a configured name of it.
func (o *origins) names(host string) bool {
	if host == "localhost" || slices.Contains(o.hosts, host) {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// hostOf returns the host of a Host header in lower case, without port and
// brackets.
func hostOf(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
}

// same reports whether the origin is the server itself, as the client
// addressed it.
func same(origin, host string) bool {
	_, at, ok := strings.Cut(strings.ToLower(origin), "://")
	return ok && at == strings.ToLower(host)
}

package summit

import (
	"fmt"
	"net/url"
	"strings"

	"summit/llm"
	"summit/member"
)

// guarded wraps a built member, asked with key, so that it is kept answering,
// together with its other endpoints. A recording and a model of this process
// answer by themselves.
func (m *Member) guarded(name, key string, built llm.Member, config member.Config, warn func(string)) (llm.Member, error) {
	if m.Use == useLocal || m.Use == "replay" || m.Guard.Off && len(m.Endpoints) == 0 {
		return built, nil
	}
	targets := []member.Target{{Member: built, Address: m.BaseURL, Weight: m.Weight}}
	for i, e := range m.Endpoints {
		own, err := m.endpointKey(name, i, key, warn)
		if err != nil {
			return nil, &NotReadyError{err, "export the variable, or write its key into a file and name that with key_file"}
		}
		c := config
		c.Key, c.BaseURL = own, m.address(e)
		or(&e.Model, m.Model)
		c.Model = e.Model
		other, err := member.New(c)
		if err != nil {
			return nil, fmt.Errorf("endpoints[%d]: %w", i, err)
		}
		targets = append(targets, member.Target{Member: other, Address: m.address(e), Weight: e.Weight})
	}
	return member.NewGuard(m.Guard, targets...)
}

// address is an endpoint's address; empty = the kind's own.
func (m *Member) address(e Endpoint) string {
	if e.BaseURL != "" {
		return e.BaseURL
	}
	return m.BaseURL
}

// endpointKey returns the key of an endpoint. The member's own goes to its own
// host only, unless the endpoint names it.
func (m *Member) endpointKey(name string, i int, key string, warn func(string)) (string, error) {
	e := m.Endpoints[i]
	if e.KeyEnv != "" || e.KeyFile != "" {
		one := Member{Use: m.Use, BaseURL: m.address(e), KeyEnv: e.KeyEnv, KeyFile: e.KeyFile}
		return one.key(fmt.Sprintf("%s.endpoints[%d]", name, i), warn)
	}
	kind, _ := member.Lookup(m.Use)
	own := m.BaseURL
	or(&own, kind.BaseURL)
	if e.BaseURL == "" || host(e.BaseURL) == host(own) {
		return key, nil
	}
	return "", nil
}

// host is the scheme and host of an address.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}

// checkEndpoints reports what is wrong with the member's endpoints.
func (m Member) checkEndpoints(k *checker, path string) {
	if len(m.Endpoints) == 0 {
		if m.Weight != 0 {
			k.add(join(path, "weight"), "a weight without endpoints, want endpoints beside it")
		}
		return
	}
	if m.Use == useLocal || m.Use == "replay" {
		k.add(join(path, "endpoints"), "members of kind %s have no address, so no others either", clip(m.Use))
	}
	if m.Guard.Off {
		k.add(join(path, "guard.off"), "several endpoints need the guard, which chooses among them")
	}
	if len(m.Endpoints) > 99 {
		k.add(join(path, "endpoints"), "%d endpoints, want at most 99", len(m.Endpoints))
		return
	}
	for i, e := range m.Endpoints {
		at := fmt.Sprintf("%s.endpoints[%d]", path, i)
		if e == (Endpoint{Weight: e.Weight}) {
			k.add(at, "neither another address nor another key, want one of them")
		}
		k.address(join(at, "base_url"), e.BaseURL)
		k.keyEnv(at, e.KeyEnv, e.KeyFile)
	}
}

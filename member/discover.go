package member

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"summit/llm"
)

// Found is a kind of member that can be used here without being configured.
type Found struct {
	Kind    string
	BaseURL string
	KeyEnv  string   // the environment variable that holds its key; empty = needs none
	Models  []string // what the server lists, or, for a vendor, its default model; nil = unknown
}

// discoverTime is how long each local server has to answer: it is on this
// machine, and the start waits for it.
const discoverTime = 300 * time.Millisecond

// Discover returns what can be used here: vendors whose key env holds, and
// local servers that list their models on their usual loopback port; vendors
// first, each by name. No vendor is called and nothing is paid for. Addresses
// in skip, such as "127.0.0.1:8080", are not probed: Summit's own belongs
// there. client makes the calls; nil = one of the package's own.
func Discover(ctx context.Context, env func(string) string, client *http.Client, skip ...string) []Found {
	var found []Found
	var local []Kind
	for _, k := range Kinds() {
		if k.Manual {
			continue
		}
		if k.Local {
			local = append(local, k)
		}
		for _, name := range k.KeyEnv {
			if strings.TrimSpace(env(name)) == "" {
				continue
			}
			f := Found{Kind: k.Name, BaseURL: k.BaseURL, KeyEnv: name}
			if k.Model != "" {
				f.Models = []string{k.Model}
			}
			found = append(found, f)
			break
		}
	}
	client = httpClient(client, discoverTime)
	ctx, cancel := context.WithTimeout(ctx, discoverTime)
	defer cancel()
	lists := make([][]string, len(local))
	var probes sync.WaitGroup
	for i, k := range local {
		if host := loopback(k.BaseURL); host == "" || slices.ContainsFunc(skip, func(s string) bool { return samePort(s, host) }) {
			continue
		}
		probes.Go(func() { lists[i] = probeLocal(ctx, client, k.BaseURL) })
	}
	probes.Wait()
	for i, k := range local {
		if len(lists[i]) > 0 {
			found = append(found, Found{Kind: k.Name, BaseURL: k.BaseURL, Models: lists[i]})
		}
	}
	return found
}

// loopback returns the address of a base URL on this machine, or "".
func loopback(base string) string {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" {
		return ""
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		return ""
	}
	return u.Host
}

// samePort reports whether the address to skip is the probed one, or one that
// listens there too: ":8080", "0.0.0.0:8080", "localhost:8080".
func samePort(skip, probed string) bool {
	host, port, err := net.SplitHostPort(skip)
	_, want, _ := net.SplitHostPort(probed)
	if err != nil || port != want {
		return false
	}
	ip := net.ParseIP(host)
	return host == "" || host == "localhost" || ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// probeLocal returns the models that the server lists, nil if there is none
// such.
func probeLocal(ctx context.Context, client *http.Client, base string) []string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/models", nil)
	if err != nil {
		return nil
	}
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil
	}
	list, err := readModels(resp.Body, 1<<20)
	if err != nil {
		return nil
	}
	return list[:min(len(list), 100)]
}

// readModels reads a list of models of at most that many bytes and returns
// their ids in its order.
func readModels(r io.Reader, most int64) ([]string, error) {
	body, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > most {
		return nil, llm.Errorf(llm.Protocol, "the list of models is longer than %d bytes", most)
	}
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, llm.Errorf(llm.Protocol, "the list of models is no JSON of the form {data: [{id: ...}]}")
	}
	var ids []string
	for _, m := range list.Data {
		const longest = 512
		if m.ID == "" || len(m.ID) > longest {
			continue
		}
		if ids = append(ids, m.ID); len(ids) == maxModels {
			break
		}
	}
	return ids, nil
}

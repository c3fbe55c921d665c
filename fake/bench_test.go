package fake_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"summit/fake"
	"summit/gateway"
	"summit/llm"
	"summit/member"
)

// bench is a fake, a member that speaks to it, and a gateway before that, all
// over pipes: in a synctest bubble the whole lives in virtual time.
type bench struct {
	t       *testing.T
	vendor  *fake.Vendor
	fake    *fake.Server
	client  *http.Client // of the gateway
	members *directory
	// member makes one more member that speaks to the fake; params are JSON.
	member func(name, key, params string) llm.Member
}

// directory is the members of a bench by name.
type directory struct {
	mu  sync.Mutex
	all map[string]llm.Member
}

func (d *directory) put(name string, m llm.Member) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all[name] = m
}

func (d *directory) Model(name string) (llm.Member, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m := d.all[name]; m != nil {
		return m, nil
	}
	return nil, llm.Errorf(llm.NotFound, "the model %q does not exist", name)
}

func (d *directory) Models() []gateway.Model { return nil }
func (d *directory) Members() []llm.Member   { return nil }

// pipes is a listener whose connections are pipes in memory.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// smallAnswer is how long an answer of the member "small" may be.
const smallAnswer = 64 << 10

// newBench starts a fake of the vendor with members "m", "small" (whose
// answers are bounded), "wrong" (whose key is wrong) and, where it has one,
// "vectors" on its model of embeddings, and a gateway before
// them. params are of all members, as JSON.
func newBench(t *testing.T, vendor string, o fake.Options, params string) *bench {
	t.Helper()
	f, err := fake.New(vendor, o)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, vendor: f.Vendor, fake: f, members: &directory{all: map[string]llm.Member{}}}
	upstream := newPipes()
	var served sync.WaitGroup
	server := &http.Server{Handler: f, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	served.Go(func() { server.Serve(upstream) })
	transport := &http.Transport{DialContext: upstream.dial, DisableCompression: true, MaxIdleConnsPerHost: 8}
	kind, ok := member.Lookup(f.Vendor.Kind)
	if !ok {
		t.Fatalf("no kind of member is named %s", f.Vendor.Kind)
	}
	b.member = func(name, key, own string) llm.Member {
		model := f.Model()
		if name == "vectors" {
			model = f.Vendor.Vectors.Model
		}
		c := member.Config{Name: name, Use: kind.Name, BaseURL: "http://fake.test" + f.Vendor.Base, Key: key, Model: model, Client: &http.Client{Transport: transport}}
		if kind.Params != nil {
			c.Params = kind.Params()
			for _, text := range []string{f.Vendor.Params("http://fake.test"), params, own} {
				if text == "" {
					continue
				}
				if err := json.Unmarshal([]byte(text), c.Params); err != nil {
					t.Fatalf("%s: parameters %s: %v", name, text, err)
				}
			}
		}
		one, err := member.New(c)
		if err != nil {
			t.Fatal(err)
		}
		b.members.put(name, one)
		return one
	}
	b.member("m", f.Key(), "")
	b.member("small", f.Key(), fmt.Sprintf(`{"max_answer_bytes":%d}`, smallAnswer))
	b.member("wrong", wrongKey(f.Key()), "")
	if f.Vendor.Vectors.Model != "" {
		b.member("vectors", f.Key(), "")
	}
	down := newPipes()
	g, err := gateway.New(gateway.Config{Models: b.members, NoAuth: true, Loopback: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	served.Go(func() { g.Serve(down) })
	b.client = &http.Client{Transport: &http.Transport{DialContext: down.dial, DisableCompression: true}}
	t.Cleanup(func() {
		b.client.CloseIdleConnections()
		g.Shutdown(context.Background())
		transport.CloseIdleConnections()
		server.Close()
		served.Wait()
	})
	return b
}

// wrongKey returns a key of the same form that is not it.
func wrongKey(key string) string {
	if key == "" {
		return ""
	}
	return key[:len(key)-1] + "#"
}

// last returns the fake's last exchange.
func (b *bench) last() fake.Exchange {
	log := b.fake.Log()
	if len(log) == 0 {
		return fake.Exchange{}
	}
	return log[len(log)-1]
}

// post asks the gateway.
func (b *bench) post(ctx context.Context, path string, body any, headers ...string) (*http.Response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1:8600"+path, strings.NewReader(string(text)))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return b.client.Do(r)
}

// frames reads server-sent events: the name and data of each, until each
// returns false.
func frames(r io.Reader, each func(name, data string) bool) error {
	var name, data string
	var line []byte
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		for _, c := range buf[:n] {
			if c != '\n' {
				line = append(line, c)
				continue
			}
			text := string(line)
			line = line[:0]
			switch {
			case strings.HasPrefix(text, "event: "):
				name = text[7:]
			case strings.HasPrefix(text, "data: "):
				data += text[6:]
			case text == "" && data != "":
				if !each(name, data) {
					return nil
				}
				name, data = "", ""
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

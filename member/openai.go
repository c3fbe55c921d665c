package member

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"summit/dialect"
	"summit/llm"
)

// OpenAIParams are the settings of every kind that speaks the OpenAI
// protocol. Kinds of known vendors come with their own quirks filled in.
type OpenAIParams struct {
	Quirks  dialect.Quirks    `yaml:"quirks" json:"quirks,omitzero" jsonschema_description:"how the server differs from the protocol"`
	Headers map[string]string `yaml:"headers" json:"headers,omitempty" jsonschema_description:"headers sent with every request; the key has its own place"`

	ConnectTimeout time.Duration `yaml:"connect_timeout" json:"connect_timeout,omitempty" jsonschema_description:"most time to connect, and again for TLS; 0 = 10s"`
	HeaderTimeout  time.Duration `yaml:"header_timeout" json:"header_timeout,omitempty" jsonschema_description:"most time until the answer begins; 0 = 5m"`
	IdleTimeout    time.Duration `yaml:"idle_timeout" json:"idle_timeout,omitempty" jsonschema_description:"most time without a sign of life within an answer; 0 = 2m"`
	AnswerTimeout  time.Duration `yaml:"answer_timeout" json:"answer_timeout,omitempty" jsonschema_description:"most time for a whole answer; 0 = 30m"`
	MaxAnswerBytes int           `yaml:"max_answer_bytes" json:"max_answer_bytes,omitempty" jsonschema:"minimum=0" jsonschema_description:"longest answer, with its thoughts and calls; 0 = 16 MiB"`
}

// defaults fills in what is zero. The figures are guesses between what
// vendors let a request queue (DeepSeek: ten minutes, with signs of life) and
// what a user waits.
func (p *OpenAIParams) defaults() {
	or := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	or(&p.ConnectTimeout, 10*time.Second)
	or(&p.HeaderTimeout, 5*time.Minute)
	or(&p.IdleTimeout, 2*time.Minute)
	or(&p.AnswerTimeout, 30*time.Minute)
	if p.MaxAnswerBytes == 0 {
		p.MaxAnswerBytes = llm.MaxReplyBytes
	}
}

// Bounds of what a server may send beside answers.
const (
	maxErrorBytes  = 64 << 10
	maxModelsBytes = 4 << 20
	maxModels      = 10_000
)

// OpenAI is a member on any server that speaks OpenAI Chat Completions. It
// asks for a stream, unless a quirk says that there is none, and takes usage
// from the server or else estimates it.
//
// It follows no redirect, so that the key never reaches another host; the key
// is in one header and in no error. It is a llm.Prober and a llm.Quoter. A
// vendor's own protocol is put on it as a wire.
type OpenAI struct {
	card   llm.Card
	base   string // without a slash at its end
	wire   wire
	params OpenAIParams
	client *http.Client

	asking chan struct{} // held by whoever asks for the models
	model  string        // the configured or the first listed one; held by asking until it is known
	known  chan struct{} // closed once model is known
}

// newOpenAI builds the member; c has its base URL.
func newOpenAI(c Config, p OpenAIParams, w wire) (*OpenAI, error) {
	base, err := checkBase(c.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("member: %s: %w", c.Name, err)
	}
	if w.socket {
		base = "ws" + strings.TrimPrefix(base, "http") // https becomes wss
	}
	if err := p.Quirks.Valid(); err != nil {
		return nil, fmt.Errorf("member: %s: params.%w", c.Name, err)
	}
	if err := checkHeaders(p.Headers); err != nil {
		return nil, fmt.Errorf("member: %s: params.headers: %w", c.Name, err)
	}
	for name, d := range map[string]time.Duration{"connect_timeout": p.ConnectTimeout, "header_timeout": p.HeaderTimeout,
		"idle_timeout": p.IdleTimeout, "answer_timeout": p.AnswerTimeout, "max_answer_bytes": time.Duration(p.MaxAnswerBytes)} {
		if d < 0 {
			return nil, fmt.Errorf("member: %s: params.%s: negative, want zero (the default) or more", c.Name, name)
		}
	}
	if w.signer == nil {
		key, err := headerKey(c.Key)
		if err != nil {
			return nil, fmt.Errorf("member: %s: %w", c.Name, err)
		}
		w.signer = bearer(key)
	}
	p.defaults()
	c.Card.Continues = p.Quirks.ContinueBy != "" && !slices.Contains(p.Quirks.Strip, "logprobs") && !slices.Contains(p.Quirks.Strip, "top_logprobs")
	c.Card.Completes = p.Quirks.Completions != "" && w.plain()
	m := &OpenAI{card: c.Card, base: base, wire: w, params: p, model: c.Model,
		asking: make(chan struct{}, 1), known: make(chan struct{})}
	m.client = httpClient(c.Client, p.ConnectTimeout)
	if m.model != "" {
		close(m.known)
	}
	return m, nil
}

// headerKey returns the key as a header can carry it.
func headerKey(key string) (string, error) {
	key = strings.TrimSpace(key)
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7F }) {
		return "", errors.New("the key has blanks or characters that no header can carry")
	}
	return key, nil
}

// checkBase returns the base URL without slashes at its end.
func checkBase(base string) (string, error) {
	if base == "" {
		return "", errors.New("base_url is missing, want the address up to /v1")
	}
	u, err := url.Parse(base)
	switch {
	case err != nil: // the error would show the address, and a password in it
		return "", errors.New("base_url is no URL, want one such as http://127.0.0.1:8000/v1")
	case u.User != nil:
		return "", errors.New("base_url holds a user name or a password, want the key in key_env or key_file")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.RawQuery != "", u.Fragment != "":
		return "", fmt.Errorf("base_url %q, want http or https, a host and a path, such as http://127.0.0.1:8000/v1", base)
	case strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/chat/completions"):
		return "", fmt.Errorf("base_url %q, want the address before /chat/completions", base)
	}
	return strings.TrimRight(base, "/"), nil
}

// ownHeaders are set here and nowhere else.
var ownHeaders = []string{"Accept", "Authorization", "Connection", "Content-Length", "Content-Type", "Host", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

func checkHeaders(h map[string]string) error {
	for name, value := range h {
		token := strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
		switch {
		case !token || name == "":
			return fmt.Errorf("%q is no name of a header", name)
		case slices.Contains(ownHeaders, http.CanonicalHeaderKey(name)):
			return fmt.Errorf("%s is set by Summit; a key belongs into key_env or key_file", name)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F }):
			return fmt.Errorf("the value of %s has control characters", name)
		}
	}
	return nil
}

// Card says who the member is. Its Model is empty where it was not
// configured: then it is the first that the server lists.
func (m *OpenAI) Card() *llm.Card { return &m.card }

// Generate asks the server.
func (m *OpenAI) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return llm.NewStream(ctx, m.card.Name, func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		a := &openAIAnswer{m: m, r: r, emit: emit, start: time.Now(), chat: m.decoder()}
		err := a.run(ctx)
		return a.outcome(), m.redact(err)
	})
}

// Probe asks for the list of models. A server without such a list counts as
// usable, because it answered; of one whose wire has no such list, only the
// signer is asked, who may have to fetch a token.
func (m *OpenAI) Probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.params.ConnectTimeout)
	defer cancel()
	var err error
	if m.wire.noModels {
		err = m.reach(ctx)
	} else {
		_, err = m.listModels(ctx)
	}
	var e *llm.Error
	if err == nil || errors.As(err, &e) && (e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed) {
		return nil
	}
	named := *llm.AsError(err)
	named.Member = m.card.Name
	return &named
}

// Quote returns the price of the request at its worst: no cache hit, input
// half as long again as estimated, and the longest answer that the request or
// the model allows.
func (m *OpenAI) Quote(r *llm.Request) (*llm.Cost, error) {
	input := llm.EstimateInput(r).N
	input += input / 2
	output := int64(r.MaxTokens)
	if most := int64(m.card.MaxOutputTokens); output == 0 || most > 0 && most < output {
		output = most
	}
	if output == 0 {
		output = max(int64(m.card.WindowTokens)-input, 0)
	}
	if output == 0 {
		return nil, nil
	}
	estimate := func(n int64) llm.Count { return llm.Count{N: n, From: llm.Estimated} }
	now := time.Now()
	worst := m.card.Cost(llm.Usage{Input: estimate(input), Output: estimate(output)}, now)
	thought := m.card.Cost(llm.Usage{Input: estimate(input), Output: estimate(0), Reasoning: estimate(output)}, now)
	if thought != nil && thought.Amount > worst.Amount {
		worst = thought
	}
	return worst, nil
}

// upstreamModel returns the model to ask for: the configured one, or, asked
// for once, the first that the server lists.
func (m *OpenAI) upstreamModel(ctx context.Context) (string, error) {
	select {
	case <-m.known:
		return m.model, nil
	case m.asking <- struct{}{}:
		defer func() { <-m.asking }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	select {
	case <-m.known: // while waiting
		return m.model, nil
	default:
	}
	list, err := m.listModels(ctx)
	if err != nil {
		return "", err
	}
	if len(list) == 0 {
		return "", llm.Errorf(llm.NotFound, "the server lists no model, and none is configured")
	}
	m.model = list[0]
	close(m.known)
	return m.model, nil
}

// listModels asks for the server's models.
func (m *OpenAI) listModels(ctx context.Context) ([]string, error) {
	resp, err := m.do(ctx, http.MethodGet, "/models", "application/json", nil)
	if err != nil {
		return nil, m.redact(err)
	}
	defer resp.Body.Close()
	if err := m.refused(ctx, resp); err != nil {
		return nil, m.redact(err)
	}
	read := readModels
	if m.wire.speech != nil && m.wire.speech.models != nil {
		read = m.wire.speech.models
	}
	list, err := read(resp.Body, maxModelsBytes)
	if err != nil {
		return nil, broken(ctx, err)
	}
	return list, nil
}

// do makes one call, and once more where the server refuses a token that can
// be renewed; the error is an *llm.Error.
func (m *OpenAI) do(ctx context.Context, method, path, accept string, body []byte) (*http.Response, error) {
	for again := false; ; again = true {
		req, err := m.call(ctx, method, path, accept, body)
		if err != nil {
			return nil, err
		}
		resp, err := m.client.Do(req)
		if err != nil {
			return nil, broken(ctx, err)
		}
		resp.Request = req // as it was signed
		if again || resp.StatusCode != http.StatusUnauthorized || !m.wire.signer.renew(req) {
			return resp, nil
		}
		resp.Body.Close()
	}
}

// call builds one call and signs it.
func (m *OpenAI) call(ctx context.Context, method, path, accept string, body []byte) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, m.base+path, content)
	if err != nil {
		return nil, &llm.Error{Kind: llm.Internal, Err: errors.New("the request can't be built")}
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", "summit")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, name := range slices.Sorted(maps.Keys(m.params.Headers)) {
		req.Header.Set(name, m.params.Headers[name])
	}
	if m.wire.header != nil {
		m.wire.header(req, accept == eventStream)
	}
	if err := m.wire.signer.sign(ctx, req, body); err != nil {
		return nil, broken(ctx, err)
	}
	return req, nil
}

// eventStream is the type of an answer in pieces.
const eventStream = "text/event-stream"

// reach asks for nothing but an answer, whatever it says.
func (m *OpenAI) reach(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.base, nil)
	if err != nil {
		return &llm.Error{Kind: llm.Internal, Err: errors.New("the request can't be built")}
	}
	if err := m.wire.signer.sign(ctx, req, nil); err != nil {
		return m.redact(broken(ctx, err))
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return m.redact(broken(ctx, err))
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 500 {
		return m.refused(ctx, resp)
	}
	return nil
}

// refused returns the error that a status other than 2xx tells, nil for 2xx.
func (m *OpenAI) refused(ctx context.Context, resp *http.Response) error {
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
		return nil
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		e := llm.Errorf(llm.Protocol, "answered HTTP %d with a redirect, which is not followed: set base_url to where the server is now", resp.StatusCode)
		e.Status = resp.StatusCode
		return e
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes))
	if err != nil && ctx.Err() != nil {
		return broken(ctx, err)
	}
	if m.wire.speech != nil {
		return m.wire.speech.fault(resp.StatusCode, resp.Header, body)
	}
	return dialect.UpstreamError(m.params.Quirks, resp.StatusCode, resp.Header, body)
}

// redact takes secrets out of what a server said.
func (m *OpenAI) redact(err error) error {
	var e *llm.Error
	if !errors.As(err, &e) {
		return err
	}
	c := *e
	changed := false
	for _, secret := range m.wire.signer.secrets() {
		if len(secret) < 4 || !strings.Contains(e.Message+e.Code+e.Param, secret) {
			continue
		}
		changed = true
		for _, s := range []*string{&c.Message, &c.Code, &c.Param} {
			*s = strings.ReplaceAll(*s, secret, redacted)
		}
	}
	if !changed {
		return err
	}
	return &c
}

// broken types the error of a call that got no proper answer.
func broken(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var typed *llm.Error
	if errors.As(err, &typed) {
		return err
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the address
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return &llm.Error{Kind: llm.Timeout, Message: "the server did not answer in time", Err: err}
	}
	return &llm.Error{Kind: llm.Overloaded, Message: "the server can't be reached", Err: err}
}

package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"time"
)

func init() {
	Register("http", "a verifier of your own behind a URL says whether the answer is right", newHTTP)
}

// HTTPParams are the parameters of http. The verifier gets a POST of
// {"question": "...", "text": "...", "answer": "..."} and answers
// {"pass": true, "message": "...", "score": 0.9} with status 200; message and
// score may be absent. It gets no key: keep it where only Summit reaches it.
type HTTPParams struct {
	URL          string  `yaml:"url" json:"url" jsonschema:"required" jsonschema_description:"where the verifier is: http or https, without a password; redirects are not followed"`
	SendQuestion bool    `yaml:"send_question" json:"send_question,omitempty" jsonschema_description:"send what was asked, too; false = only the reply and its final answer"`
	Seconds      float64 `yaml:"seconds" json:"seconds,omitempty" jsonschema:"minimum=0,maximum=300" jsonschema_description:"longest wait for the verifier; 0 = 10"`
}

const (
	httpWait       = 10 * time.Second
	maxHTTPSeconds = 300
	maxHTTPBytes   = 64 << 10 // of what the verifier answers
)

type remote struct {
	url      string
	question bool
	wait     time.Duration
	client   *http.Client
}

func newHTTP(env Env, p HTTPParams) (Checker, error) {
	u, err := url.Parse(p.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("url: want http://host/path or https://host/path")
	}
	if u.User != nil {
		return nil, errors.New("url: it holds a user name or a password, which may not stand in the configuration")
	}
	wait, err := seconds("seconds", p.Seconds, httpWait, maxHTTPSeconds)
	if err != nil {
		return nil, err
	}
	transport := env.Transport
	if transport == nil {
		transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	return &remote{u.String(), p.SendQuestion, wait, &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// seconds reads a setting of seconds; 0 = usual.
func seconds(name string, s float64, usual time.Duration, most float64) (time.Duration, error) {
	if !(s >= 0 && s <= most) {
		return 0, fmt.Errorf("%s: %v, want 0 to %v", name, s, most)
	}
	if s == 0 {
		return usual, nil
	}
	return time.Duration(s * float64(time.Second)), nil
}

func (r *remote) Check(ctx context.Context, c *Case) (Finding, error) {
	sent := struct {
		Question *string `json:"question,omitempty"`
		Text     string  `json:"text"`
		Answer   string  `json:"answer"`
	}{Text: c.Text, Answer: c.Answer}
	if r.question {
		sent.Question = &c.Question
	}
	body, err := json.Marshal(sent)
	if err != nil {
		return Finding{}, fmt.Errorf("the verifier can't be asked: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, r.wait)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return Finding{}, errors.New("the verifier can't be asked")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return Finding{}, unreachable(ctx)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return Finding{}, fmt.Errorf("the verifier answered with status %d, want 200", response.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxHTTPBytes+1))
	switch {
	case err != nil:
		return Finding{}, unreachable(ctx)
	case len(text) > maxHTTPBytes:
		return Finding{}, fmt.Errorf("the verifier's answer is longer than %d bytes", maxHTTPBytes)
	}
	return readFinding(text)
}

// unreachable says no more than that: the error of the client holds the URL.
func unreachable(ctx context.Context) error {
	if ctx.Err() != nil {
		return errors.New("the verifier did not answer: " + stopped(ctx))
	}
	return errors.New("the verifier can't be reached")
}

// readFinding reads what a verifier answers.
func readFinding(text []byte) (Finding, error) {
	var got struct {
		Pass    *bool    `json:"pass"`
		Message string   `json:"message"`
		Score   *float64 `json:"score"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		return Finding{}, errors.New(`the verifier's answer is no JSON of the form {"pass": true, "message": "..."}`)
	}
	if got.Pass == nil {
		return Finding{}, errors.New(`the verifier's answer has no "pass"`)
	}
	f := Finding{Pass: *got.Pass, Message: got.Message}
	if got.Score != nil && !math.IsInf(*got.Score, 0) {
		f.Score = *got.Score
	}
	return f, nil
}

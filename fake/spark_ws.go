package fake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"regexp"
	"slices"
	"time"
)

// iFlytek Spark by its WebSocket: the address is signed, one question goes
// out, frames of JSON come back, and a function call comes whole in one.
// Source: www.xfyun.cn/doc/spark (2025-11); codes by memory.
func init() {
	register(Vendor{
		Name: "spark-ws", About: "iFlytek Spark by its WebSocket", Protocol: "signed WebSocket", Kind: "spark-ws",
		Model: "4.0Ultra", Key: "apikey0001:apisecret0001",
		Unknown: []string{"rate-limit", "down"},
		Cannot: map[Scenario]string{
			Embeddings: "its embeddings are a service apart, with a protocol of their own",
			Parallel:   "its WebSocket carries one function call at a time", Vision: "its messages take text only",
			Structured: "its WebSocket knows no response_format", Reasoning: "4.0Ultra does not think; spark-x does",
		},
		Notes:  map[Scenario]string{Tools: "earlier calls and their results travel as text, and the header `X-Summit-Warning` says so"},
		params: func(string) string { return `{"app_id":"` + sparkApp + `"}` },
		door:   &sparkSocket{},
	})
}

// sparkApp is the application that the key is of.
const sparkApp = "app0001"

// sparkSocket is the codec of Spark's frames.
type sparkSocket struct{}

func (c *sparkSocket) mount(mux *http.ServeMux, s *Server) {
	mux.HandleFunc("GET /v4.0/chat", func(w http.ResponseWriter, r *http.Request) {
		x := s.begin(w, r)
		if x == nil {
			return
		}
		if p := sparkSigned(x); p != nil {
			x.write(http.StatusUnauthorized, compact(map[string]any{"message": p.message}))
			return
		}
		socket := accept(x)
		if socket == nil {
			return
		}
		watched := make(chan struct{})
		defer func() { <-watched }()
		defer socket.conn.Close() // after a panic too, which is how a connection breaks
		message, err := socket.read()
		if err != nil {
			close(watched)
			return
		}
		go func() {
			defer close(watched)
			socket.watch()
		}()
		x.body = message
		if p := c.read(x); p != nil {
			x.refuse(c, *p)
		} else {
			x.answer(c)
		}
		socket.end()
	})
}

var sparkOrigin = regexp.MustCompile(`^(?:api_key|hmac username)="([^"]*)", *algorithm="hmac-sha256", *headers="host date request-line", *signature="([^"]*)"$`)

// sparkSigned checks the address's signature.
func sparkSigned(x *exchange) *problem {
	wrong := func(why string) *problem {
		return &problem{what: unauthorized, message: "HMAC signature cannot be verified: " + why}
	}
	q := x.r.URL.Query()
	origin, err := base64.StdEncoding.DecodeString(q.Get("authorization"))
	parts := sparkOrigin.FindStringSubmatch(string(origin))
	if err != nil || parts == nil {
		return wrong("authorization is not base64 of key, algorithm, headers and signature")
	}
	key, secret := x.s.halves()
	date, err := time.Parse(time.RFC1123, q.Get("date"))
	switch skew := x.s.now().Sub(date); {
	case err != nil:
		return wrong("date is not in the form of RFC 1123")
	case skew.Abs() > 300*time.Second:
		return wrong("the clock is off by more than 300 seconds")
	case q.Get("host") != x.r.Host:
		return wrong("host is not the one that was asked")
	case parts[1] != key:
		return wrong("the key is unknown")
	case !hmac.Equal([]byte(parts[2]), []byte(sparkSignature(secret, q.Get("host"), q.Get("date"), x.r.URL.Path))):
		return wrong("the signature does not match")
	}
	return nil
}

// sparkSignature returns the signature of an address.
func sparkSignature(secret, host, date, path string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "host: %s\ndate: %s\nGET %s HTTP/1.1", host, date, path)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (c *sparkSocket) read(x *exchange) *problem {
	bad := func(message string) *problem { return &problem{what: invalid, message: message} }
	var q struct {
		Header struct {
			App string `json:"app_id"`
		} `json:"header"`
		Parameter struct {
			Chat struct {
				Domain      string   `json:"domain"`
				MaxTokens   int      `json:"max_tokens"`
				TopK        *int     `json:"top_k"`
				Temperature *float64 `json:"temperature"`
			} `json:"chat"`
		} `json:"parameter"`
		Payload struct {
			Message struct {
				Text []struct {
					Role    string `json:"role"`
					Content string `json:"content"`
				} `json:"text"`
			} `json:"message"`
			Functions struct {
				Text []struct {
					Name       string          `json:"name"`
					Parameters json.RawMessage `json:"parameters"`
				} `json:"text"`
			} `json:"functions"`
		} `json:"payload"`
	}
	if err := json.Unmarshal(x.body, &q); err != nil {
		return bad("the message has not the form of a question: " + err.Error())
	}
	a, chat := &x.ask, q.Parameter.Chat
	a.Vendor, a.Model, a.Stream, a.MaxTokens, a.OneCall = x.s.Vendor.Name, chat.Domain, true, chat.MaxTokens, true
	switch {
	case q.Header.App != sparkApp:
		return &problem{what: unauthorized, message: "app_id does not belong to the key"}
	case chat.Domain != x.s.model:
		return bad("parameter.chat.domain: want " + x.s.model)
	case chat.TopK != nil && (*chat.TopK < 1 || *chat.TopK > 6):
		return bad("parameter.chat.top_k: want 1 to 6")
	case chat.Temperature != nil && (*chat.Temperature <= 0 || *chat.Temperature > 1):
		return bad("parameter.chat.temperature: want more than 0 and at most 1")
	case len(q.Payload.Message.Text) == 0:
		return bad("payload.message.text is empty")
	}
	for i, m := range q.Payload.Message.Text {
		switch {
		case !slices.Contains([]string{"system", "user", "assistant", "tool"}, m.Role):
			return bad(fmt.Sprintf("payload.message.text[%d].role is %q", i, m.Role))
		case m.Role == "system" && i > 0:
			return bad("a system message stands first or nowhere")
		case m.Content == "":
			return bad(fmt.Sprintf("payload.message.text[%d].content is empty", i))
		}
		a.Turns = append(a.Turns, Turn{Role: m.Role, Text: m.Content})
	}
	// What a tool said has no place of its own here: the words after an answer
	// are taken for it.
	if n := len(a.Turns); n > 1 && a.Turns[n-2].Role == "assistant" {
		a.Turns[n-1].Role = "tool"
	}
	for _, f := range q.Payload.Functions.Text {
		a.Tools = append(a.Tools, Tool{f.Name, f.Parameters})
	}
	return nil
}

func (c *sparkSocket) refusal(_ *exchange, p problem) (int, []byte) {
	f := sparkErrors[p.what]
	code := f.code
	if code == "" {
		code = "10016"
	}
	return http.StatusOK, compact(map[string]any{"header": map[string]any{"code": number(code), "message": p.message, "sid": "fake-sid", "status": 2}})
}

func (c *sparkSocket) trouble(x *exchange, p problem) frame {
	_, body := c.refusal(x, p)
	return frame{data: body}
}

// whole is of no use: every answer is a stream.
func (c *sparkSocket) whole(*exchange, Reply) []byte { return nil }

func (c *sparkSocket) stream(x *exchange, r Reply) iter.Seq[frame] {
	return func(yield func(frame) bool) {
		seq := 0
		send := func(item map[string]any, status int, content bool) bool {
			v := map[string]any{"status": status, "seq": seq, "text": []any{item}}
			payload := map[string]any{"choices": v}
			if status == 2 && !x.is("usage-none") {
				payload["usage"] = map[string]any{"text": map[string]any{"question_tokens": r.Usage.Input, "prompt_tokens": r.Usage.Input,
					"completion_tokens": r.Usage.Output + r.Usage.Reasoning, "total_tokens": r.Usage.Input + r.Usage.Output + r.Usage.Reasoning}}
			}
			seq++
			item["role"], item["index"] = "assistant", 0
			return yield(frame{content: content, data: compact(map[string]any{
				"header": map[string]any{"code": 0, "message": "Success", "sid": "fake-sid", "status": status}, "payload": payload})})
		}
		status := 0
		for p := range r.all() {
			item := map[string]any{"content": ""}
			switch {
			case p.Kind == "thought":
				item["reasoning_content"] = p.Text
			case p.Kind == "text":
				item["content"] = p.Text
			case p.ID == "" || p.Call > 0:
				continue
			default:
				call := r.Calls()[0]
				item["content_type"], item["function_call"] = "text", map[string]any{"name": call.Name, "arguments": call.Args}
			}
			if !send(item, status, true) {
				return
			}
			status = 1
		}
		send(map[string]any{"content": ""}, 2, false)
	}
}

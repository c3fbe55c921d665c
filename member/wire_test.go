package member

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"summit/dialect"
	"summit/llm"
)

// native is how the suite of llmtest is run on a kind with a protocol or a key
// of its own.
type native struct {
	change func(*Config)
	piece  string // an event with %s for the text; empty = a chunk of Chat Completions
	end    string // the proper end; empty = that of Chat Completions
}

var nativeSuite = map[string]native{
	"glm-jwt": {change: func(c *Config) { c.Key = "id0001.secret0001" }},
	"qianfan-bce": {change: func(c *Config) {
		c.Key, c.Client = "ak0001:sk0001", withTokens(c.Client)
	}},
	"pangu-iam": {change: func(c *Config) {
		p := c.Params.(*IAMParams)
		p.User, p.Domain = "u", "d"
		c.Client = withTokens(c.Client)
	}},
	"qwen-native": {
		piece: `{"output":{"choices":[{"message":{"role":"assistant","content":"%s"},"finish_reason":"null"}]},"usage":{"input_tokens":9,"output_tokens":1,"total_tokens":10},"request_id":"q1"}`,
		end:   `data: {"output":{"choices":[{"message":{"role":"assistant","content":""},"finish_reason":"stop"}]},"usage":{"input_tokens":9,"output_tokens":3,"total_tokens":12},"request_id":"q1"}` + "\n\n",
	},
	"qianfan-v1": {
		change: func(c *Config) {
			c.Key, c.Client = "app0001:secret0001", withTokens(c.Client)
		},
		piece: `{"id":"as-1","is_end":false,"result":"%s","finish_reason":"normal"}`,
		end:   `data: {"id":"as-1","is_end":true,"result":"","finish_reason":"normal","usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}` + "\n\n",
	},
	"spark-ws": {
		change: func(c *Config) {
			c.Params.(*SparkParams).AppID = "app1"
			c.Key, c.Model = "apikey0001:apisecret0001", "4.0Ultra"
		},
		piece: `{"header":{"code":0,"message":"Success","sid":"s1","status":1},"payload":{"choices":{"status":1,"seq":1,"text":[{"content":"%s","role":"assistant","index":0}]}}}`,
		end:   `data: {"header":{"code":0,"sid":"s1","status":2},"payload":{"choices":{"status":2,"text":[{"content":"","role":"assistant","index":0}]},"usage":{"text":{"question_tokens":4,"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}}}` + "\n\n",
	},
	"hunyuan-native": {
		change: func(c *Config) { c.Key = "AKIDexample:secretexample" },
		piece:  `{"Choices":[{"Delta":{"Role":"assistant","Content":"%s"},"FinishReason":"","Index":0}],"Id":"h1","Usage":{"PromptTokens":9,"CompletionTokens":1}}`,
		end:    `data: {"Choices":[{"Delta":{"Content":""},"FinishReason":"stop"}],"Usage":{"PromptTokens":9,"CompletionTokens":3}}` + "\n\ndata: [DONE]\n\n",
	},
}

// text is what the server sends: contents, then the end, which is a proper one
// where that of Chat Completions is wanted.
func (n native) text(end string, contents ...string) []fakePiece {
	if n.piece == "" {
		return sseText(end, contents...)
	}
	var all []fakePiece
	for _, c := range contents {
		all = append(all, fakePiece{10 * time.Millisecond, "data: " + fmt.Sprintf(n.piece, c) + "\n\n"})
	}
	if end != "" {
		end = n.end
	}
	return append(all, fakePiece{0, end})
}

// tokenGiver answers calls for a token at once and passes all others on.
type tokenGiver struct{ next http.RoundTripper }

func (g tokenGiver) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, ok := tokenCalls[req.URL.Path]; ok {
		return (&recordedServer{}).RoundTrip(req)
	}
	return g.next.RoundTrip(req)
}

func withTokens(c *http.Client) *http.Client {
	if c == nil {
		return nil
	}
	return &http.Client{Transport: tokenGiver{c.Transport}}
}

// FuzzWires feeds what a server may send to every wire, and what comes of it
// to the decoder: an answer or an error, and no more than came.
func FuzzWires(f *testing.F) {
	for _, n := range nativeSuite {
		if n.piece != "" {
			f.Add([]byte(fmt.Sprintf(n.piece, "你好")))
			f.Add([]byte(strings.TrimSuffix(strings.TrimPrefix(n.end, "data: "), "\n\n")))
		}
	}
	f.Add([]byte(`{"Response":{"Error":{"Code":"AuthFailure.SignatureExpire","Message":"m"}}}`))
	f.Add([]byte(`{"header":{"code":10013,"message":"m"}}`))
	f.Add([]byte(`{"output":{"embeddings":[{"text_index":1,"embedding":[1]},{"text_index":0,"embedding":[2]}]},"usage":{"total_tokens":3}}`))
	f.Add([]byte(`{"error_code":17,"error_msg":"m"}`))
	f.Fuzz(func(t *testing.T, event []byte) {
		for name, chunk := range map[string]func([]byte) []byte{"hunyuan": hunyuanChunk, "dashscope": dashScopeChunk, "qianfan": qianfanChunk, "spark": sparkChunk} {
			// A control character becomes an escape of six.
			out := chunk(event)
			if len(out) > 6*len(event)+200 {
				t.Errorf("%s: %d bytes of %d", name, len(out), len(event))
			}
			c := dialect.NewChatStream(dialect.Quirks{})
			events, err := c.Append(nil, out)
			if err == nil {
				events, _ = c.End(events)
			}
			for _, e := range events {
				if !utf8.ValidString(e.Text) {
					t.Errorf("%s: text %q", name, e.Text)
				}
			}
		}
		rows, _, err := readDashScopeVectors(dialect.Quirks{}, bytes.NewReader(event), 2, 4)
		if err == nil && (len(rows) != 2 || len(rows[0]) > 4 || len(rows[1]) > 4) || err != nil && llm.AsError(err).Message == "" {
			t.Errorf("%q: vectors %v, error %v", event, rows, err)
		}
	})
}

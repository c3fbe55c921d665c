package member

import (
	"fmt"
	"net/http"
	"time"
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

package dialect

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"summit/llm"
)

// genRequest draws requests in the form that Decode leaves them in.
func genRequest(t *rapid.T) *llm.Request {
	word := rapid.StringMatching(`[a-z中\\"< \n]{1,8}`)
	name := rapid.StringMatching(`[a-z_]{1,8}`)
	maybe := func(label string) bool { return rapid.Bool().Draw(t, label) }
	float := func(label string, low, high float64) *float64 {
		if !maybe(label) {
			return nil
		}
		return ptr(rapid.Float64Range(low, high).Draw(t, label))
	}
	flag := func(label string) *bool {
		if !maybe(label) {
			return nil
		}
		return ptr(rapid.Bool().Draw(t, label))
	}
	media := func(kind llm.PartKind) llm.Part {
		m := &llm.Media{Data: rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(t, "data")}
		switch kind {
		case llm.PartImage:
			m.MIME, m.Detail = "image/png", rapid.SampledFrom([]string{"", "low"}).Draw(t, "detail")
			if maybe("url") {
				m = &llm.Media{URL: "https://" + name.Draw(t, "host")}
			}
		case llm.PartAudio:
			m.MIME = "audio/" + name.Draw(t, "format")
		case llm.PartFile:
			m.MIME, m.Name = "application/"+name.Draw(t, "type"), name.Draw(t, "name")
			if maybe("id") {
				m = &llm.Media{FileID: name.Draw(t, "file")}
			}
		}
		return llm.Part{Kind: kind, Media: m}
	}
	text := func() llm.Part { return llm.Part{Kind: llm.PartText, Text: word.Draw(t, "text")} }
	message := func() llm.Message {
		m := llm.Message{Role: rapid.SampledFrom([]llm.Role{llm.RoleSystem, llm.RoleDeveloper, llm.RoleUser, llm.RoleAssistant, llm.RoleTool}).Draw(t, "role")}
		switch m.Role {
		case llm.RoleUser:
			for range rapid.IntRange(1, 3).Draw(t, "parts") {
				p := media(rapid.SampledFrom([]llm.PartKind{llm.PartImage, llm.PartAudio, llm.PartFile}).Draw(t, "kind"))
				if maybe("text") {
					p = text()
				}
				p.Cache = rapid.SampledFrom([]string{"", "ephemeral"}).Draw(t, "cache")
				m.Parts = append(m.Parts, p)
			}
		case llm.RoleAssistant:
			if maybe("reasoning") {
				m.Parts = append(m.Parts, llm.Part{Kind: llm.PartReasoning, Text: word.Draw(t, "thought")})
			}
			if maybe("content") {
				m.Parts = append(m.Parts, text())
			}
			if maybe("refusal") {
				m.Parts = append(m.Parts, llm.Part{Kind: llm.PartRefusal, Text: word.Draw(t, "refusal")})
			}
			for range rapid.IntRange(0, 2).Draw(t, "calls") {
				m.Parts = append(m.Parts, llm.Part{Kind: llm.PartCall, Call: &llm.Call{ID: name.Draw(t, "id"), Name: name.Draw(t, "function"), Args: word.Draw(t, "args")}})
			}
		case llm.RoleTool:
			r := &llm.Result{CallID: name.Draw(t, "id")}
			if maybe("content") {
				r.Parts = []llm.Part{text()}
			}
			m.Parts = []llm.Part{{Kind: llm.PartResult, Result: r}}
		default:
			m.Parts = []llm.Part{text()}
		}
		return m
	}
	r := &llm.Request{Model: name.Draw(t, "model")}
	for range rapid.IntRange(1, 4).Draw(t, "messages") {
		r.Messages = append(r.Messages, message())
	}
	for range rapid.IntRange(0, 2).Draw(t, "tools") {
		tool := llm.Tool{Kind: "function", Name: name.Draw(t, "name"), Description: word.Draw(t, "description"), Strict: flag("strict")}
		if maybe("parameters") {
			tool.Parameters = json.RawMessage(`{"type": "object"}`)
		}
		if maybe("other") {
			tool = llm.Tool{Kind: "web_search", Raw: json.RawMessage(`{"type":"web_search","x":[1, 2]}`)}
		}
		r.Tools = append(r.Tools, tool)
	}
	r.ToolChoice.Mode = rapid.SampledFrom([]string{"", "auto", "none"}).Draw(t, "choice")
	if len(r.Tools) > 0 && maybe("tool") {
		r.ToolChoice = llm.ToolChoice{Mode: "tool", Name: name.Draw(t, "chosen")}
	}
	r.ParallelToolCalls = flag("parallel")
	r.MaxTokens, r.TopK = rapid.IntRange(0, 9).Draw(t, "max_tokens"), rapid.IntRange(0, 9).Draw(t, "top_k")
	r.Temperature, r.TopP, r.MinP = float("temperature", 0, 2), float("top_p", 0, 1), float("min_p", 0, 1)
	r.FrequencyPenalty, r.PresencePenalty = float("frequency", -2, 2), float("presence", -2, 2)
	if maybe("seed") {
		r.Seed = ptr(rapid.Int64().Draw(t, "seed"))
	}
	r.Stop = rapid.SliceOfN(word, 0, 3).Draw(t, "stop")
	r.LogitBias = rapid.MapOfN(name, rapid.Float64Range(-100, 100), 0, 2).Draw(t, "bias")
	if r.Logprobs = maybe("logprobs"); r.Logprobs {
		r.TopLogprobs = rapid.IntRange(0, 5).Draw(t, "top")
	}
	if maybe("format") {
		r.Format = &llm.Format{Kind: "json_schema", Name: name.Draw(t, "name"), Description: word.Draw(t, "d"), Schema: json.RawMessage(`{"a":1}`), Strict: flag("strict")}
	}
	r.Thinking = llm.Thinking{Enabled: flag("thinking"), Effort: rapid.SampledFrom([]string{"", "low", "max"}).Draw(t, "effort"), BudgetTokens: rapid.IntRange(0, 9).Draw(t, "budget")}
	if maybe("user") {
		r.User, r.Metadata = word.Draw(t, "user"), rapid.MapOfN(name, word, 0, 2).Draw(t, "metadata")
	}
	if maybe("extra") {
		r.Extra = map[string]json.RawMessage{"x_" + name.Draw(t, "field"): json.RawMessage(`[1, {"y":null}]`)}
	}
	return r
}

// What a member sends is what a gateway reads.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genRequest(t)
		body, warnings, err := EncodeChat(want, ChatOptions{Model: want.Model, Quirks: everything})
		if err != nil || len(warnings) > 0 {
			t.Fatalf("encode: %v, warnings %q", err, warnings)
		}
		call, err := OpenAI{}.Decode(body)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if diff := cmp.Diff(want, call.Request, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s: -want +got\n%s", body, diff)
		}
	})
}

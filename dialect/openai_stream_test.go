package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"summit/llm"
)

// read decodes a stream as a member does and draws what came: adjacent texts
// of one kind are joined, so that how a text was cut does not show.
func read(q Quirks, r io.Reader) (drawn []string, o llm.Outcome, err error) {
	c := NewChatStream(q)
	var all []llm.Event
	for f := NewFrameReader(r); !c.Done(); {
		frame, ferr := f.Next()
		if ferr == io.EOF {
			break
		}
		if ferr != nil && ferr != io.ErrUnexpectedEOF {
			return draw(all), c.Outcome(), ferr
		}
		if all, err = c.Append(all, frame.Data); err != nil {
			return draw(all), c.Outcome(), err
		}
	}
	all, err = c.End(all)
	return draw(all), c.Outcome(), err
}

func draw(all []llm.Event) (drawn []string) {
	var last llm.Event
	for _, e := range all {
		switch e.Kind {
		case llm.KindStart:
			drawn = append(drawn, "start "+e.Model)
		case llm.KindText, llm.KindReasoning:
			if last.Kind == e.Kind {
				drawn[len(drawn)-1] += e.Text
			} else {
				drawn = append(drawn, e.Kind.String()+" "+e.Text)
			}
		case llm.KindCall:
			if last.Kind == e.Kind && last.Call.Index == e.Call.Index && e.Call.ID == "" {
				drawn[len(drawn)-1] += e.Call.ArgsDelta
			} else {
				drawn = append(drawn, fmt.Sprintf("call %d %s %s %s", e.Call.Index, e.Call.ID, e.Call.Name, e.Call.ArgsDelta))
			}
		}
		last = e
	}
	return drawn
}

func drawUsage(u llm.Usage) string {
	count := func(c llm.Count) string {
		if !c.Known() {
			return "?"
		}
		return fmt.Sprint(c.N)
	}
	return count(u.Input) + "+" + count(u.CacheRead) + "/" + count(u.Output) + "+" + count(u.Reasoning)
}

// sse makes a stream of chunks: those that begin with a brace stand as they
// are, others are the inside of a delta.
func sse(chunks ...string) string {
	var b strings.Builder
	for _, c := range chunks {
		if !strings.HasPrefix(c, "{") && c != "[DONE]" {
			c = `{"id":"cc-1","model":"m","choices":[{"index":0,"delta":{` + c + `},"finish_reason":null}]}`
		}
		b.WriteString("data: " + c + "\n\n")
	}
	return b.String()
}

const stop = `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`

// One test for each switch by which vendors leave the protocol.
func TestDeviations(t *testing.T) {
	tests := []struct {
		name   string
		q      Quirks
		stream string
		want   []string
		finish llm.Finish
		usage  string // fresh+cached/visible+reasoning; empty = unknown
	}{
		{name: "none", stream: sse(`"role":"assistant","content":""`, `"content":"a"`, stop, `{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`, "[DONE]"),
			want: []string{"start m", "text a"}, usage: "3+?/2+?"},

		// 1. Usage.
		{name: "usage in the last content chunk", stream: sse(`"content":"a"`, `{"choices":[{"delta":{"content":"b"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}`, "[DONE]"),
			want: []string{"start m", "text ab"}, usage: "3+?/2+?"},
		{name: "usage in every chunk", stream: sse(`{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}`, `{"choices":[{"delta":{"content":"b"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}`, "[DONE]"),
			want: []string{"start ", "text ab"}, usage: "3+?/2+?"},
		{name: "usage that nobody can have used", stream: sse(`"content":"a"`, stop, `{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1e30,"total_tokens":-5}}`, "[DONE]"),
			want: []string{"start m", "text a"}, usage: "3+?/?+?"},
		{name: "usage inside the choice", stream: sse(`"content":"a"`, `{"choices":[{"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":3,"completion_tokens":2,"cached_tokens":1}}]}`, "[DONE]"),
			want: []string{"start m", "text a"}, usage: "2+1/2+?"},
		{name: "usage null, then zero", stream: sse(`{"choices":[{"delta":{"content":"a"}}],"usage":null}`, `{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}`, `{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}`, "[DONE]"),
			want: []string{"start ", "text a"}, usage: "3+?/2+?"},
		{name: "no usage", stream: sse(`"content":"a"`, stop, "[DONE]"), want: []string{"start m", "text a"}},
		{name: "all-zero usage", stream: sse(`"content":"a"`, stop, `{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0}}`, "[DONE]"), want: []string{"start m", "text a"}},
		{name: "usage in details", stream: sse(`"content":"a"`, stop, `{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":8,"total_tokens":18,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":null},"completion_tokens_details":{"reasoning_tokens":5}}}`, "[DONE]"),
			want: []string{"start m", "text a"}, usage: "6+4/3+5"},
		{name: "reasoning counted beside the completion", stream: sse(`"content":"a"`, stop, `{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":8,"total_tokens":23,"completion_tokens_details":{"reasoning_tokens":5}}}`, "[DONE]"),
			want: []string{"start m", "text a"}, usage: "10+?/8+5"},
		{name: "cache hits by another name, wild figures", stream: sse(`"content":"a"`, stop, `{"choices":[],"usage":{"prompt_tokens":10.0,"completion_tokens":-5,"prompt_cache_hit_tokens":99,"prompt_cache_miss_tokens":1,"total_tokens":1e300}}`, "[DONE]"),
			want: []string{"start m", "text a"}, usage: "0+10/?+?"},

		// 2. finish_reason.
		{name: "finish empty and the word null", stream: sse(`{"choices":[{"delta":{"content":"a"},"finish_reason":""}]}`, `{"choices":[{"delta":{"content":"b"},"finish_reason":"null"}]}`, stop, "[DONE]"), want: []string{"start ", "text ab"}},
		{name: "finish stop in every chunk", stream: sse(`{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}`, `{"choices":[{"delta":{"content":"b"},"finish_reason":"stop"}]}`, "[DONE]"), want: []string{"start ", "text ab"}},
		{name: "stop although calls were made", stream: sse(`"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]`, stop, "[DONE]"), want: []string{"start m", "call 0 c1 f {}"}, finish: llm.FinishCalls},
		{name: "calls although none were made", stream: sse(`"content":"a"`, `{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}`, "[DONE]"), want: []string{"start m", "text a"}},
		{name: "sensitive", stream: sse(`"content":"a"`, `{"choices":[{"delta":{},"finish_reason":"sensitive"}]}`, "[DONE]"), want: []string{"start m", "text a"}, finish: llm.FinishFilter},
		{name: "window exceeded", stream: sse(`"content":"a"`, `{"choices":[{"delta":{},"finish_reason":"model_context_window_exceeded"}]}`, "[DONE]"), want: []string{"start m", "text a"}, finish: llm.FinishLength},
		{name: "repetition", stream: sse(`"content":"a"`, `{"choices":[{"delta":{},"finish_reason":"repetition_truncation"}]}`, "[DONE]"), want: []string{"start m", "text a"}, finish: llm.FinishLength},
		{name: "a word nobody knows", stream: sse(`"content":"a"`, `{"choices":[{"delta":{},"finish_reason":"normal"}]}`, "[DONE]"), want: []string{"start m", "text a"}},
		{name: "finish without a delta", stream: sse(`"content":"a"`, `{"choices":[{"index":0,"finish_reason":"length"}]}`, "[DONE]"), want: []string{"start m", "text a"}, finish: llm.FinishLength},

		// 3. Tool calls.
		{name: "calls by the book", stream: sse(`"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}]`, `"tool_calls":[{"index":1,"id":"c2","type":"function","function":{"name":"g","arguments":""}}]`,
			`"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}},{"index":1,"function":{"arguments":"{}"}}]`, `"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]`, stop, "[DONE]"),
			want: []string{"start m", "call 0 c1 f ", "call 1 c2 g ", `call 0   {"a":`, "call 1   {}", "call 0   1}"}, finish: llm.FinishCalls},
		{name: "no index", stream: sse(`"tool_calls":[{"id":"c1","function":{"name":"f","arguments":"{\"a\""}}]`, `"tool_calls":[{"function":{"arguments":":1}"}}]`, `"tool_calls":[{"id":"c2","function":{"name":"g","arguments":"{"}}]`, `"tool_calls":[{"id":"c2","function":{"arguments":"}"}}]`, stop, "[DONE]"),
			want: []string{"start m", `call 0 c1 f {"a":1}`, "call 1 c2 g {}"}, finish: llm.FinishCalls},
		{name: "two whole calls in one delta without index", stream: sse(`"tool_calls":[{"id":"c1","function":{"name":"f","arguments":"{}"}},{"id":"c2","function":{"name":"f","arguments":"{}"}}]`, stop, "[DONE]"),
			want: []string{"start m", "call 0 c1 f {}", "call 1 c2 f {}"}, finish: llm.FinishCalls},
		{name: "whole calls without index and id", stream: sse(`"tool_calls":[{"function":{"name":"f","arguments":"{\"a\":1}"}}]`, `"tool_calls":[{"function":{"name":"f","arguments":"{\"a\":2}"}}]`, stop, "[DONE]"),
			want: []string{"start m", `call 0 call_cc-1_0 f {"a":1}`, `call 1 call_cc-1_1 f {"a":2}`}, finish: llm.FinishCalls},
		{name: "id repeated", stream: sse(`"tool_calls":[{"index":0,"id":"c1","function":{"name":"f","arguments":"{"}}]`, `"tool_calls":[{"index":0,"id":"c1","function":{"name":"f","arguments":"}"}}]`, stop, "[DONE]"),
			want: []string{"start m", "call 0 c1 f {}"}, finish: llm.FinishCalls},
		{name: "id empty in later pieces", stream: sse(`"tool_calls":[{"index":0,"id":"c1","function":{"name":"f","arguments":"{"}}]`, `"tool_calls":[{"index":0,"id":"","function":{"name":"","arguments":"}"}}]`, stop, "[DONE]"),
			want: []string{"start m", "call 0 c1 f {}"}, finish: llm.FinishCalls},
		{name: "id new in every piece", stream: sse(`"tool_calls":[{"id":"c1","function":{"name":"f","arguments":"{"}}]`, `"tool_calls":[{"id":"c2","function":{"arguments":"}"}}]`, stop, "[DONE]"),
			want: []string{"start m", "call 0 c1 f {}"}, finish: llm.FinishCalls},
		{name: "arguments as an object", stream: sse(`"tool_calls":[{"index":0,"id":"c1","function":{"name":"f","arguments":{"a": "上海"}}}]`, stop, "[DONE]"),
			want: []string{"start m", `call 0 c1 f {"a": "上海"}`}, finish: llm.FinishCalls},
		{name: "several calls with one index", stream: sse(`"tool_calls":[{"index":0,"id":"c1","function":{"name":"f","arguments":"{}"}}]`, `"tool_calls":[{"index":0,"id":"c2","function":{"name":"f","arguments":"{\"b\":"}}]`, `"tool_calls":[{"index":0,"function":{"arguments":"2}"}}]`, stop, "[DONE]"),
			want: []string{"start m", "call 0 c1 f {}", `call 1 c2 f {"b":2}`}, finish: llm.FinishCalls},
		{name: "several calls with one index and no id", stream: sse(`"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}},{"index":0,"function":{"name":"g","arguments":"{}"}}]`, stop, "[DONE]"),
			want: []string{"start m", "call 0 call_cc-1_0 f {}", "call 1 call_cc-1_1 g {}"}, finish: llm.FinishCalls},
		{name: "indices from one", stream: sse(`"tool_calls":[{"index":1,"id":"c1","function":{"name":"f","arguments":"{}"}}]`, `"tool_calls":[{"index":7,"id":"c2","function":{"name":"g","arguments":"{}"}}]`, stop, "[DONE]"),
			want: []string{"start m", "call 0 c1 f {}", "call 1 c2 g {}"}, finish: llm.FinishCalls},
		{name: "name after the arguments", stream: sse(`"tool_calls":[{"index":0,"id":"c1","function":{"arguments":"{\"a\""}}]`, `"tool_calls":[{"index":0,"function":{"name":"f","arguments":":1}"}}]`, stop, "[DONE]"),
			want: []string{"start m", `call 0 c1 f {"a":1}`}, finish: llm.FinishCalls},
		{name: "name in every piece", stream: sse(`"tool_calls":[{"index":0,"id":"c1","function":{"name":"f","arguments":"{\"a\":{"}}]`, `"tool_calls":[{"index":0,"function":{"name":"f","arguments":"}}"}}]`, `"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]`, stop, "[DONE]"),
			want: []string{"start m", `call 0 c1 f {"a":{}}`}, finish: llm.FinishCalls},
		{name: "no arguments", stream: sse(`"tool_calls":[{"index":0,"id":"c1","function":{"name":"f"}}]`, `"tool_calls":[{"index":1,"id":"c2","function":{"name":"g","arguments":null}}]`, stop, "[DONE]"),
			want: []string{"start m", "call 0 c1 f ", "call 1 c2 g ", "call 0   {}", "call 1   {}"}, finish: llm.FinishCalls},
		{name: "one call that is not in a list", stream: sse(`"tool_calls":{"id":"c1","function":{"name":"f","arguments":"{}"}}`, stop, "[DONE]"), want: []string{"start m", "call 0 c1 f {}"}, finish: llm.FinishCalls},
		{name: "function_call singular", stream: sse(`"function_call":{"name":"f","arguments":"{"}`, `"function_call":{"arguments":"}"}`, `{"choices":[{"delta":{},"finish_reason":"function_call"}]}`, "[DONE]"),
			want: []string{"start m", "call 0 call_cc-1_0 f {}"}, finish: llm.FinishCalls},
		{name: "held text comes before calls", stream: sse(`"content":"<th"`, `"tool_calls":[{"index":0,"id":"c1","function":{"name":"f","arguments":"{}"}}]`, stop, "[DONE]"),
			want: []string{"start m", "text <th", "call 0 c1 f {}"}, finish: llm.FinishCalls},

		// 4. Reasoning.
		{name: "reasoning_content", stream: sse(`"reasoning_content":"r","content":null`, `"content":"a","reasoning_content":null`, stop, "[DONE]"), want: []string{"start m", "reasoning r", "text a"}},
		{name: "reasoning", stream: sse(`"reasoning":"r"`, `"content":"a"`, stop, "[DONE]"), want: []string{"start m", "reasoning r", "text a"}},
		{name: "reasoning under two names", stream: sse(`"reasoning":"r","reasoning_content":"r","reasoning_details":[{"text":"r"}]`, `"content":"a"`, stop, "[DONE]"), want: []string{"start m", "reasoning r", "text a"}},
		{name: "reasoning_details", stream: sse(`"reasoning_details":[{"type":"reasoning.text","text":"r1"},{"type":"reasoning.text","text":"r2"}]`, `"content":"a"`, stop, "[DONE]"), want: []string{"start m", "reasoning r1r2", "text a"}},
		{name: "think tags", stream: sse(`"content":"<think>r</think>\n\na"`, stop, "[DONE]"), want: []string{"start m", "reasoning r", "text a"}},
		{name: "think tags in pieces", stream: sse(`"content":"\n<th"`, `"content":"ink>r <"`, `"content":"/thin"`, `"content":"g> </thi"`, `"content":"nk>"`, `"content":"\n\n"`, `"content":"a <think>b</think>"`, stop, "[DONE]"),
			want: []string{"start m", "reasoning r </thing> ", "text a <think>b</think>"}},
		{name: "think tag that is none", stream: sse(`"content":" <thi"`, `"content":"s>"`, stop, "[DONE]"), want: []string{"start m", "text  <this>"}},
		{name: "think tag never closed", stream: sse(`"content":"<think>r</thi"`, stop, "[DONE]"), want: []string{"start m", "reasoning r</thi"}},
		{name: "think tag beside a field", stream: sse(`"reasoning_content":"r"`, `"content":"<think>x</think>"`, stop, "[DONE]"), want: []string{"start m", "reasoning r", "text <think>x</think>"}},
		{name: "think open", q: Quirks{Think: "open"}, stream: sse(`"content":"r</think>"`, `"content":"a"`, stop, "[DONE]"), want: []string{"start m", "reasoning r", "text a"}},
		{name: "think open with the tag", q: Quirks{Think: "open"}, stream: sse(`"content":"<think>r</think>a"`, stop, "[DONE]"), want: []string{"start m", "reasoning r", "text a"}},
		{name: "think off", q: Quirks{Think: "off"}, stream: sse(`"content":"<think>r</think>a"`, stop, "[DONE]"), want: []string{"start m", "text <think>r</think>a"}},

		// 6. Ends. (5 and 7 are errors: see below.)
		{name: "finish and no [DONE]", stream: sse(`"content":"a"`, stop), want: []string{"start m", "text a"}},
		{name: "[DONE] and no finish, as the quirk says", q: Quirks{NoFinish: true}, stream: sse(`"content":"a"`, "[DONE]"), want: []string{"start m", "text a"}},
		{name: "[DONE] without its line's end", stream: sse(`"content":"a"`, stop) + "data: [DONE]", want: []string{"start m", "text a"}},
		{name: "CRLF, comments, no space", stream: strings.ReplaceAll(strings.ReplaceAll(": keep-alive\n\n"+sse(`"content":"a"`, stop, "[DONE]"), "data: ", "data:"), "\n", "\r\n"), want: []string{"start m", "text a"}},
		{name: "data in several lines", stream: "data: {\"choices\":[{\"delta\":\ndata: {\"content\":\"a\"}}]}\n\n" + sse(stop, "[DONE]"), want: []string{"start ", "text a"}},
		{name: "one event over 64 KiB", stream: sse(`"content":"`+strings.Repeat("长", 40_000)+`"`, stop, "[DONE]"), want: []string{"start m", "text " + strings.Repeat("长", 40_000)}},
		{name: "byte order mark", stream: "\uFEFF" + sse(`"content":"a"`, stop, "[DONE]"), want: []string{"start m", "text a"}},

		// 8. Odd fields.
		{name: "null content, no role, changing ids, created in ms, choices null", stream: sse(`{"id":"1","created":1700000000000,"model":"m","choices":[{"index":0,"delta":{"role":null,"content":null,"tool_calls":null,"reasoning_content":null,"function_call":null,"refusal":null}}]}`,
			`{"id":"2","created":1.7e12,"choices":null}`, `{"id":3,"model":7,"choices":[{"delta":{"content":"a"},"logprobs":null}]}`, stop, "[DONE]"), want: []string{"start m", "text a"}},
		{name: "content in parts", stream: sse(`"content":[{"type":"text","text":"a"},{"type":"thinking","thinking":[]},null,{"text":"b"}]`, stop, "[DONE]"), want: []string{"start m", "text ab"}},
		{name: "message instead of delta", stream: sse(`{"choices":[{"message":{"content":"a"}}]}`, `{"choices":[{"message":{"content":"b"},"finish_reason":"stop"}]}`, "[DONE]"), want: []string{"start ", "text ab"}},
		{name: "the whole message again at the end", stream: sse(`"content":"a"`, `{"choices":[{"index":0,"delta":{},"message":{"content":"a"},"finish_reason":"stop"}]}`, "[DONE]"), want: []string{"start m", "text a"}},
		{name: "a second choice nobody asked for", stream: sse(`{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"x"}}]}`, `{"choices":[{"index":1,"delta":{"content":"y"}}]}`, stop, "[DONE]"), want: []string{"start ", "text a"}},
		{name: "success in words", stream: sse(`{"code":0,"message":"Success","sid":"s","choices":[{"delta":{"content":"a"}}]}`, `{"code":"0","error":null,"base_resp":{"status_code":0},"choices":[{"delta":{},"finish_reason":"stop"}]}`, "[DONE]"), want: []string{"start ", "text a"}},
		{name: "a code of success that is not zero", stream: sse(`{"code":20000,"message":"ok","choices":[{"delta":{"content":"a"}}]}`, stop, "[DONE]"), want: []string{"start ", "text a"}},
		{name: "text after [DONE]", stream: sse(`"content":"a"`, stop, "[DONE]", `"content":"b"`), want: []string{"start m", "text a"}},
		{name: "empty data", stream: "data:\n\n" + sse(`"content":"a"`, stop) + "data: \n\ndata: [DONE] \n\n", want: []string{"start m", "text a"}},
		{name: "a name twice", stream: sse(`"content":"a","content":"a"`, stop, "[DONE]"), want: []string{"start m", "text a"}},
		{name: "refusal", stream: sse(`"refusal":"I can't"`, `"refusal":" help."`, stop, "[DONE]"), want: []string{"start m", "text I can't help."}, finish: llm.FinishFilter},
		{name: "surrogate pair in two chunks", stream: sse(`"content":"a\ud83d"`, `"content":"\ude00b"`, stop, "[DONE]"), want: []string{"start m", "text a😀b"}},
		{name: "half a surrogate pair", stream: sse(`"content":"a\ud83d"`, `"content":"b\ude00"`, `"content":"\ud83d"`, stop, "[DONE]"), want: []string{"start m", "text a\uFFFDb\uFFFD\uFFFD"}},
		{name: "bytes of a character in two chunks", stream: sse("\"content\":\"a\xe4\xbd\"", "\"content\":\"\xa0b\xff\"", "\"content\":\"\xe4\"", stop, "[DONE]"), want: []string{"start m", "text a你b\uFFFD\uFFFD"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			readers := map[string]io.Reader{
				"whole":   strings.NewReader(tt.stream),
				"in ones": iotest.OneByteReader(strings.NewReader(tt.stream)),
				"halves":  iotest.HalfReader(strings.NewReader(tt.stream)),
			}
			for how, r := range readers {
				got, o, err := read(tt.q, r)
				if err != nil || !slices.Equal(got, tt.want) {
					t.Errorf("read %s: %q, error %v, want %q", how, got, err, tt.want)
				}
				finish, usage := tt.finish, tt.usage
				if finish == "" {
					finish = llm.FinishStop
				}
				if usage == "" {
					usage = "?+?/?+?"
				}
				if o.Finish != finish || drawUsage(o.Usage) != usage {
					t.Errorf("read %s: finish %s, usage %s, want %s, %s", how, o.Finish, drawUsage(o.Usage), finish, usage)
				}
			}
		})
	}
}

// What ends in an error, and what came before it.
func TestBrokenAnswers(t *testing.T) {
	f := func(name string, q Quirks, stream string, kind llm.ErrorKind, message string, want ...string) {
		t.Helper()
		got, _, err := read(q, strings.NewReader(stream))
		var e *llm.Error
		if !errors.As(err, &e) || e.Kind != kind || !strings.Contains(e.Message, message) || !slices.Equal(got, want) {
			t.Errorf("%s: %q, error %v, want %q, %s: %s", name, got, err, want, kind, message)
		}
	}
	q := Quirks{Codes: map[string]llm.ErrorKind{"10013": llm.Filtered, "1302": llm.RateLimited}}
	// 5. Errors in HTTP 200, first or later.
	f("openai, first", q, sse(`{"error":{"message":"bad key","type":"invalid_request_error","code":"invalid_api_key"}}`), llm.Unauthorized, "bad key")
	f("openai, later", q, sse(`"content":"a"`, `{"error":{"message":"slow down","code":"rate_limit_exceeded"}}`, "[DONE]"), llm.RateLimited, "slow down", "start m", "text a")
	f("openai, beside choices", q, sse(`{"error":{"message":"x","code":502},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}`), llm.Overloaded, "x")
	f("error as text", q, sse(`{"error":"model is loading"}`), llm.Overloaded, "model is loading")
	f("zhipu", q, sse(`{"error":{"code":"1302","message":"并发数过高"}}`), llm.RateLimited, "并发数过高")
	f("minimax", q, sse(`{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}`), llm.Overloaded, "insufficient balance")
	f("spark", q, sse(`{"code":10013,"message":"blocked","sid":"x"}`), llm.Filtered, "blocked")
	f("tencent", q, sse(`{"Response":{"Error":{"Code":"AuthFailure.SignatureExpire","Message":"expired"},"RequestId":"r"}}`), llm.Unauthorized, "expired")
	f("tencent, in a stream", q, sse(`{"ErrorMsg":{"Msg":"oops","Code":5}}`), llm.Overloaded, "oops")
	f("baidu", q, sse(`{"error_code":18,"error_msg":"qps limit"}`), llm.Overloaded, "qps limit")
	f("huawei", Quirks{Codes: map[string]llm.ErrorKind{"ModelArts.81101": llm.RateLimited}}, sse(`{"error_code":"ModelArts.81101","error_msg":"too many"}`), llm.RateLimited, "too many")
	f("vllm", q, sse(`{"object":"error","message":"This model's maximum context length is 8 tokens","type":"BadRequestError","param":null,"code":400}`), llm.TooLong, "maximum context length")
	f("dashscope", q, sse(`{"code":"Throttling.RateQuota","message":"limit","request_id":"r"}`), llm.RateLimited, "limit")
	// 2. Words that mean a failure.
	f("network_error", q, sse(`"content":"a"`, `{"choices":[{"delta":{},"finish_reason":"network_error"}]}`, "[DONE]"), llm.Overloaded, "network_error", "start m", "text a")
	f("insufficient_system_resource", q, sse(`{"choices":[{"delta":{"content":"a"},"finish_reason":"insufficient_system_resource"}]}`), llm.Overloaded, "insufficient_system_resource", "start ", "text a")
	// 6. Cuts.
	f("cut", q, sse(`"content":"a"`), llm.Cut, "broke the stream off", "start m", "text a")
	f("cut although the quirk", Quirks{NoFinish: true}, sse(`"content":"a"`), llm.Cut, "broke the stream off", "start m", "text a")
	f("cut inside a tag", q, sse(`"content":"<thi"`), llm.Cut, "broke", "start m", "text <thi")
	f("cut inside a call", q, sse(`"tool_calls":[{"index":0,"id":"c1","function":{"name":"f","arguments":"{\"a\":"}}]`), llm.Cut, "broke", "start m", `call 0 c1 f {"a":`)
	f("[DONE] without a finish", q, sse(`"content":"a"`, "[DONE]"), llm.Cut, "said [DONE] without a finish_reason", "start m", "text a")
	f("nothing", q, "", llm.Protocol, "without an answer")
	f("only comments", q, ": hi\n\n", llm.Protocol, "without an answer")
	f("only [DONE]", Quirks{NoFinish: true}, sse("[DONE]"), llm.Protocol, "without an answer")
	// Nonsense.
	f("no JSON", q, "data: hello\n\n", llm.Protocol, "not JSON: byte 0: got 'h'")
	f("half a chunk", q, sse(`"content":"a"`)+`data: {"choices":[`, llm.Protocol, "not JSON", "start m", "text a")
	f("an array", q, sse(`{"choices":[[]]}`), llm.Protocol, "choices[0]: got array, want object")
	f("content of a wrong type", q, sse(`"content":7`), llm.Protocol, "choices[0].delta.content: got number, want string or array")
	f("arguments of a wrong type", q, sse(`"tool_calls":[{"function":{"name":"f","arguments":7}}]`), llm.Protocol, "want string or object")
	f("a call without a name", q, sse(`"tool_calls":[{"index":0,"id":"c","function":{"arguments":"{}"}}]`, stop, "[DONE]"), llm.Protocol, "without a name", "start m")
	f("deep", q, sse(`{"x":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}`), llm.Protocol, "nested deeper")
	flood := make([]string, maxCalls+1)
	for i := range flood {
		flood[i] = fmt.Sprintf(`{"index":%d,"id":"c%d","function":{"arguments":"{}"}}`, i, i)
	}
	f("a flood of calls", q, sse(`"tool_calls":[`+strings.Join(flood, ",")+`]`), llm.Protocol, "more than 128 tool calls", "start m")
}

func TestErrorSticks(t *testing.T) {
	c := NewChatStream(Quirks{})
	if _, err := c.Append(nil, []byte(`nonsense`)); err == nil {
		t.Fatal("nonsense was accepted")
	}
	if all, err := c.Append(nil, []byte(stop)); err == nil || len(all) > 0 {
		t.Errorf("after an error: %d events, error %v", len(all), err)
	}
	if _, err := c.End(nil); err == nil || llm.AsError(err).Kind != llm.Protocol {
		t.Errorf("End: %v, want the first error", err)
	}
}

func TestCallWithoutAnyID(t *testing.T) {
	got, _, err := read(Quirks{}, strings.NewReader(sse(`{"choices":[{"delta":{"function_call":{"name":"f","arguments":"{}"}},"finish_reason":"stop"}]}`, "[DONE]")))
	if err != nil || len(got) != 2 || !regexp.MustCompile(`^call 0 call_[A-Z0-9]{26}_0 f {}$`).MatchString(got[1]) {
		t.Errorf("%q, %v, want a call with an id by chance", got, err)
	}
}

func TestWholeAnswers(t *testing.T) {
	f := func(body string, kind llm.ErrorKind, finish llm.Finish, want ...string) {
		t.Helper()
		c := NewChatStream(Quirks{})
		all, err := c.Whole(nil, []byte(body))
		e := llm.AsError(err)
		if (e == nil) != (kind == "") || e != nil && e.Kind != kind || !slices.Equal(draw(all), want) || kind == "" && c.Outcome().Finish != finish {
			t.Errorf("%s: %q, finish %s, error %v, want %q, %s, %s", body, draw(all), c.Outcome().Finish, err, want, finish, kind)
		}
	}
	f(`{"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"你好","reasoning_content":"r"},"finish_reason":"length"}]}`, "", llm.FinishLength, "start m", "reasoning r", "text 你好")
	f("\n\n\n"+`{"choices":[{"message":{"content":"<think>r</think>a"}}]}`, "", llm.FinishStop, "start ", "reasoning r", "text a")
	f(`{"choices":[{"message":{"content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":""}}]},"finish_reason":"stop"}]}`, "", llm.FinishCalls, "start ", "call 0 c1 f {}")
	f(`{"choices":[{"message":{"content":"","refusal":"no"},"finish_reason":"stop"}]}`, "", llm.FinishFilter, "start ", "text no")
	f(`{"choices":[]}`, llm.Protocol, "", "start ")
	f(`{"error":{"message":"x","code":"model_not_found"}}`, llm.NotFound, "")
	f(`{}`, llm.Protocol, "", "start ")
	f(``, llm.Protocol, "")
	f(`<html>`, llm.Protocol, "")
	f(`{"choices":[{"message":{"content":"a"}}]} and more`, llm.Protocol, "")
}

func TestTokens(t *testing.T) {
	c := NewChatStream(Quirks{})
	all, err := c.Append(nil, []byte(`{"choices":[{"delta":{"content":"ab"},"logprobs":{"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[{"token":"b","logprob":-1}]},{"token":"b","logprob":-2,"bytes":null}],"refusal":null},"finish_reason":"stop"}]}`))
	if err != nil || len(all) != 2 || len(all[1].Tokens) != 2 {
		t.Fatalf("events %+v, error %v", all, err)
	}
	got, _ := json.Marshal(all[1].Tokens)
	const want = `[{"Token":"a","Bytes":"YQ==","Logprob":-0.5,"Top":[{"Token":"b","Bytes":null,"Logprob":-1,"Top":null}]},{"Token":"b","Bytes":null,"Logprob":-2,"Top":null}]`
	if string(got) != want {
		t.Errorf("tokens %s, want %s", got, want)
	}
}

// Tokens of thoughts are not those of the text.
func TestTokensOfThoughts(t *testing.T) {
	c := NewChatStream(Quirks{})
	var all []llm.Event
	for _, piece := range []string{"<think>", "r", "</think>", "a"} {
		var err error
		if all, err = c.Append(all, []byte(`{"choices":[{"delta":{"content":"`+piece+`"},"logprobs":{"content":[{"token":"`+piece+`","logprob":0}]}}]}`)); err != nil {
			t.Fatal(err)
		}
	}
	last := all[len(all)-1]
	if len(last.Tokens) == 0 || last.Tokens[len(last.Tokens)-1].Token != "a" || last.Tokens[0].Token == "r" || last.Tokens[0].Token == "<think>" {
		t.Errorf("text %q has tokens %+v", last.Text, last.Tokens)
	}
}

// A text cut at every byte, also between the bytes of its characters, comes
// out whole.
func TestTextCutAtEveryByte(t *testing.T) {
	const text = "<think>想 👩‍👩‍👧‍👦 \u0301</think>你好，世界 — naïve مرحبا 🇨🇳 𝒳 end"
	want := []string{"start ", "reasoning 想 👩‍👩‍👧‍👦 \u0301", "text 你好，世界 — naïve مرحبا 🇨🇳 𝒳 end"}
	for size := 1; size <= len(text); size++ {
		c := NewChatStream(Quirks{})
		var all []llm.Event
		var err error
		for from := 0; from < len(text); from += size {
			piece := text[from:min(from+size, len(text))]
			if all, err = c.Append(all, []byte(`{"choices":[{"delta":{"content":"`+piece+`"}}]}`)); err != nil {
				t.Fatal(err)
			}
		}
		all, _ = c.Append(all, []byte(stop))
		all, err = c.End(all)
		if err != nil || !slices.Equal(draw(all), want) {
			t.Fatalf("in pieces of %d bytes: %q, %v, want %q", size, draw(all), err, want)
		}
		for _, e := range all {
			if e.Kind == llm.KindText && strings.ContainsRune(e.Text, '\uFFFD') {
				t.Fatalf("in pieces of %d bytes: U+FFFD in %q", size, e.Text)
			}
		}
	}
}

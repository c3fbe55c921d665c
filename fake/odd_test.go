package fake_test

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"summit/fake"
)

// TestOddRequests asks what clients ask for though it is not what everybody
// asks: the vendor gets something that it takes, and where that is not all, the
// caller is told.
func TestOddRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		benches := map[string]*bench{}
		f := func(vendor, path, body string, status int, want, warning string) {
			t.Helper()
			b := benches[vendor]
			if b == nil {
				b = newBench(t, vendor, fake.Options{}, "")
				benches[vendor] = b
			}
			resp, err := b.post(t.Context(), path, raw(body), "Anthropic-Version", "2023-06-01")
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			got, _ := io.ReadAll(resp.Body)
			told := resp.Header.Get("X-Summit-Warning")
			if resp.StatusCode != status || !strings.Contains(string(got), want) || !strings.Contains(told, warning) || warning == "" && told != "" {
				t.Errorf("%s: %s: status %d, %s, warning %q, want %d, %q and %q", vendor, body, resp.StatusCode, got, told, status, want, warning)
			}
		}
		const chat, messages = "/v1/chat/completions", "/v1/messages"
		// A temperature of zero is what half of all programs send.
		f("spark-ws", chat, `{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":0}`, 200, "You said", "as 0.01, its lowest")
		f("spark-ws", chat, `{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":1.5}`, 200, "You said", "as 1, its highest")
		f("spark-ws", chat, `{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":0.5}`, 200, "You said", "")
		f("anthropic", chat, `{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":1.5}`, 200, "You said", "as 1, its highest")
		// An answer that is begun.
		f("openai", messages, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"Sure,"}]}`, 200, "You said", "may begin its own")
		f("anthropic", messages, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"Sure,"}]}`, 200, "You said", "")
		// Documents, images by address.
		const pdf = `{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0xLjQ="}}`
		f("anthropic", messages, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[`+pdf+`,{"type":"text","text":"what?"}]}]}`, 200, "application/pdf of 8 bytes", "")
		f("glm", messages, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[`+pdf+`]}]}`, 400, `"type":"invalid_request_error"`, "")
		const there = `{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}`
		f("anthropic", chat, `{"model":"m","messages":[{"role":"user","content":[`+there+`]}]}`, 200, "an image at https://example.com/a.png", "")
		f("gemini", chat, `{"model":"m","messages":[{"role":"user","content":[`+there+`]}]}`, 400, "an image by URL can't be sent", "")
		// Results in another order than their calls, one of them an image, one of a tool that failed; a call without arguments.
		const calls = `{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":""}},{"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]},` +
			`{"role":"tool","tool_call_id":"b","content":"second"},{"role":"tool","tool_call_id":"a","content":[{"type":"text","text":"first"}]}`
		for _, vendor := range []string{"openai", "anthropic", "gemini", "responses", "qwen-native", "hunyuan-native"} {
			f(vendor, chat, `{"model":"m","messages":[{"role":"user","content":"hi"},`+calls+`],"reasoning_effort":null}`, 200, "second; first", "")
		}
		// A path that is not there is told in the protocol that it belongs to.
		f("openai", "/v1/messages/batches", `{}`, 404, `{"type":"error","error":{"type":"not_found_error"`, "")
		f("openai", "/v1/chat/completions/x", `{}`, 404, `"code":"not_found"`, "")
	})
}

package dialect

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"summit/llm"
)

// plainChat is the least that encoding/json has to decode of a request: the
// measure for the decoder here.
type plainChat struct {
	Model    string
	Messages []struct {
		Role    string
		Content string
	}
}

var longBodies = map[string]string{
	"one 2 MB message":         `{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("长", 700_000) + `"}]}`,
	"2 MB with escapes":        `{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat(`line of code\n\t\"x\"`, 100_000) + `"}]}`,
	"20,000 messages, in 2 MB": `{"model":"m","messages":[` + strings.Repeat(`{"role":"user","content":"`+strings.Repeat("some words ", 6)+`"},`, 20_000) + `{"role":"user","content":"x"}]}`,
}

// BenchmarkDecode reports how long Decode takes compared with encoding/json:
// 1.0 = as long.
func BenchmarkDecode(b *testing.B) {
	for name, body := range longBodies {
		b.Run(name, func(b *testing.B) {
			data := []byte(body)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := (OpenAI{}).Decode(data); err != nil {
					b.Fatal(err)
				}
			}
			ours := b.Elapsed().Seconds() / float64(b.N)
			start := time.Now()
			for range b.N {
				var v plainChat
				if err := json.Unmarshal(data, &v); err != nil {
					b.Fatal(err)
				}
			}
			plain := time.Since(start).Seconds() / float64(b.N)
			b.ReportMetric(ours/plain, "of-encoding/json")
		})
	}
}

func BenchmarkEncodeChat(b *testing.B) {
	call, err := OpenAI{}.Decode([]byte(longBodies["one 2 MB message"]))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(2_100_000)
	for b.Loop() {
		if _, _, err := EncodeChat(call.Request, ChatOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChatStream(b *testing.B) {
	chunk := []byte(`{"id":"chatcmpl-123","object":"chat.completion.chunk","created":1700000000,"model":"glm-5","choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,"finish_reason":null}],"usage":null}`)
	c := NewChatStream(Quirks{})
	var events []llm.Event
	var err error
	b.ReportAllocs()
	for b.Loop() {
		if events, err = c.Append(events[:0], chunk); err != nil {
			b.Fatal(err)
		}
	}
}

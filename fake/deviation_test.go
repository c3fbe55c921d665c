package fake_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"summit/fake"
)

// TestDeviations turns each deviation on by itself, and asks through the
// member for any server of OpenAI's protocol, with and without tools, for a
// stream and for a whole answer: what a client reads has to be the same
// whatever the form, or an error where the deviation is one.
func TestDeviations(t *testing.T) {
	finishes := map[string]string{ // of an answer without calls
		"finish-content-filter": "filter", "finish-sensitive": "filter", "finish-window": "length", "finish-repetition": "length",
	}
	fails := map[string]string{ // of an answer without calls
		"finish-network-error": "overloaded", "finish-no-resource": "overloaded",
	}
	cuts := map[string]bool{"done-without-finish": true, "finish-none": true} // of a stream
	for _, d := range fake.Deviations() {
		field := "reasoning_content"
		if d.Name == "reasoning-plain" { // what it sends is what it wants back
			field = "reasoning"
		}
		var wrong []string // told outside the bubble, which a failure would end
		for _, stream := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				deviations := []string{"-reasoning-plain", d.Name}
				if d.Name == "crlf" { // a lone CR LF that is taken for two ends of lines shows only there
					deviations = append(deviations, "multi-line")
				}
				b := newBench(t, "vllm", fake.Options{Deviations: deviations},
					fmt.Sprintf(`{"quirks":{"reasoning_field":%q,"thinking_switch":"template","no_stream":%v}}`, field, !stream))
				for _, tools := range []bool{false, true} {
					c := &cell{bench: b, via: protocols[0]}
					q := question{text: "Ask in parallel, or say something.", stream: true, tools: tools}
					a, e := c.asks(q)
					if e.Ask.Stream != stream {
						c.errorf("the fake was asked for a stream: %v, want %v", e.Ask.Stream, stream)
					}
					switch kind := fails[d.Name]; {
					case kind != "" && !tools:
						c.fault(a, kind)
					case cuts[d.Name] && stream:
						c.fault(a, "cut")
					case d.Name == "usage-none", d.Name == "usage-zero":
						if !a.estimated || !a.ended || a.text != e.Reply.Text() || a.input == 0 || a.output == 0 {
							c.errorf("usage %d in, %d out, estimated %v, ended %v", a.input, a.output, a.estimated, a.ended)
						}
					default:
						if want := finishes[d.Name]; want != "" && !tools {
							e.Reply.Finish = want
						}
						c.whole(a, e, q)
						if a.thoughts != e.Reply.Thoughts() || a.thoughts == "" {
							c.errorf("thoughts %q, want %q", a.thoughts, e.Reply.Thoughts())
						}
						if n := len(a.calls); tools && n != 2 && !(n == 1 && d.Name == "tools-function-call") {
							c.errorf("%d calls", n)
						}
					}
					for _, w := range c.wrong {
						wrong = append(wrong, fmt.Sprintf("%s, stream %v, tools %v: %s", d.Name, stream, tools, w))
					}
				}
			})
		}
		for _, w := range wrong {
			t.Error(w)
		}
	}
}

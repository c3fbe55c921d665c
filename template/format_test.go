package template

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// read feeds an answer in pieces of n bytes; 0 = whole. Neighbours of one kind
// are joined.
func read(f *Format, o Options, answer string, n int) []Part {
	r := f.Read(o)
	var all []Part
	add := func(parts []Part) {
		for _, p := range parts {
			if k := len(all); k > 0 && p.Kind != Call && all[k-1].Kind == p.Kind {
				all[k-1].Text += p.Text
				continue
			}
			all = append(all, p)
		}
	}
	if n == 0 {
		n = max(len(answer), 1)
	}
	for len(answer) > 0 {
		k := min(n, len(answer))
		add(r.Next(answer[:k]))
		answer = answer[k:]
	}
	add(r.End())
	return all
}

func text(s string) Part            { return Part{Kind: Text, Text: s} }
func thought(s string) Part         { return Part{Kind: Reasoning, Text: s} }
func called(name, a string) Part    { return Part{Kind: Call, Name: name, Arguments: a} }
func withID(id string, p Part) Part { p.ID = id; return p }

type answerCase struct {
	format string
	o      Options
	answer string
	want   []Part
}

var tools = Options{Tools: true}

var answers = []answerCase{
	{"plain", Options{}, "just text\n", []Part{text("just text\n")}},
	{"plain", Options{}, "<think>\nhm\n</think>\n\nyes", []Part{thought("hm"), text("yes")}},
	{"plain", Options{Reasoning: true}, "hm\n</think>\n\nyes", []Part{thought("hm"), text("yes")}},
	{"plain", Options{Reasoning: true}, "cut off", []Part{thought("cut off")}},
	{"plain", Options{}, "a < b <thin </think>", []Part{text("a < b <thin </think>")}},
	{"plain", tools, "<tool_call>", []Part{text("<tool_call>")}},

	{"hermes", tools, "<think>\nx\n</think>\n\nLet me see.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"b</tool_call>\", \"n\": [1, 2]}}\n</tool_call>\n<tool_call>\n{\"name\": \"g\", \"arguments\": \"{}\"}\n</tool_call>",
		[]Part{thought("x"), text("Let me see."), called("f", `{"a": "b</tool_call>", "n": [1, 2]}`), called("g", "{}")}},
	{"hermes", Options{}, "<tool_call>\n{}\n</tool_call>", []Part{text("<tool_call>\n{}\n</tool_call>")}},
	{"hermes", tools, "<tool_call>\nnonsense\n</tool_call> then", []Part{text("<tool_call>\nnonsense\n</tool_call> then")}},
	{"hermes", tools, "see <tool_call>\n{\"name\": \"f\"", []Part{text("see <tool_call>\n{\"name\": \"f\"")}},
	{"hermes", tools, "<tool_call>{\"name\": \"f\"}</tool_call>", []Part{called("f", "{}")}},
	{"hermes", tools, "<tool_call>{\"name\": \"f\", \"arguments\": 5}</tool_call>", []Part{text("<tool_call>{\"name\": \"f\", \"arguments\": 5}</tool_call>")}},

	{"arg_key", tools, "\n<think>go</think>\nok\n<tool_call>get\n<arg_key>city</arg_key>\n<arg_value>武汉 </tool_call> \"x\"</arg_value>\n<arg_key>n</arg_key>\n<arg_value>[1]</arg_value>\n</tool_call>",
		[]Part{thought("go"), text("ok"), called("get", `{"city": "武汉 </tool_call> \"x\"", "n": [1]}`)}},
	{"arg_key", Options{Tools: true, IsText: func(f, p string) bool { return f == "get" && p == "zip" }},
		"<tool_call>get<arg_key>zip</arg_key><arg_value>10115</arg_value><arg_key>n</arg_key><arg_value>7</arg_value></tool_call>", []Part{called("get", `{"zip": "10115", "n": 7}`)}},
	{"arg_key", tools, "<tool_call>now</tool_call>", []Part{called("now", "{}")}},
	{"arg_key", tools, "<tool_call>f\n<arg_key>a</arg_key>\n</tool_call>", []Part{text("<tool_call>f\n<arg_key>a</arg_key>\n</tool_call>")}},

	{"deepseek", Options{Tools: true, Reasoning: true}, "why\n</think>\n\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"a\": 1}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>g<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
		[]Part{thought("why"), called("f", `{"a": 1}`), called("g", "{}")}},
	{"deepseek", tools, "<｜tool▁calls▁begin｜>oops<｜tool▁calls▁end｜>", []Part{text("<｜tool▁calls▁begin｜>oops<｜tool▁calls▁end｜>")}},

	{"kimi", tools, "one\n<|tool_calls_section_begin|><|tool_call_begin|>functions.get_it:0<|tool_call_argument_begin|>{\"q\": \"x\"}<|tool_call_end|><|tool_calls_section_end|>",
		[]Part{text("one"), withID("functions.get_it:0", called("get_it", `{"q": "x"}`))}},

	{"minimax", tools, "<think>\nr\n</think>\n\n<minimax:tool_call>\n<invoke name=\"f\">\n<parameter name=\"a\">x <b> y</parameter>\n<parameter name=\"n\">3</parameter>\n</invoke>\n<invoke name=\"g\">\n</invoke>\n</minimax:tool_call>",
		[]Part{thought("r"), called("f", `{"a": "x <b> y", "n": 3}`), called("g", "{}")}},
	{"minimax", tools, "<minimax:tool_call><invoke name=\"f\"></minimax:tool_call>", []Part{text("<minimax:tool_call><invoke name=\"f\"></minimax:tool_call>")}},

	{"qwen_xml", tools, "<think>\nr\n</think>\n\nso\n<tool_call>\n<function=f>\n<parameter=a>\nx <b>\n\n</tool_call>\n</parameter>\n<parameter=n>\n[3]\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=g>\n</function>\n</tool_call>",
		[]Part{thought("r"), text("so"), called("f", `{"a": "x <b>\n\n</tool_call>", "n": [3]}`), called("g", "{}")}},
	{"qwen_xml", tools, "<tool_call><function=f></tool_call>", []Part{text("<tool_call><function=f></tool_call>")}},

	{"hunyuan", tools, "<think>\nr\n</think>\n<answer>\nhello\n</answer>", []Part{thought("r"), text("hello")}},
	{"hunyuan", tools, "<tool_calls>[{\"name\": \"f\", \"arguments\": {\"a\": 1}}, {\"name\": \"g\", \"arguments\": {}}]</tool_calls>", []Part{called("f", `{"a": 1}`), called("g", "{}")}},
	{"hunyuan", tools, "<tool_calls>\n<tool_call>f\n```json\n{\"a\": 1}\n```</tool_call>\n</tool_calls>", []Part{called("f", `{"a": 1}`)}},

	{"llama3", tools, `{"name": "f", "parameters": {"a": "x; y"}}; {"name": "g", "parameters": {}}`, []Part{called("f", `{"a": "x; y"}`), called("g", "{}")}},
	{"llama3", tools, `<|python_tag|>{"name": "f", "parameters": {}}`, []Part{called("f", "{}")}},
	{"llama3", tools, `{"a": 1} is JSON`, []Part{text(`{"a": 1} is JSON`)}},
	{"llama3", tools, " plain\n", []Part{text(" plain\n")}},
	{"llama3", Options{}, `{"name": "f", "parameters": {}}`, []Part{text(`{"name": "f", "parameters": {}}`)}},

	{"harmony", tools, "<|channel|>analysis<|message|>think a bit<|end|><|start|>assistant<|channel|>final<|message|>The answer.<|return|>",
		[]Part{thought("think a bit"), text("The answer.")}},
	{"harmony", tools, "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary to=functions.get <|constrain|>json<|message|>{\"a\": 1}<|call|>",
		[]Part{thought("hm"), called("get", `{"a": 1}`)}},
	{"harmony", tools, " to=functions.now<|channel|>commentary json<|message|>{}", []Part{called("now", "{}")}},
	{"harmony", tools, "<|channel|>commentary<|message|>I will look.<|end|>", []Part{text("I will look.")}},
	{"harmony", tools, "<|channel|>commentary to=functions.f<|message|>{oops<|call|>", []Part{text("<|channel|>commentary to=functions.f<|message|>{oops")}},
	{"harmony", Options{}, "no tags at all", []Part{text("no tags at all")}},
}

// Every answer says the same however it is cut.
func TestAnswers(t *testing.T) {
	for _, c := range answers {
		f, err := FormatNamed(c.format)
		if err != nil {
			t.Fatal(err)
		}
		for n := range len(c.answer) + 1 {
			if d := cmp.Diff(c.want, read(f, c.o, c.answer, n)); d != "" {
				t.Errorf("%s: %q in pieces of %d (-want +got):\n%s", c.format, c.answer, n, d)
				break
			}
		}
		// In two pieces, cut at each byte.
		for at := range len(c.answer) {
			r := f.Read(c.o)
			var all []Part
			for _, p := range append(append(r.Next(c.answer[:at]), r.Next(c.answer[at:])...), r.End()...) {
				if k := len(all); k > 0 && p.Kind != Call && all[k-1].Kind == p.Kind {
					all[k-1].Text += p.Text
					continue
				}
				all = append(all, p)
			}
			if d := cmp.Diff(c.want, all); d != "" {
				t.Errorf("%s: %q cut at %d (-want +got):\n%s", c.format, c.answer, at, d)
				break
			}
		}
	}
}

// Text comes at once, unless it may be a tag.
func TestNothingIsHeldBackWithoutNeed(t *testing.T) {
	for _, name := range []string{"plain", "hermes", "arg_key", "deepseek", "kimi", "minimax", "hunyuan", "qwen_xml"} {
		f, err := FormatNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		r := f.Read(tools)
		for _, piece := range []string{"a", " b", " < c", "\n\nd"} {
			if got := r.Next(piece); len(got) != 1 || got[0].Text != piece {
				t.Errorf("%s: %q came out as %v", name, piece, got)
			}
		}
	}
}

func TestDetect(t *testing.T) {
	f := func(want, source string) {
		t.Helper()
		if got := Detect(source); got.Name != want {
			t.Errorf("got %s, want %s, for %.40q", got.Name, want, source)
		}
	}
	f("plain", "{{ messages }}")
	f("hermes", "<tool_call>")
	f("arg_key", "<tool_call> <arg_key>")
	f("qwen_xml", "<tool_call>\n<function=name>")
	for file, want := range map[string]string{"chatml": "hermes", "thinking": "hermes", "argkey": "arg_key", "sections": "deepseek", "harmony": "harmony", "header": "llama3"} {
		b, err := os.ReadFile(filepath.Join("testdata", "chat", file+".jinja"))
		if err != nil {
			t.Fatal(err)
		}
		f(want, string(b))
	}
	if _, err := FormatNamed("nosuch"); err == nil || !strings.Contains(err.Error(), "hermes") {
		t.Errorf("got %v", err)
	}
}

// FuzzFormat: any answer says the same whole and in pieces, calls are valid,
// and text without tags comes out as it is.
func FuzzFormat(f *testing.F) {
	for i, c := range answers {
		f.Add(c.answer, uint8(i), uint8(3), true)
	}
	f.Fuzz(func(t *testing.T, answer string, which, n uint8, reasoning bool) {
		form := formats[int(which)%len(formats)]
		o := Options{Tools: which&0x80 == 0, Reasoning: reasoning}
		whole := read(form, o, answer, 0)
		if d := cmp.Diff(whole, read(form, o, answer, int(n)+1)); d != "" {
			t.Fatalf("%s: %q in pieces of %d (-whole +pieces):\n%s", form.Name, answer, int(n)+1, d)
		}
		if form.Form != nil { // held to its form or not, pieces come in order
			held := o
			held.Form = form.Form(answer)
			k := min(int(n), len(answer))
			pieced(t, form, held, answer[:k], answer[k:])
		}
		size := 0
		for _, p := range whole {
			size += len(p.Text)
			if p.Kind == Call && (p.Name == "" || !json.Valid([]byte(p.Arguments))) {
				t.Fatalf("%s: %q: call %+v", form.Name, answer, p)
			}
		}
		if !strings.Contains(answer, "<") && !strings.ContainsAny(answer, "\n{") && size != len(answer) {
			t.Fatalf("%s: %q came out as %+v", form.Name, answer, whole)
		}
	})
}

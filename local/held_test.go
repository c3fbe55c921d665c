package local

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"summit/engine"
	"summit/llm"
	"summit/template"
)

// dice is an engine whose logits are drawn by chance: what it says is what it
// is held to, and nothing else.
type dice struct {
	scripted
	rng   *rand.Rand
	likes []float32 // added to each token's
}

func (d *dice) Generate(ctx context.Context, r engine.Request, emit func(engine.Token) bool) (engine.Result, error) {
	res := engine.Result{PromptTokens: len(r.Prompt), Reason: engine.Stopped}
	take := func(id int) bool {
		res.Tokens++
		if !emit(engine.Token{ID: id}) {
			res.Reason = engine.Left
			return false
		}
		if res.Tokens >= r.MaxTokens {
			res.Reason = engine.Length
			return false
		}
		return !slices.Contains(r.Stop, id)
	}
	row := make([]float32, len(d.likes))
	for {
		for i := range row {
			row[i] = float32(d.rng.NormFloat64()) + d.likes[i]
		}
		id := r.Picker.Next(row)
		if id < 0 {
			res.Reason = engine.Blocked
			return res, nil
		}
		if !take(id) {
			return res, nil
		}
		if f, ok := r.Picker.(engine.Forcer); ok {
			for _, id := range f.Forced() {
				if !take(id) {
					return res, nil
				}
			}
		}
	}
}

// rolling makes a member of a format whose model says anything that it may.
// control = the format's tags are tokens of their own.
func rolling(t testing.TB, format, source string, control bool, seed uint64) *Member {
	t.Helper()
	f, err := template.FormatNamed(format)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"<|im_start|>", "<|im_end|>"}
	if control {
		names = append(names, f.Tags...)
	}
	m := speaking(t, chatml, &scripted{})
	v := m.voice
	v.tok, v.format, v.source, v.tags, v.ends = vocabulary(t, names...), f, chatml+source, map[int]string{}, nil
	for _, tag := range f.Tags {
		if id, ok := v.tok.ID(tag); ok && v.tok.Special(id) {
			v.tags[id] = tag
		}
	}
	for id := range v.tok.Len() {
		if v.tok.End(id) {
			v.ends = append(v.ends, id)
		}
	}
	m.logits = v.tok.Len()
	d := &dice{rng: rand.New(rand.NewPCG(seed, 1)), likes: make([]float32, m.logits)}
	for id := range d.likes {
		switch b := v.tok.Bytes(id); {
		case v.tok.End(id):
			d.likes[id] = 3 // so that answers end
		case v.tags[id] != "":
			d.likes[id] = 2.5
			if v.tags[id] == f.Call { // so that calls are made where they may be
				d.likes[id] = 4.5
			}
		case format == "llama3" && string(b) == "{":
			d.likes[id] = 4
		case len(b) == 1 && strings.IndexByte(`"{}]<>/ c`, b[0]) >= 0:
			d.likes[id] = 2
		}
	}
	m.model.open = func(modelKey) (computer, int64, func() error, error) { return d, 1, d.Close, nil }
	return m
}

var heldTools = []llm.Tool{
	{Kind: "function", Name: "get_it", Parameters: json.RawMessage(`{"type": "object", "properties": {
		"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}, "days": {"type": "integer", "minimum": 1, "maximum": 14},
		"tags": {"type": "array", "items": {"type": "string", "maxLength": 3}, "maxItems": 2}},
		"required": ["city", "days"], "additionalProperties": false}`)},
	{Kind: "function", Name: "get_other", Parameters: json.RawMessage(`{"properties": {"on": {"type": "boolean"}, "at": {"type": ["number", "null"]}}, "required": ["on"]}`), Strict: new(true)},
	{Kind: "function", Name: "now"},
}

// schemaOf compiles a schema with a checker that is not ours.
func schemaOf(t testing.TB, raw []byte) *jsonschema.Schema {
	t.Helper()
	if len(raw) == 0 {
		raw = []byte(`{"maxProperties": 0}`)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:s", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mem:s")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A model that says anything it may, says what the request wants: calls where
// they are required, arguments by their schemas, and none where forbidden.
func TestCallsAreHeld(t *testing.T) {
	schemas := map[string]*jsonschema.Schema{}
	for _, tool := range heldTools {
		schemas[tool.Name] = schemaOf(t, tool.Parameters)
	}
	seeds := uint64(3)
	if testing.Short() {
		seeds = 1
	}
	seen := map[string]int{}
	for _, format := range template.Formats() {
		if format == "plain" {
			continue
		}
		for _, control := range []bool{true, false} {
			for _, source := range []string{"", "```"} {
				if source != "" && format != "deepseek" && format != "hunyuan" {
					continue
				}
				for seed := range seeds {
					for _, c := range []struct {
						name   string
						choice llm.ToolChoice
						alone  bool
						think  bool
						form   *llm.Format
					}{
						{name: "required", choice: llm.ToolChoice{Mode: "required"}},
						{name: "one required", choice: llm.ToolChoice{Mode: "required"}, alone: true},
						{name: "named", choice: llm.ToolChoice{Mode: "tool", Name: "get_other"}, think: true},
						{name: "auto"},
						{name: "one at most", alone: true, think: true},
						{name: "none", choice: llm.ToolChoice{Mode: "none"}},
						{name: "a form or calls", form: &llm.Format{Kind: "json_schema", Schema: json.RawMessage(`{"type": "array", "items": {"type": "boolean"}, "minItems": 1}`)}},
					} {
						m := rolling(t, format, source, control, seed)
						r := ask("q")
						r.Tools, r.ToolChoice, r.Format, r.MaxTokens, r.Temperature = heldTools, c.choice, c.form, 1000, new(0.0)
						if c.alone {
							r.ParallelToolCalls = new(false)
						}
						if c.think {
							r.Thinking.Enabled = new(true)
						}
						got, err := llm.Collect(m.Generate(t.Context(), r))
						at := fmt.Sprintf("%s/%s (control %v, %q, seed %d)", format, c.name, control, source, seed)
						if err != nil {
							t.Errorf("%s: %v", at, err)
							continue
						}
						over := got.Outcome.Finish != llm.FinishLength
						for i, call := range got.Calls {
							if !over && i == len(got.Calls)-1 {
								break // it may have broken off
							}
							s := schemas[call.Name]
							v, err := jsonschema.UnmarshalJSON(strings.NewReader(call.Args))
							if s == nil || err != nil {
								t.Errorf("%s: call %+v: %v", at, call, err)
							} else if err := s.Validate(v); err != nil {
								t.Errorf("%s: call %+v: %v", at, call, err)
							}
							if c.choice.Mode == "tool" && call.Name != c.choice.Name {
								t.Errorf("%s: called %s", at, call.Name)
							}
							seen[format+" "+c.name]++
						}
						n := len(got.Calls)
						switch {
						case !over:
							continue
						case c.choice.Mode == "none" && n > 0, c.alone && n > 1:
							t.Errorf("%s: %d calls", at, n)
						case (c.choice.Mode == "required" || c.choice.Mode == "tool") && (n == 0 || got.Text != "" && m.voice.format.Frame == nil):
							t.Errorf("%s: %d calls, text %q", at, n, got.Text)
						case (n > 0) != (got.Outcome.Finish == llm.FinishCalls):
							t.Errorf("%s: %d calls, finish %s", at, n, got.Outcome.Finish)
						case c.form != nil && n == 0:
							var list []bool
							if err := json.Unmarshal([]byte(got.Text), &list); err != nil || len(list) == 0 {
								t.Errorf("%s: text %q: %v", at, got.Text, err)
							}
						}
						if tag := m.voice.format.Call; tag != "" && strings.Contains(got.Text, tag) {
							t.Errorf("%s: the text has a call in it: %q", at, got.Text)
						}
					}
				}
			}
		}
	}
	for _, format := range template.Formats() {
		if testing.Short() {
			break // one seed is too few for all
		}
		for _, name := range []string{"required", "named", "auto"} {
			if n := seen[format+" "+name]; n == 0 && format != "plain" && (format != "llama3" || name != "auto") {
				t.Errorf("%s %s: no call was made in all runs", format, name)
			}
		}
	}
	t.Logf("calls: %v", seen)
}

// What may be written, and what may not.
func TestRulesOfCalls(t *testing.T) {
	source := ""
	f := func(format, mode, text string, want bool) {
		t.Helper()
		m := rolling(t, format, "", false, 1)
		if source != "" {
			m.voice.source = source
		}
		r := ask("q")
		r.Tools, r.ToolChoice.Mode = heldTools, mode
		h, err := m.voice.hold("", r, &prompt{})
		if err != nil {
			t.Fatal(err)
		}
		match := h.rules.Matcher()
		if err := match.AcceptBytes([]byte(text)); (err == nil && match.Done()) != want {
			t.Errorf("%s %s: %q: %v, may end %v; want %v", format, mode, text, err, err == nil && match.Done(), want)
		}
	}
	f("llama3", "", `{"name": "now", "parameters": {}}`, true)
	f("llama3", "", `{"name": "now", "parameters": {}}; {"name": "get_other", "parameters": {"on": true, "at": -1.5e3}}`, true)
	f("llama3", "", `{"name": "nobody"}`, false)
	f("llama3", "", `{"names": []} is JSON`, true)
	f("llama3", "", `so {"name": "x"}`, true)
	f("llama3", "none", `{"name": "now", "parameters": {}}`, false)
	f("llama3", "required", `so`, false)
	f("hermes", "", "<think>hm</think>\n\nI'll see.\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>\nand", true)
	f("hermes", "", "<think>hm <tool_call></think>x", true)
	f("hermes", "", "<think>hm", true)
	f("hermes", "", "a <tool_call> b", false)
	f("hermes", "", "<tool_call>\n{\"name\": \"now\", \"arguments\": {\"x\": 1}}\n</tool_call>", false)
	f("hermes", "", "<tool_call>\n{\"name\": \"get_it\", \"arguments\": {\"city\": \"a\", \"days\": 15}}\n</tool_call>", false)
	f("hermes", "none", "a <tool_cal", true)
	f("hermes", "none", "a <tool_call> b", false)
	f("hermes", "required", "<think>hm</think>\n\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>", true)
	f("hermes", "required", "<think>hm</think>", false)
	f("hermes", "required", "", false)
	f("arg_key", "required", "<tool_call>get_it\n<arg_key>city</arg_key>\n<arg_value>武汉 <b></arg_value>\n<arg_key>unit</arg_key>\n<arg_value>C</arg_value>\n<arg_key>days</arg_key>\n<arg_value>7</arg_value>\n</tool_call>", true)
	f("arg_key", "required", "<tool_call>get_it\n<arg_key>city</arg_key>\n<arg_value>x</arg_value>\n</tool_call>", false)
	f("arg_key", "required", "<tool_call>get_it\n<arg_key>city</arg_key>\n<arg_value>x</arg_value>\n<arg_key>unit</arg_key>\n<arg_value>K</arg_value>\n<arg_key>days</arg_key>\n<arg_value>7</arg_value>\n</tool_call>", false)
	f("qwen_xml", "", "ok <tool_call>\n<function=get_it>\n<parameter=city>\na\nb <x>\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>\n", true)
	f("qwen_xml", "", "<tool_call>\n<function=get_it>\n<parameter=city>\na\n</parameter>\n<parameter=days>\n30\n</parameter>\n</function>\n</tool_call>", false)
	f("harmony", "", "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary to=functions.now <|constrain|>json<|message|>{}<|call|>", true)
	f("harmony", "required", "<|channel|>final<|message|>no", false)
	source = "{{ messages }} tools <tool_call>" // of a model that does not think
	f("hermes", "required", "<think>hm</think>\n\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>", false)
	f("hermes", "required", "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>", true)
}

// A call comes while it is written: its name first, then its arguments.
func TestCallsComeInPieces(t *testing.T) {
	e := &scripted{}
	m := speaking(t, chatml, e)
	e.ids = says(m, "<tool_call>\n{\"name\": \"get_it\", \"arguments\": {\"city\": \"武汉\", \"days\": 3}}\n</tool_call>\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call><|im_end|>")
	r := ask("q")
	r.Tools = heldTools
	var pieces []llm.CallDelta
	for ev, err := range m.Generate(t.Context(), r) {
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == llm.KindCall {
			pieces = append(pieces, *ev.Call)
		}
		if ev.Kind == llm.KindDone && ev.Done.Finish != llm.FinishCalls {
			t.Errorf("finish %s", ev.Done.Finish)
		}
	}
	args := map[int]string{}
	begun := map[int]bool{}
	for _, p := range pieces {
		if begun[p.Index] == (p.Name != "" && p.ID != "") {
			t.Errorf("piece %+v, of a call that has begun: %v", p, begun[p.Index])
		}
		begun[p.Index] = true
		args[p.Index] += p.ArgsDelta
	}
	if args[0] != `{"city": "武汉", "days": 3}` || args[1] != "{}" || len(pieces) < 20 {
		t.Errorf("%d pieces, arguments %v", len(pieces), args)
	}
	// One that breaks off is no call that can be answered.
	e.ids = says(m, "<tool_call>\n{\"name\": \"get_it\", \"arguments\": {\"city\": \"W")
	r.MaxTokens = len(e.ids)
	got, err := llm.Collect(m.Generate(t.Context(), r))
	if err != nil || got.Outcome.Finish != llm.FinishLength || len(got.Calls) != 1 || got.Calls[0].Args != `{"city": "W` {
		t.Errorf("got %+v, finish %s, %v", got.Calls, got.Outcome.Finish, err)
	}
}

func TestCallsThatCannotBeHeld(t *testing.T) {
	odd := json.RawMessage(`{"type": "object", "properties": {"n": {"type": "integer", "multipleOf": 3}}, "required": ["n"]}`)
	f := func(format string, tool llm.Tool, choice llm.ToolChoice, want, warning string) {
		t.Helper()
		m := rolling(t, format, "", true, 1)
		r := ask("q")
		r.Tools, r.ToolChoice, r.MaxTokens = []llm.Tool{tool}, choice, 300
		got, err := llm.Collect(m.Generate(t.Context(), r))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q", format, err, want)
		}
		if err == nil && !strings.Contains(strings.Join(got.Outcome.Warnings, "\n"), warning) {
			t.Errorf("%s: warnings %q, want %q", format, got.Outcome.Warnings, warning)
		}
	}
	tool := llm.Tool{Kind: "function", Name: "f", Parameters: odd}
	required := llm.ToolChoice{Mode: "required"}
	f("hermes", tool, required, "", "multipleOf")
	f("minimax", tool, required, "", "multipleOf")
	tool.Strict = new(true)
	f("hermes", tool, llm.ToolChoice{}, "multipleOf", "")
	tool.Parameters = json.RawMessage(`{"type": "object", "properties": {"s": {"type": "string", "maxLength": 3}}}`)
	f("hermes", tool, required, "", "")
	f("arg_key", tool, required, "maxLength", "")
	tool.Strict = nil
	f("arg_key", tool, required, "", "maxLength")
	f("plain", tool, required, "is not known", "")
	f("hermes", tool, llm.ToolChoice{Mode: "tool", Name: "g"}, `names "g"`, "")
	tool.Name = "a\"b"
	f("hermes", tool, required, "name", "")
	f("hermes", tool, llm.ToolChoice{}, "", "not held")
	f("hermes", llm.Tool{Kind: "function", Name: "f", Parameters: json.RawMessage(`{"type": "array"}`)}, required, "", "not held")
	f("hermes", llm.Tool{Kind: "function", Name: "f", Parameters: json.RawMessage(`{"type": "object"`)}, required, "no JSON", "")
}

// The rules of the last requests are kept, and no more of them.
func TestRulesAreKept(t *testing.T) {
	m := rolling(t, "hermes", "", true, 1)
	hold := func(namespace, name string) *held {
		t.Helper()
		r := ask("q")
		r.Tools = []llm.Tool{{Kind: "function", Name: name}}
		h, err := m.voice.hold(namespace, r, &prompt{})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	first := hold("a", "f")
	if hold("a", "f") != first {
		t.Error("the same rules are made twice")
	}
	if hold("b", "f") == first {
		t.Error("two tenants share rules")
	}
	for i := range 3 * holdMax {
		hold("a", fmt.Sprint("g", i))
	}
	if n := len(m.voice.holds.at); n != holdMax || m.voice.holds.rows.Len() != n {
		t.Errorf("%d rules are kept, want %d", n, holdMax)
	}
	if hold("a", "f") == first {
		t.Error("the oldest rules are still there")
	}
}

// Thoughts pass, then the answer is held to its form, however the end of the
// thoughts is cut into tokens.
func TestStructuredOutputAfterReasoning(t *testing.T) {
	m := speaking(t, chatml, &scripted{})
	r := ask("q")
	r.Format = &llm.Format{Kind: "json_object"}
	h, err := m.voice.hold("", r, &prompt{read: template.Options{Reasoning: true}})
	if err != nil {
		t.Fatal(err)
	}
	f := func(text string, want bool) {
		t.Helper()
		match := h.rules.Matcher()
		if err := match.AcceptBytes([]byte(text)); (err == nil && match.Done()) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
	f("hm </thi </think>{}", true)
	f("hm {\n</think>\n\n{\"a\": [1]}", true)
	f("hm </think>\n\nso {}", false)
	f("hm </think>", false)
	f("hm", false)
}

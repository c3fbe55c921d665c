package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"summit/grammar"
	"summit/llm"
	"summit/template"
	"summit/tokenizer"
	"summit/weights"
)

// voice is how a model is spoken to: its vocabulary, its chat template, and
// how it writes reasoning and calls.
type voice struct {
	tok      *tokenizer.Tokenizer
	template *template.Template // nil = the prompt is the texts as they are
	source   string             // of the template
	format   *template.Format
	tags     map[int]string // control tokens that the format reads
	ends     []int          // tokens that end an answer
	defaults sampling

	holds holds     // rules of answers
	once  sync.Once // of vocab
	vocab *grammar.Vocab
	fault error
}

func newVoice(c Config, f *weights.File) (*voice, error) {
	tok, err := Vocabulary(f)
	if err != nil {
		return nil, err
	}
	v := &voice{tok: tok, tags: map[int]string{}, defaults: defaultsOf(f)}
	if !c.Raw {
		if v.source = c.Template; v.source == "" {
			if v.source, err = templateOf(f); err != nil {
				return nil, fmt.Errorf("local: %s: %w", c.File, err)
			}
		}
	}
	if v.source != "" {
		if v.template, err = template.Parse("chat template", v.source); err != nil {
			return nil, fmt.Errorf("local: %s: %w", c.File, err)
		}
	}
	v.format = template.Detect(v.source)
	if c.Format != "" {
		if v.format, err = template.FormatNamed(c.Format); err != nil {
			return nil, fmt.Errorf("local: %s: %w", c.File, err)
		}
	}
	for _, tag := range v.format.Tags {
		if id, ok := tok.ID(tag); ok && tok.Special(id) {
			v.tags[id] = tag
		}
	}
	for id := range tok.Len() {
		if tok.End(id) {
			v.ends = append(v.ends, id)
		}
	}
	return v, nil
}

// templateOf finds the chat template of a model: in GGUF's metadata, or
// beside the weights.
func templateOf(f *weights.File) (string, error) {
	if t, err := f.Meta().String("tokenizer.chat_template"); err == nil {
		return t, nil
	}
	if b, ok := f.Side("chat_template.jinja"); ok {
		return string(b), nil
	}
	b, ok := f.Side("tokenizer_config.json")
	if !ok {
		return "", nil
	}
	var c struct {
		Template json.RawMessage `json:"chat_template"`
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return "", fmt.Errorf("tokenizer_config.json: %w", err)
	}
	var one string
	var many []struct{ Name, Template string }
	switch {
	case c.Template == nil || string(c.Template) == "null":
		return "", nil
	case json.Unmarshal(c.Template, &one) == nil:
		return one, nil
	case json.Unmarshal(c.Template, &many) == nil:
		for _, t := range many {
			if t.Name == "default" {
				return t.Template, nil
			}
		}
	}
	return "", errors.New("tokenizer_config.json: chat_template: want a text, or a list with the name default")
}

// tools reports whether calls of tools can be asked for and read.
func (v *voice) tools() bool { return strings.Contains(v.source, "tools") && v.format.Name != "plain" }

// reasons reports whether the model thinks before it answers.
func (v *voice) reasons() bool {
	return v.format.Opens != "" && strings.Contains(v.source, v.format.Opens) || v.format.Name == "harmony"
}

// prompt is a request as tokens, with what its answer has to be read by.
type prompt struct {
	ids  []int
	read template.Options
}

var errTemplate = errors.New("the chat template can't render the messages")

func (v *voice) prompt(r *llm.Request) (*prompt, error) {
	if v.template == nil {
		var b strings.Builder
		for i := range r.Messages {
			b.WriteString(r.Messages[i].Text())
		}
		return v.checked(&prompt{ids: v.begin(v.tok.Encode(b.String(), false))})
	}
	begun := ""
	if r.Continue {
		last := len(r.Messages) - 1
		if last < 0 || r.Messages[last].Role != llm.RoleAssistant {
			return nil, &llm.Error{Kind: llm.Invalid, Param: "messages", Message: "the last message isn't the assistant's, want one to continue"}
		}
		begun = v.tok.Guard(r.Messages[last].Text())
		r = r.Clone()
		r.Messages = r.Messages[:last]
	}
	vars, err := v.variables(r)
	if err != nil {
		return nil, err
	}
	text, err := v.template.Render(vars, template.Limits{})
	if err != nil {
		return nil, errors.Join(errTemplate, err)
	}
	text += begun
	p := &prompt{ids: v.begin(v.tok.EncodeGuarded(text))}
	p.read = template.Options{
		Tools:     len(vars["tools"].([]any)) > 0,
		Reasoning: v.format.Opens != "" && strings.HasSuffix(strings.TrimRight(text, "\n"), v.format.Opens),
		IsText:    textParameters(r.Tools),
	}
	return v.checked(p)
}

func (v *voice) checked(p *prompt) (*prompt, error) {
	if len(p.ids) == 0 {
		return nil, &llm.Error{Kind: llm.Invalid, Param: "messages", Message: "the messages have no text, want some"}
	}
	return p, nil
}

// begin puts the token before a prompt that the model wants there, unless the
// template has.
func (v *voice) begin(ids []int) []int {
	bos, add := v.tok.BOS()
	if !add || len(ids) > 0 && ids[0] == bos {
		return ids
	}
	return append([]int{bos}, ids...)
}

// variables are what Transformers gives a chat template.
func (v *voice) variables(r *llm.Request) (map[string]any, error) {
	name := func(id int) string {
		if id < 0 {
			return ""
		}
		return string(v.tok.Bytes(id))
	}
	bos, _ := v.tok.BOS()
	eos, _ := v.tok.EOS()
	vars := map[string]any{
		"messages": v.messages(r.Messages), "tools": []any{},
		"add_generation_prompt": true, "bos_token": name(bos), "eos_token": name(eos),
	}
	if r.ToolChoice.Mode != "none" {
		tools := []any{}
		for _, t := range r.Tools {
			if t.Kind != "" && t.Kind != "function" {
				return nil, &llm.Error{Kind: llm.Unsupported, Param: "tools", Message: fmt.Sprintf("a tool of kind %q, want functions", t.Kind)}
			}
			if r.ToolChoice.Mode == "tool" && t.Name != r.ToolChoice.Name {
				continue
			}
			f := template.NewMap("name", t.Name, "description", t.Description)
			params, err := template.FromJSON(t.Parameters)
			if len(t.Parameters) == 0 {
				params, err = template.NewMap("type", "object", "properties", template.NewMap()), nil
			}
			if err != nil {
				return nil, &llm.Error{Kind: llm.Invalid, Param: "tools", Message: fmt.Sprintf("the parameters of %q are no JSON", t.Name), Err: err}
			}
			f.Set("parameters", params)
			tools = append(tools, template.NewMap("type", "function", "function", f))
		}
		vars["tools"] = tools
	}
	if on := r.Thinking.Enabled; on != nil {
		vars["enable_thinking"], vars["thinking"] = *on, *on
	} else if r.Thinking.Effort == "none" {
		vars["enable_thinking"], vars["thinking"] = false, false
	}
	if on := r.Thinking.Enabled; on == nil && constrained(r) && r.Thinking.Effort == "" {
		vars["enable_thinking"], vars["thinking"] = false, false // an answer in a schema comes at once
	}
	if e := r.Thinking.Effort; e != "" && e != "none" {
		vars["reasoning_effort"] = e
	}
	if raw, ok := r.Extra["chat_template_kwargs"]; ok {
		more, err := template.FromJSON(raw)
		m, isMap := more.(*template.Map)
		if err != nil || !isMap {
			return nil, &llm.Error{Kind: llm.Invalid, Param: "chat_template_kwargs", Message: "want an object", Err: err}
		}
		for _, k := range m.Keys() {
			if k == "messages" || k == "tools" {
				continue
			}
			vars[k], _ = m.Get(k)
		}
	}
	return vars, nil
}

// messages are the conversation as a template sees it: results of tools are
// messages of their own, and what anybody wrote has no control tokens in it.
func (v *voice) messages(all []llm.Message) []any {
	list := []any{}
	for i := range all {
		m := &all[i]
		role := string(m.Role)
		if m.Role == llm.RoleDeveloper && !strings.Contains(v.source, "developer") {
			role = "system"
		}
		var text, thoughts strings.Builder
		calls := []any{}
		results := 0
		for _, p := range m.Parts {
			switch p.Kind {
			case llm.PartText, llm.PartRefusal:
				text.WriteString(p.Text)
			case llm.PartReasoning:
				thoughts.WriteString(p.Text)
			case llm.PartCall:
				calls = append(calls, v.call(p.Call))
			case llm.PartResult:
				results++
				list = append(list, v.result(p.Result))
			}
		}
		if results > 0 && text.Len() == 0 && len(calls) == 0 {
			continue
		}
		out := template.NewMap("role", role, "content", v.tok.Guard(text.String()))
		if m.Name != "" {
			out.Set("name", v.tok.Guard(m.Name))
		}
		if thoughts.Len() > 0 {
			out.Set("reasoning_content", v.tok.Guard(thoughts.String()))
		}
		if len(calls) > 0 {
			out.Set("tool_calls", calls)
		}
		list = append(list, out)
	}
	return v.merged(list)
}

// merged joins the system messages at the beginning: most templates read one.
func (v *voice) merged(list []any) []any {
	system := func(i int) (*template.Map, string) {
		if i >= len(list) {
			return nil, ""
		}
		m := list[i].(*template.Map)
		if role, _ := m.Get("role"); role != "system" {
			return nil, ""
		}
		text, _ := m.Get("content")
		return m, text.(string)
	}
	first, text := system(0)
	for first != nil {
		next, more := system(1)
		if next == nil {
			break
		}
		text += "\n\n" + more
		first.Set("content", text)
		list = slices.Delete(list, 1, 2)
	}
	return list
}

func (v *voice) call(c *llm.Call) any {
	f := template.NewMap("name", v.tok.Guard(c.Name))
	args, err := template.FromJSON([]byte(v.tok.Guard(c.Args)))
	if _, ok := args.(*template.Map); !ok || err != nil {
		args = template.NewMap() // what a model wrote need not be an object
		if strings.TrimSpace(c.Args) != "" && err != nil {
			args = template.NewMap("input", v.tok.Guard(c.Args))
		}
	}
	f.Set("arguments", args)
	return template.NewMap("id", c.ID, "type", "function", "function", f)
}

func (v *voice) result(r *llm.Result) any {
	var text strings.Builder
	for _, p := range r.Parts {
		text.WriteString(p.Text)
	}
	m := template.NewMap("role", "tool", "content", v.tok.Guard(text.String()), "tool_call_id", r.CallID)
	if r.Name != "" {
		m.Set("name", v.tok.Guard(r.Name))
	}
	return m
}

// textParameters tells which parameters of the tools are strings.
func textParameters(tools []llm.Tool) func(function, parameter string) bool {
	text := map[[2]string]bool{}
	for _, t := range tools {
		for _, name := range grammar.Texts(t.Parameters) {
			text[[2]string{t.Name, name}] = true
		}
	}
	return func(function, parameter string) bool { return text[[2]string{function, parameter}] }
}

package dialect

import (
	"cmp"
	"encoding/base64"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"summit/llm"
)

// ChatOptions says how a request is sent to one server.
type ChatOptions struct {
	Model  string // the server's model id; empty = leave the field out
	Stream bool
	Quirks Quirks
}

// EncodeChat writes the request as a Chat Completions body for one answer.
// Warnings name, in the order of the body, what the caller asked for and this
// server does not get. The error is of kind Unsupported where the question
// itself can't be sent, such as a file by URL.
func EncodeChat(r *llm.Request, o ChatOptions) (body []byte, warnings []string, err error) {
	size := 1024
	for i := range r.Messages {
		for _, p := range r.Messages[i].Parts {
			size += len(p.Text) + 64
		}
	}
	a := &asker{r: r, q: &o.Quirks, b: append(make([]byte, 0, size+size/8), '{')}
	a.request(o)
	if a.err != nil {
		return nil, nil, a.err
	}
	return append(a.b, '}'), a.warnings, nil
}

// asker writes one request.
type asker struct {
	r        *llm.Request
	q        *Quirks
	b        []byte
	fields   int
	sent     map[string]bool // only what Extra and Body could say again
	warnings []string
	err      error
}

func (a *asker) warn(text string) { a.warnings = append(a.warnings, text) }

func (a *asker) warnOnce(text string) {
	if !slices.Contains(a.warnings, text) {
		a.warn(text)
	}
}

func (a *asker) fail(param, format string, args ...any) {
	if a.err == nil {
		e := llm.Errorf(llm.Unsupported, format, args...)
		e.Param = param
		a.err = e
	}
}

// field begins a top-level field, or reports that it is not to be sent.
func (a *asker) field(name string) bool {
	if a.q.strips(name) {
		a.warn(name + " is not sent to this member")
		return false
	}
	if _, fixed := a.q.Body[name]; fixed {
		return false
	}
	if a.sent[name] {
		return false
	}
	if a.sent == nil {
		a.sent = map[string]bool{}
	}
	a.sent[name] = true
	a.key(name)
	return true
}

// key writes a top-level field's name.
func (a *asker) key(name string) {
	if a.fields++; a.fields > 1 {
		a.b = append(a.b, ',')
	}
	a.b = append(appendString(a.b, name), ':')
}

func (a *asker) text(name, value string) {
	if value != "" && a.field(name) {
		a.b = appendString(a.b, value)
	}
}

func (a *asker) integer(name string, value int) {
	if value != 0 && a.field(name) {
		a.b = strconv.AppendInt(a.b, int64(value), 10)
	}
}

func (a *asker) float(name string, value *float64) {
	if value != nil && a.field(name) {
		a.b = appendFloat(a.b, *value)
	}
}

func (a *asker) boolean(name string, value *bool) {
	if value != nil && a.field(name) {
		a.b = strconv.AppendBool(a.b, *value)
	}
}

func (a *asker) request(o ChatOptions) {
	r := a.r
	a.text("model", o.Model)
	if a.field("messages") {
		a.messages()
	}
	if o.Stream {
		a.boolean("stream", &o.Stream)
		if !a.q.NoStreamOptions && a.field("stream_options") {
			a.b = append(a.b, `{"include_usage":true}`...)
		}
	}
	limit := a.q.MaxTokensField
	if limit == "" {
		limit = "max_tokens"
	}
	a.integer(limit, r.MaxTokens)
	a.sampling()
	if r.Continue {
		a.goOn()
	} else if a.q.ContinueBy != "plain" && begun(r) {
		a.warn(notContinued)
	}
	if r.Logprobs {
		a.boolean("logprobs", &r.Logprobs)
		a.integer("top_logprobs", r.TopLogprobs)
	}
	a.tools()
	a.format()
	a.thinking(o.Model)
	a.text("user", r.User)
	if len(r.Metadata) > 0 && a.field("metadata") {
		a.labels()
	}
	a.extra()
	for _, name := range slices.Sorted(maps.Keys(a.q.Body)) {
		a.key(name)
		a.b = append(a.b, a.q.Body[name]...)
	}
}

// temperature returns the request's, within what the server takes.
func (a *asker) temperature() *float64 {
	t, q := a.r.Temperature, a.q
	switch {
	case t == nil || q.strips("temperature"):
	case q.MaxTemperature > 0 && *t > q.MaxTemperature:
		a.warn("temperature is sent to this member as " + string(appendFloat(nil, q.MaxTemperature)) + ", its highest")
		return &q.MaxTemperature
	case *t < q.MinTemperature:
		a.warn("temperature is sent to this member as " + string(appendFloat(nil, q.MinTemperature)) + ", its lowest")
		return &q.MinTemperature
	}
	return t
}

// sampling writes how tokens are chosen, and where the answer stops.
func (a *asker) sampling() {
	r := a.r
	a.float("temperature", a.temperature())
	a.float("top_p", r.TopP)
	a.integer("top_k", r.TopK)
	a.float("min_p", r.MinP)
	a.float("frequency_penalty", r.FrequencyPenalty)
	a.float("presence_penalty", r.PresencePenalty)
	if r.Seed != nil && a.field("seed") {
		a.b = strconv.AppendInt(a.b, *r.Seed, 10)
	}
	if len(r.Stop) > 0 && a.field("stop") {
		a.list(len(r.Stop), func(i int) { a.b = appendString(a.b, r.Stop[i]) })
	}
	if len(r.LogitBias) > 0 && a.field("logit_bias") {
		a.dict(slices.Sorted(maps.Keys(r.LogitBias)), func(k string) {
			if v := r.LogitBias[k]; math.IsNaN(v) || math.IsInf(v, 0) {
				a.fail("logit_bias", "the bias of token %s is %v, want a number", clip(k), v)
			} else {
				a.b = appendFloat(a.b, v)
			}
		})
	}
}

// goOn asks the server to continue the last message.
func (a *asker) goOn() {
	if n := len(a.r.Messages); n == 0 || a.r.Messages[n-1].Role != llm.RoleAssistant {
		a.fail("messages", "the last message isn't the assistant's, want one to continue")
	}
	switch a.q.ContinueBy {
	case "":
		a.fail("messages", "this member can't go on with an answer that was begun")
	case "flags":
		yes, no := true, false
		a.boolean("continue_final_message", &yes)
		a.boolean("add_generation_prompt", &no)
	}
}

// list writes an array of n items.
func (a *asker) list(n int, item func(i int)) {
	a.b = append(a.b, '[')
	for i := range n {
		if i > 0 {
			a.b = append(a.b, ',')
		}
		item(i)
	}
	a.b = append(a.b, ']')
}

// dict writes an object with those keys.
func (a *asker) dict(keys []string, value func(k string)) {
	a.b = append(a.b, '{')
	for i, k := range keys {
		if i > 0 {
			a.b = append(a.b, ',')
		}
		a.b = append(appendString(a.b, k), ':')
		value(k)
	}
	a.b = append(a.b, '}')
}

// labels writes the caller's own labels.
func (a *asker) labels() {
	a.dict(slices.Sorted(maps.Keys(a.r.Metadata)), func(k string) { a.b = appendString(a.b, a.r.Metadata[k]) })
}

// foreign warns of fields that the protocol has no place for.
func (a *asker) foreign(asked map[string]bool) {
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		if asked[name] {
			a.warn(name + " is not sent to this member")
		}
	}
}

// extra writes the fields that Summit has no word for and the server takes.
func (a *asker) extra() {
	for _, name := range slices.Sorted(maps.Keys(a.r.Extra)) {
		if !a.q.passes(name) {
			a.warn(clip(name) + " is unknown and not sent to this member")
		} else if a.field(name) {
			a.b = append(a.b, a.r.Extra[name]...)
		}
	}
}

func (a *asker) tools() {
	r := a.r
	tools := make([]llm.Tool, 0, len(r.Tools))
	for _, t := range r.Tools {
		if t.Form != "" { // another protocol's own: no server of this one knows it
			a.warn("the tool " + clip(cmp.Or(t.Name, t.Kind)) + " is not sent to this member")
			continue
		}
		tools = append(tools, t)
	}
	if len(tools) > 0 && a.field("tools") {
		a.list(len(tools), func(i int) {
			if t := tools[i]; t.Kind != "function" && t.Raw != nil {
				a.b = append(a.b, t.Raw...)
			} else {
				a.tool(t)
			}
		})
	}
	if len(tools) == 0 && len(r.Tools) > 0 {
		return // nothing is left to choose from
	}
	if c := r.ToolChoice; c.Mode == "tool" {
		if a.field("tool_choice") {
			a.b = appendString(append(a.b, `{"type":"function","function":{"name":`...), c.Name)
			a.b = append(a.b, "}}"...)
		}
	} else {
		a.text("tool_choice", c.Mode)
	}
	a.boolean("parallel_tool_calls", r.ParallelToolCalls)
}

func (a *asker) tool(t llm.Tool) {
	a.b = appendString(append(a.b, `{"type":"function","function":{"name":`...), t.Name)
	if t.Description != "" {
		a.b = appendString(append(a.b, `,"description":`...), t.Description)
	}
	if t.Parameters != nil {
		a.b = append(append(a.b, `,"parameters":`...), t.Parameters...)
	}
	switch {
	case t.Strict == nil:
	case !a.q.strips("tools.strict"):
		a.b = strconv.AppendBool(append(a.b, `,"strict":`...), *t.Strict)
	case *t.Strict:
		a.warnOnce("the mark strict of tools is not sent to this member: check the arguments of its calls")
	}
	a.b = append(a.b, "}}"...)
}

func (a *asker) format() {
	f := a.r.Format
	if f == nil || !a.field("response_format") {
		return
	}
	a.b = appendString(append(a.b, `{"type":`...), f.Kind)
	if f.Kind == "json_schema" {
		a.b = appendString(append(a.b, `,"json_schema":{"name":`...), f.Name)
		if f.Description != "" {
			a.b = appendString(append(a.b, `,"description":`...), f.Description)
		}
		if f.Schema != nil {
			a.b = append(append(a.b, `,"schema":`...), f.Schema...)
		}
		if f.Strict != nil {
			a.b = strconv.AppendBool(append(a.b, `,"strict":`...), *f.Strict)
		}
		a.b = append(a.b, '}')
	}
	a.b = append(a.b, '}')
}

// thinking writes the switch, the effort and the budget in the server's form.
func (a *asker) thinking(model string) {
	t := a.r.Thinking
	effort, mapped := t.Effort, false
	if word, ok := a.q.Efforts[t.Effort]; ok && t.Effort != "" {
		effort, mapped = word, true
	}
	on := t.Enabled
	if a.q.NeedThoughts && a.thoughtless() {
		if off := on != nil && !*on || t.Effort == "none"; !off {
			a.warn("this member does not think here: it wants its thoughts beside earlier tool calls, and they are gone")
		}
		on, effort, mapped = new(false), "", false
		t.Effort, t.BudgetTokens = "", 0
	}
	if on == nil && t.Effort == "none" && a.q.ThinkingSwitch != "" {
		on = new(false)
	}
	if (on != nil && !*on || t.Effort == "none") && slices.Contains(a.q.AlwaysThink, model) {
		a.warn("this model can't be told not to think")
		on, effort, mapped = nil, "", false
		t.Effort = ""
	}
	if on == nil && mapped && effort == "" && t.Effort != "none" && a.q.ThinkingSwitch != "" {
		yes := true // it can't say how much, but it can say yes
		on = &yes
	}
	if on != nil && !*on && a.q.ThinkingSwitch == "" && t.Effort == "" {
		// Without a switch, no effort is how thoughts are turned off.
		effort = "none"
		if word, ok := a.q.Efforts["none"]; ok {
			effort = word
		}
	}
	if on != nil && *on && a.q.ThinkingSwitch == "" && t.Effort == "" && a.q.Efforts != nil {
		// Nor is there another way to turn them on, where efforts are known.
		effort = "medium"
		if word, ok := a.q.Efforts[effort]; ok {
			effort = word
		}
	}
	if mapped && effort == "" && t.Effort != "none" {
		a.warn("reasoning_effort is not sent to this member")
	}
	budget := t.BudgetTokens
	if budget > 0 && a.q.BudgetField == "" {
		a.warn("the thinking budget is not sent to this member")
	}
	inside := budget > 0 && a.q.BudgetField == "thinking.budget_tokens"
	switch {
	case a.q.ThinkingSwitch == "enable_thinking":
		a.boolean("enable_thinking", on)
	case a.q.ThinkingSwitch == "template" && on != nil:
		if a.field("chat_template_kwargs") {
			a.b = append(strconv.AppendBool(append(a.b, `{"enable_thinking":`...), *on), '}')
		}
	case a.q.ThinkingSwitch == "thinking" && (on != nil || inside) && a.field("thinking"):
		a.b = append(a.b, '{')
		if on != nil {
			kind := "disabled"
			if *on {
				kind = cmp.Or(a.q.ThinkingWord, "enabled")
			}
			a.b = appendString(append(a.b, `"type":`...), kind)
		}
		if inside {
			if on != nil {
				a.b = append(a.b, ',')
			}
			a.b = strconv.AppendInt(append(a.b, `"budget_tokens":`...), int64(budget), 10)
		}
		a.b = append(a.b, '}')
	}
	a.text("reasoning_effort", effort)
	if a.q.BudgetField == "thinking_budget" {
		a.integer("thinking_budget", budget)
	}
}

// thoughtless reports whether an answer of the history called tools and has
// lost its thoughts.
func (a *asker) thoughtless() bool {
	for i := range a.r.Messages {
		called, thought := false, false
		for _, p := range a.r.Messages[i].Parts {
			called = called || p.Kind == llm.PartCall
			thought = thought || p.Kind == llm.PartReasoning && p.Text != ""
		}
		if called && !thought {
			return true
		}
	}
	return false
}

func (a *asker) messages() {
	first := true
	next := func() {
		if !first {
			a.b = append(a.b, ',')
		}
		first = false
	}
	a.b = append(a.b, '[')
	for i := range a.r.Messages {
		m := &a.r.Messages[i]
		rest := m.Parts
		// Tool results are messages of their own here, before anything else
		// that stands beside them.
		if slices.ContainsFunc(m.Parts, func(p llm.Part) bool { return p.Kind == llm.PartResult }) {
			rest = nil
			for _, p := range m.Parts {
				if p.Result == nil {
					rest = append(rest, p)
					continue
				}
				next()
				if p.Result.Failed {
					a.warnOnce("this member is not told by a mark that a tool failed, only by what the tool said")
				}
				a.b = appendString(append(a.b, `{"role":"tool","tool_call_id":`...), p.Result.CallID)
				if p.Result.Name != "" {
					a.b = appendString(append(a.b, `,"name":`...), p.Result.Name)
				}
				a.content(i, llm.RoleTool, p.Result.Parts)
				a.b = append(a.b, '}')
			}
			if len(rest) == 0 {
				continue
			}
		}
		next()
		a.message(i, m, rest)
	}
	a.b = append(a.b, ']')
}

func (a *asker) message(i int, m *llm.Message, parts []llm.Part) {
	role := m.Role
	if role == llm.RoleDeveloper && !a.q.DeveloperRole {
		role = llm.RoleSystem
	}
	a.b = appendString(append(a.b, `{"role":`...), string(role))
	if m.Name != "" {
		a.b = appendString(append(a.b, `,"name":`...), m.Name)
	}
	if role != llm.RoleAssistant {
		a.content(i, role, parts)
		a.b = append(a.b, '}')
		return
	}
	var reasoning, refusal strings.Builder
	var content []llm.Part
	var calls []*llm.Call
	for _, p := range parts {
		switch {
		case p.Kind == llm.PartReasoning:
			reasoning.WriteString(p.Text)
		case p.Kind == llm.PartRefusal:
			refusal.WriteString(p.Text)
		case p.Kind == llm.PartCall && p.Call != nil:
			calls = append(calls, p.Call)
		default:
			content = append(content, p)
		}
	}
	if f := a.q.ReasoningField; f == "think" && reasoning.Len() > 0 {
		content = append([]llm.Part{{Kind: llm.PartText, Text: "<think>" + reasoning.String() + "</think>\n\n"}}, content...)
	} else if f != "" && reasoning.Len() > 0 {
		a.b = append(appendString(append(a.b, ','), f), ':')
		a.b = appendString(a.b, reasoning.String())
	}
	a.content(i, role, content)
	if refusal.Len() > 0 {
		a.b = appendString(append(a.b, `,"refusal":`...), refusal.String())
	}
	if len(calls) > 0 {
		a.b = append(a.b, `,"tool_calls":`...)
		a.list(len(calls), func(i int) {
			a.b = appendString(append(a.b, `{"id":`...), calls[i].ID)
			args := *calls[i]
			if args.Args == "" {
				args.Args = "{}" // a call without arguments is still an object to the server
			}
			a.b = append(appendFunction(append(a.b, `,"type":"function","function":`...), args), '}')
		})
	}
	if by := a.q.ContinueBy; a.r.Continue && i == len(a.r.Messages)-1 && (by == "prefix" || by == "partial") {
		a.b = append(appendString(append(a.b, ','), by), ":true"...)
	}
	a.b = append(a.b, '}')
}

// content writes the content field: a string where all is text, which every
// server takes, else an array. Several texts of a user stay apart in an array;
// elsewhere they are joined by line breaks, as engines do it.
func (a *asker) content(message int, role llm.Role, parts []llm.Part) {
	a.b = append(a.b, `,"content":`...)
	plain := role != llm.RoleUser || len(parts) <= 1
	for _, p := range parts {
		if p.Kind != llm.PartText || (p.Cache != "" && a.q.CacheControl) {
			plain = false
		}
	}
	if !plain {
		a.list(len(parts), func(i int) { a.part(message, parts[i]) })
		return
	}
	if len(parts) == 1 {
		a.b = appendString(a.b, parts[0].Text)
		return
	}
	var all strings.Builder
	for i, p := range parts {
		if i > 0 && !strings.HasSuffix(parts[i-1].Text, "\n") {
			all.WriteByte('\n')
		}
		all.WriteString(p.Text)
	}
	a.b = appendString(a.b, all.String())
}

func (a *asker) part(message int, p llm.Part) {
	where := "messages[" + strconv.Itoa(message) + "].content"
	m := p.Media
	if m == nil && p.Kind != llm.PartText {
		a.fail(where, "%s part can't be sent in this place", an(p.Kind))
		return
	}
	switch p.Kind {
	case llm.PartText:
		a.b = appendString(append(a.b, `{"type":"text","text":`...), p.Text)
	case llm.PartImage:
		a.b = append(a.b, `{"type":"image_url","image_url":{"url":`...)
		switch {
		case m.URL != "":
			a.b = appendString(a.b, m.URL)
		case len(m.Data) > 0:
			a.dataURL(m)
		default:
			a.fail(where, "an image by file id can't be sent, want a URL or the image itself")
		}
		if m.Detail != "" {
			a.b = appendString(append(a.b, `,"detail":`...), m.Detail)
		}
		a.b = append(a.b, '}')
	case llm.PartAudio:
		if len(m.Data) == 0 {
			a.fail(where, "audio by URL or file id can't be sent, want the sound itself")
		}
		a.b = append(a.b, `{"type":"input_audio","input_audio":{"data":"`...)
		a.b = append(base64.StdEncoding.AppendEncode(a.b, m.Data), '"')
		if format, ok := strings.CutPrefix(m.MIME, "audio/"); ok && format != "" {
			a.b = appendString(append(a.b, `,"format":`...), format)
		}
		a.b = append(a.b, '}')
	case llm.PartFile:
		a.b = append(a.b, `{"type":"file","file":{`...)
		switch {
		case m.FileID != "":
			a.b = appendString(append(a.b, `"file_id":`...), m.FileID)
		case len(m.Data) > 0:
			a.b = append(a.b, `"file_data":`...)
			a.dataURL(m)
		default:
			a.fail(where, "a file by URL can't be sent, want a file id or the file itself")
		}
		if m.Name != "" {
			a.b = appendString(append(a.b, `,"filename":`...), m.Name)
		}
		a.b = append(a.b, '}')
	default:
		a.fail(where, "%s part can't be sent in this place", an(p.Kind))
		return
	}
	if p.Cache != "" && a.q.CacheControl {
		a.b = appendCache(append(a.b, ','), p.Cache)
	}
	a.b = append(a.b, '}')
}

// dataURL writes the media's bytes as a data: URL.
func (a *asker) dataURL(m *llm.Media) {
	a.b = append(a.b, '"')
	kind := appendString(nil, "data:"+m.MIME+";base64,")
	a.b = append(a.b, kind[1:len(kind)-1]...)
	a.b = append(base64.StdEncoding.AppendEncode(a.b, m.Data), '"')
}

// notContinued is the warning where an answer was begun and the member may not
// go on with it.
const notContinued = "the answer that was begun, the last message, is sent to this member as one that was given: it may begin its own"

// begun reports whether the last message is the beginning of an answer.
func begun(r *llm.Request) bool {
	n := len(r.Messages)
	return n > 0 && r.Messages[n-1].Role == llm.RoleAssistant && r.Messages[n-1].Text() != ""
}

package dialect

import (
	"cmp"
	"encoding/base64"
	"strconv"
	"strings"

	"summit/llm"
)

// ResponseOptions says how a request is sent to a server that speaks Responses.
type ResponseOptions struct {
	Model   string
	Stream  bool
	Efforts map[string]string // the server's words for efforts; an empty word = send none; absent = as it came
	Strip   []string          // fields that are never sent
	Pass    []string          // fields that Summit has no word for and the server takes; * = all
}

// Signatures that a server of Responses made carry this mark, so that they go
// back to servers of that kind and to no other.
const responsesMark = "responses:"

// EncodeResponse writes the request as a Responses body. Nothing is stored at
// the server: thoughts come encrypted and go back with the next request.
// Warnings and errors are as EncodeChat's.
// Source: https://platform.openai.com/docs/api-reference/responses/create
func EncodeResponse(r *llm.Request, o ResponseOptions) (body []byte, warnings []string, err error) {
	q := &Quirks{Strip: o.Strip, Pass: o.Pass}
	a := &responseAsker{asker: asker{r: r, q: q, b: make([]byte, 0, 1024+textSize(r))}, o: o}
	a.b = append(a.b, '{')
	a.request()
	if a.err != nil {
		return nil, nil, a.err
	}
	return append(a.b, '}'), a.warnings, nil
}

// responseAsker writes one request.
type responseAsker struct {
	asker
	o     ResponseOptions
	items int
}

func (a *responseAsker) request() {
	r := a.r
	a.text("model", a.o.Model)
	if a.field("input") {
		a.b = append(a.b, '[')
		for i := range r.Messages {
			a.message(i)
		}
		a.b = append(a.b, ']')
	}
	if a.o.Stream {
		a.boolean("stream", &a.o.Stream)
	}
	a.boolean("store", new(false))
	if a.field("include") {
		a.b = append(a.b, `["reasoning.encrypted_content"`...)
		if r.Logprobs {
			a.b = append(a.b, `,"message.output_text.logprobs"`...)
		}
		a.b = append(a.b, ']')
	}
	a.integer("max_output_tokens", r.MaxTokens)
	a.float("temperature", r.Temperature)
	a.float("top_p", r.TopP)
	if r.Logprobs {
		a.integer("top_logprobs", r.TopLogprobs)
	}
	a.tools()
	a.textConfig()
	a.reasoning()
	a.text("user", r.User)
	if len(r.Metadata) > 0 && a.field("metadata") {
		a.labels()
	}
	a.foreign(map[string]bool{
		"frequency_penalty": r.FrequencyPenalty != nil, "presence_penalty": r.PresencePenalty != nil, "min_p": r.MinP != nil,
		"top_k": r.TopK > 0, "seed": r.Seed != nil, "logit_bias": len(r.LogitBias) > 0, "stop": len(r.Stop) > 0,
	})
	a.extra()
}

// item begins one more item of the input.
func (a *responseAsker) item(head string) {
	if a.items++; a.items > 1 {
		a.b = append(a.b, ',')
	}
	a.b = append(a.b, head...)
}

func (a *responseAsker) message(i int) {
	m := &a.r.Messages[i]
	where := "messages[" + strconv.Itoa(i) + "].content"
	if m.Name != "" {
		a.warnOnce("the names of participants are not sent to this member")
	}
	var content []llm.Part
	flush := func() {
		if len(content) == 0 {
			return
		}
		role := m.Role
		if role == llm.RoleTool { // what stands beside a tool's results
			role = llm.RoleUser
		}
		a.item(`{"type":"message","role":`)
		a.b = append(appendString(a.b, string(role)), `,"content":[`...)
		for n, p := range content {
			if n > 0 {
				a.b = append(a.b, ',')
			}
			a.part(where, role == llm.RoleAssistant, p)
		}
		a.b = append(a.b, "]}"...)
		content = nil
	}
	for _, p := range m.Parts {
		switch {
		case p.Kind == llm.PartReasoning:
			flush()
			a.thought(p)
		case p.Kind == llm.PartCall && p.Call != nil:
			flush()
			a.item(`{"type":"function_call","call_id":`)
			a.b = appendString(a.b, responseID(p.Call.ID))
			a.b = appendString(append(a.b, `,"name":`...), p.Call.Name)
			a.b = append(appendString(append(a.b, `,"arguments":`...), cmp.Or(p.Call.Args, "{}")), '}')
		case p.Kind == llm.PartResult && p.Result != nil:
			flush()
			a.result(where, p.Result)
		case p.Kind == llm.PartText && p.Text == "":
		default:
			content = append(content, p)
		}
	}
	flush()
}

// responseID keeps a call's id within the length that the protocol allows.
func responseID(id string) string { return safeID(id, 64) }

// thought sends thoughts back that the same kind of server has encrypted; it
// has no use for any others.
func (a *responseAsker) thought(p llm.Part) {
	blob, ours := strings.CutPrefix(p.Signature, responsesMark)
	if !ours {
		a.warnOnce("thoughts that this member did not sign are not sent to it")
		return
	}
	a.item(`{"type":"reasoning","summary":[`)
	if p.Text != "" {
		a.b = append(appendString(append(a.b, `{"type":"summary_text","text":`...), p.Text), '}')
	}
	a.b = append(appendString(append(a.b, `],"encrypted_content":`...), blob), '}')
}

func (a *responseAsker) result(where string, r *llm.Result) {
	a.item(`{"type":"function_call_output","call_id":`)
	a.b = append(appendString(a.b, responseID(r.CallID)), `,"output":`...)
	if r.Failed {
		a.warnOnce("this member is not told by a mark that a tool failed, only by what the tool said")
	}
	plain := true
	var text strings.Builder
	for i, p := range r.Parts {
		plain = plain && p.Kind == llm.PartText
		if i > 0 && text.Len() > 0 && !strings.HasSuffix(r.Parts[i-1].Text, "\n") {
			text.WriteByte('\n')
		}
		text.WriteString(p.Text)
	}
	if plain {
		a.b = append(appendString(a.b, text.String()), '}')
		return
	}
	a.list(len(r.Parts), func(i int) { a.part(where, false, r.Parts[i]) })
	a.b = append(a.b, '}')
}

func (a *responseAsker) part(where string, said bool, p llm.Part) {
	m := p.Media
	if m == nil && p.Kind != llm.PartText && p.Kind != llm.PartRefusal {
		a.fail(where, "%s part can't be sent in this place", an(p.Kind))
		return
	}
	switch {
	case p.Kind == llm.PartRefusal && said:
		a.b = appendString(append(a.b, `{"type":"refusal","refusal":`...), p.Text)
	case p.Kind == llm.PartText && said:
		a.b = appendString(append(a.b, `{"type":"output_text","text":`...), p.Text)
	case p.Kind == llm.PartText || p.Kind == llm.PartRefusal:
		a.b = appendString(append(a.b, `{"type":"input_text","text":`...), p.Text)
	case said:
		a.fail(where, "%s part of the assistant can't be sent to this member", an(p.Kind))
	case p.Kind == llm.PartImage:
		a.b = append(a.b, `{"type":"input_image"`...)
		a.source(m, "image_url", "image_url")
		if m.Detail != "" {
			a.b = appendString(append(a.b, `,"detail":`...), m.Detail)
		}
	case p.Kind == llm.PartFile:
		a.b = append(a.b, `{"type":"input_file"`...)
		a.source(m, "file_url", "file_data")
		if m.Name != "" {
			a.b = appendString(append(a.b, `,"filename":`...), m.Name)
		}
	case p.Kind == llm.PartAudio && len(m.Data) > 0:
		a.b = append(a.b, `{"type":"input_audio","input_audio":{"data":"`...)
		a.b = append(base64.StdEncoding.AppendEncode(a.b, m.Data), '"')
		if format, ok := strings.CutPrefix(m.MIME, "audio/"); ok && format != "" {
			a.b = appendString(append(a.b, `,"format":`...), format)
		}
		a.b = append(a.b, '}')
	default:
		a.fail(where, "%s part can't be sent in this place", an(p.Kind))
	}
	a.b = append(a.b, '}')
}

// source writes where a picture or a file is.
func (a *responseAsker) source(m *llm.Media, link, data string) {
	switch {
	case m.FileID != "":
		a.b = appendString(append(a.b, `,"file_id":`...), m.FileID)
	case m.URL != "":
		a.b = appendString(append(append(append(a.b, `,"`...), link...), `":`...), m.URL)
	default:
		a.b = append(append(append(a.b, `,"`...), data...), `":`...)
		a.dataURL(m)
	}
}

func (a *responseAsker) tools() {
	r := a.r
	var tools []llm.Tool
	for _, t := range r.Tools {
		if t.Kind != "function" && (t.Form != "responses" || t.Raw == nil) {
			a.warn("the tool " + clip(cmp.Or(t.Name, t.Kind)) + " is not sent to this member")
			continue
		}
		tools = append(tools, t)
	}
	if len(tools) == 0 || !a.field("tools") {
		return
	}
	a.list(len(tools), func(i int) {
		t := tools[i]
		if t.Kind != "function" {
			a.b = append(a.b, t.Raw...)
			return
		}
		a.b = appendString(append(a.b, `{"type":"function","name":`...), t.Name)
		if t.Description != "" {
			a.b = appendString(append(a.b, `,"description":`...), t.Description)
		}
		if t.Parameters != nil {
			a.b = append(append(a.b, `,"parameters":`...), t.Parameters...)
		} else {
			a.b = append(a.b, `,"parameters":{"type":"object","properties":{}}`...)
		}
		// The protocol takes a schema for strict where nothing is said, and
		// refuses one that is not.
		strict := t.Strict != nil && *t.Strict
		if !a.q.strips("tools.strict") {
			a.b = strconv.AppendBool(append(a.b, `,"strict":`...), strict)
		}
		a.b = append(a.b, '}')
	})
	if c := r.ToolChoice; c.Mode == "tool" {
		if a.field("tool_choice") {
			a.b = append(appendString(append(a.b, `{"type":"function","name":`...), c.Name), '}')
		}
	} else {
		a.text("tool_choice", c.Mode)
	}
	a.boolean("parallel_tool_calls", r.ParallelToolCalls)
}

// textConfig writes the form of the answer.
func (a *responseAsker) textConfig() {
	f := a.r.Format
	if f == nil || !a.field("text") {
		return
	}
	a.b = appendString(append(a.b, `{"format":{"type":`...), f.Kind)
	if f.Kind == "json_schema" {
		a.b = appendString(append(a.b, `,"name":`...), cmp.Or(f.Name, "answer"))
		if f.Description != "" {
			a.b = appendString(append(a.b, `,"description":`...), f.Description)
		}
		if f.Schema != nil {
			a.b = append(append(a.b, `,"schema":`...), f.Schema...)
		}
		if f.Strict != nil {
			a.b = strconv.AppendBool(append(a.b, `,"strict":`...), *f.Strict)
		}
	}
	a.b = append(a.b, "}}"...)
}

func (a *responseAsker) reasoning() {
	t := a.r.Thinking
	on, off := thinkingOf(a.r)
	if t.BudgetTokens > 0 {
		a.warn("the thinking budget is not sent to this member")
	}
	effort := t.Effort
	if off {
		effort = "none"
	}
	if word, ok := a.o.Efforts[effort]; ok && effort != "" {
		if word == "" && effort != "none" {
			a.warn("reasoning_effort is not sent to this member")
		}
		effort = word
	}
	if !on && effort == "" || !a.field("reasoning") {
		return
	}
	a.b = append(a.b, '{')
	if effort != "" {
		a.b = appendString(append(a.b, `"effort":`...), effort)
	}
	if on {
		if effort != "" {
			a.b = append(a.b, ',')
		}
		a.b = append(a.b, `"summary":"auto"`...)
	}
	a.b = append(a.b, '}')
}

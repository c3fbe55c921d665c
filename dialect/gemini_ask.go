package dialect

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"summit/llm"
)

// GeminiOptions says how a request is sent to a server that speaks Gemini's own
// protocol. The model and whether to stream are in the path there.
type GeminiOptions struct {
	Thoughts bool              // ask for the thoughts, unless the caller wants none
	Budgets  bool              // thinkingBudget instead of thinkingLevel, as models before 3 want it
	Efforts  map[string]string // the server's words for efforts, as levels; an empty word = send none; absent = as it came
	// Signature returns the signature of the call of that id, for callers whose
	// protocol can't carry it; nil or an empty answer = it is not known.
	Signature func(id string) string
	// Unsigned stands in for a signature that is lost: models from 3 refuse
	// calls without one. Empty = nothing does.
	Unsigned string
	Strip    []string // fields that are never sent
	Pass     []string // fields that Summit has no word for and the server takes; * = all
}

// Signatures that this protocol made carry this mark, so that they go back to
// servers of this kind and to no other.
const geminiMark = "gemini:"

// EncodeGemini writes the request as a generateContent body. Of JSON schemas
// the protocol knows a part; what it does not know is left out with a warning.
// Warnings and errors are as EncodeChat's.
// Source: https://ai.google.dev/api/generate-content
func EncodeGemini(r *llm.Request, o GeminiOptions) (body []byte, warnings []string, err error) {
	q := &Quirks{Strip: o.Strip, Pass: o.Pass}
	a := &geminiAsker{asker: asker{r: r, q: q, b: make([]byte, 0, 1024+textSize(r))}, o: o, names: map[string]string{}}
	a.b = append(a.b, '{')
	a.request()
	if a.err != nil {
		return nil, nil, a.err
	}
	return append(a.b, '}'), a.warnings, nil
}

// geminiAsker writes one request.
type geminiAsker struct {
	asker
	o         GeminiOptions
	names     map[string]string // of the functions called so far, by the calls' ids
	role      string            // of the content that is open; empty = none
	signature string            // of the next part
	signed    bool              // a call of this turn has one
}

func (a *geminiAsker) request() {
	r := a.r
	a.system()
	if a.field("contents") {
		a.contents()
	}
	a.tools()
	a.config()
	asked := map[string]bool{
		"min_p": r.MinP != nil, "logit_bias": len(r.LogitBias) > 0, "user": r.User != "", "metadata": len(r.Metadata) > 0,
		"parallel_tool_calls": r.ParallelToolCalls != nil && !*r.ParallelToolCalls,
	}
	a.foreign(asked)
	a.extra()
}

func (a *geminiAsker) system() {
	var texts []string
	talked := false
	for i := range a.r.Messages {
		m := &a.r.Messages[i]
		if m.Role != llm.RoleSystem && m.Role != llm.RoleDeveloper {
			talked = true
			continue
		}
		for _, p := range m.Parts {
			if p.Kind != llm.PartText {
				a.fail("messages["+strconv.Itoa(i)+"].content", "%s part in a system message can't be sent, want text", an(p.Kind))
			}
			if p.Text != "" {
				texts = append(texts, p.Text)
			}
		}
		if talked {
			a.warnOnce("a system message in the middle is sent to this member at the beginning")
		}
	}
	if len(texts) > 0 && a.field("systemInstruction") {
		a.b = append(a.b, `{"parts":`...)
		a.list(len(texts), func(i int) { a.b = append(appendString(append(a.b, `{"text":`...), texts[i]), '}') })
		a.b = append(a.b, '}')
	}
}

func (a *geminiAsker) contents() {
	a.b = append(a.b, '[')
	for i := range a.r.Messages {
		m := &a.r.Messages[i]
		role := "user"
		switch m.Role {
		case llm.RoleSystem, llm.RoleDeveloper:
			continue
		case llm.RoleAssistant:
			role = "model"
		}
		if m.Name != "" {
			a.warnOnce("the names of participants are not sent to this member")
		}
		a.signature, a.signed = "", false
		for _, p := range m.Parts {
			a.part(i, role, p)
		}
		if a.signature != "" { // it was of an empty text at the end
			a.begin(role)
			a.b = append(a.b, `{"text":""`...)
			a.sign()
		}
	}
	if a.role == "" {
		a.fail("messages", "no message but those of the system, want one of the user")
	} else {
		a.b = append(a.b, "]}"...)
	}
	a.b = append(a.b, ']')
}

// begin makes room for one more part of that role.
func (a *geminiAsker) begin(role string) {
	if a.role == role {
		a.b = append(a.b, ',')
		return
	}
	if a.role != "" {
		a.b = append(a.b, "]},"...)
	}
	a.role = role
	a.b = append(appendString(append(a.b, `{"role":`...), role), `,"parts":[`...)
}

// sign ends a part, with the signature that belongs to it.
func (a *geminiAsker) sign() {
	if a.signature != "" {
		a.b = appendString(append(a.b, `,"thoughtSignature":`...), a.signature)
		a.signature = ""
	}
	a.b = append(a.b, '}')
}

func (a *geminiAsker) part(message int, role string, p llm.Part) {
	where := "messages[" + strconv.Itoa(message) + "].content"
	switch p.Kind {
	case llm.PartText, llm.PartRefusal:
		if p.Text == "" {
			return
		}
		a.begin(role)
		a.b = appendString(append(a.b, `{"text":`...), p.Text)
		a.sign()
	case llm.PartReasoning:
		signature, ours := strings.CutPrefix(p.Signature, geminiMark)
		if !ours {
			if p.Signature != "" {
				a.warnOnce("thoughts that this member did not sign are not sent to it")
			}
			return // its own thoughts it wants as signatures only
		}
		a.signature = signature
	case llm.PartImage, llm.PartAudio, llm.PartFile:
		a.begin(role)
		a.media(where, p)
	case llm.PartCall:
		if p.Call != nil {
			a.call(role, p.Call)
		}
	case llm.PartResult:
		if p.Result != nil {
			a.result(where, p.Result)
		}
	default:
		a.fail(where, "%s part can't be sent to this member", an(p.Kind))
	}
}

// call writes a call. The first of a turn has to be signed.
func (a *geminiAsker) call(role string, c *llm.Call) {
	a.names[c.ID] = c.Name
	if a.signature == "" && a.o.Signature != nil {
		a.signature = strings.TrimPrefix(a.o.Signature(c.ID), geminiMark)
	}
	if a.signature == "" && !a.signed {
		a.signature = a.o.Unsigned
	}
	a.signed = true
	a.begin(role)
	a.b = append(a.b, `{"functionCall":{`...)
	if c.ID != "" {
		a.b = append(appendString(append(a.b, `"id":`...), c.ID), ',')
	}
	a.b = appendString(append(a.b, `"name":`...), c.Name)
	args, err := object(c.Args)
	if err != nil {
		a.fail("messages", "the arguments of the call of %s can't be sent: %v", clip(c.Name), err)
	}
	a.b = append(append(append(a.b, `,"args":`...), args...), '}')
	a.sign()
}

// result writes what a tool gave back: an object, and pictures beside it.
func (a *geminiAsker) result(where string, r *llm.Result) {
	name := cmp.Or(r.Name, a.names[r.CallID])
	if name == "" {
		a.fail(where, "a tool's result for the call %q, which is not in the conversation", clip(r.CallID))
		return
	}
	var text strings.Builder
	var media []llm.Part
	for _, p := range r.Parts {
		if p.Kind == llm.PartText {
			if text.Len() > 0 && !strings.HasSuffix(text.String(), "\n") {
				text.WriteByte('\n')
			}
			text.WriteString(p.Text)
		} else {
			media = append(media, p)
		}
	}
	a.begin("user")
	a.b = append(a.b, `{"functionResponse":{`...)
	if r.CallID != "" {
		a.b = append(appendString(append(a.b, `"id":`...), r.CallID), ',')
	}
	a.b = append(appendString(append(a.b, `"name":`...), name), `,"response":`...)
	body := strings.TrimSpace(text.String())
	switch {
	case r.Failed:
		a.b = append(appendString(append(a.b, `{"error":`...), text.String()), '}')
	case strings.HasPrefix(body, "{") && json.Valid([]byte(body)):
		a.b = append(a.b, body...)
	default:
		a.b = append(appendString(append(a.b, `{"output":`...), text.String()), '}')
	}
	a.b = append(a.b, "}}"...)
	for _, p := range media {
		a.begin("user")
		a.media(where, p)
	}
}

func (a *geminiAsker) media(where string, p llm.Part) {
	m := p.Media
	switch {
	case m == nil || p.Kind == llm.PartText:
		a.fail(where, "%s part without content", an(p.Kind))
		return
	case m.FileID != "":
		a.b = append(a.b, `{"fileData":{`...)
		if m.MIME != "" {
			a.b = append(appendString(append(a.b, `"mimeType":`...), m.MIME), ',')
		}
		a.b = append(appendString(append(a.b, `"fileUri":`...), m.FileID), '}')
	case len(m.Data) > 0 && m.MIME != "":
		a.b = appendString(append(a.b, `{"inlineData":{"mimeType":`...), m.MIME)
		a.b = append(base64.StdEncoding.AppendEncode(append(a.b, `,"data":"`...), m.Data), `"}`...)
	case len(m.Data) > 0:
		a.fail(where, "%s of unknown type can't be sent to this member", an(p.Kind))
	default:
		a.fail(where, "%s by URL can't be sent to this member, want the %s itself", an(p.Kind), p.Kind)
	}
	a.sign()
}

func (a *geminiAsker) tools() {
	r := a.r
	var tools []llm.Tool
	for _, t := range r.Tools {
		if t.Kind != "function" {
			a.warn("the tool " + clip(cmp.Or(t.Name, t.Kind)) + " is not sent to this member")
			continue
		}
		tools = append(tools, t)
	}
	if len(tools) == 0 || !a.field("tools") {
		return
	}
	a.b = append(a.b, `[{"functionDeclarations":`...)
	a.list(len(tools), func(i int) {
		t := tools[i]
		a.b = appendString(append(a.b, `{"name":`...), t.Name)
		if t.Description != "" {
			a.b = appendString(append(a.b, `,"description":`...), t.Description)
		}
		if schema := a.schema(t.Parameters, "the schema of the tool "+clip(t.Name)); schema != nil {
			a.b = append(append(a.b, `,"parameters":`...), schema...)
		}
		a.b = append(a.b, '}')
	})
	a.b = append(a.b, "}]"...)
	mode := map[string]string{"auto": "AUTO", "none": "NONE", "required": "ANY", "tool": "ANY"}[r.ToolChoice.Mode]
	if mode == "" || !a.field("toolConfig") {
		return
	}
	a.b = appendString(append(a.b, `{"functionCallingConfig":{"mode":`...), mode)
	if r.ToolChoice.Mode == "tool" {
		a.b = append(appendString(append(a.b, `,"allowedFunctionNames":[`...), r.ToolChoice.Name), ']')
	}
	a.b = append(a.b, "}}"...)
}

// schema returns the part of a schema that the protocol knows; nil = nothing
// of it is worth sending.
func (a *geminiAsker) schema(schema json.RawMessage, what string) json.RawMessage {
	if schema == nil {
		return nil
	}
	kept, lost, err := geminiSchema(schema)
	switch {
	case err != nil:
		a.fail("tools", "%s can't be sent to this member: %v", what, err)
	case len(lost) > 0:
		a.warn("of " + what + " this member does not get " + strings.Join(lost, ", "))
	}
	return kept
}

// config writes the settings of the answer.
func (a *geminiAsker) config() {
	r := a.r
	if a.q.strips("generationConfig") {
		return
	}
	outer, fields := a.b, a.fields
	a.b, a.fields = []byte{'{'}, 0
	a.integer("maxOutputTokens", r.MaxTokens)
	a.float("temperature", r.Temperature)
	a.float("topP", r.TopP)
	a.integer("topK", r.TopK)
	a.float("presencePenalty", r.PresencePenalty)
	a.float("frequencyPenalty", r.FrequencyPenalty)
	if r.Seed != nil {
		const most = 1<<31 - 1
		if *r.Seed < -most || *r.Seed > most {
			a.warn("seed is not sent to this member, which takes 32 bits")
		} else if a.field("seed") {
			a.b = strconv.AppendInt(a.b, *r.Seed, 10)
		}
	}
	if len(r.Stop) > 0 && a.field("stopSequences") {
		a.list(len(r.Stop), func(i int) { a.b = appendString(a.b, r.Stop[i]) })
	}
	if r.Logprobs && a.field("responseLogprobs") {
		a.b = append(a.b, "true"...)
		a.integer("logprobs", r.TopLogprobs)
	}
	if f := r.Format; f != nil && f.Kind != "text" {
		a.text("responseMimeType", "application/json")
		if schema := a.schema(f.Schema, "the schema of the answer"); schema != nil && a.field("responseSchema") {
			a.b = append(a.b, schema...)
		}
	}
	a.thinking()
	inner := append(a.b, '}')
	a.b, a.fields = outer, fields
	if len(inner) > 2 {
		a.key("generationConfig")
		a.b = append(a.b, inner...)
	}
}

func (a *geminiAsker) thinking() {
	t := a.r.Thinking
	on, off := thinkingOf(a.r)
	effort := t.Effort
	if off {
		effort = "none"
	}
	budget := t.BudgetTokens
	if !a.o.Budgets && budget > 0 {
		a.warn("the thinking budget is not sent to this member")
	}
	if a.o.Budgets && budget == 0 {
		budget = budgets[effort]
	}
	level, mapped := a.o.Efforts[effort]
	switch {
	case !mapped:
		level = effort
	case level == "" && effort != "" && effort != "none" && !a.o.Budgets:
		a.warn("reasoning_effort is not sent to this member")
	}
	thoughts := !off && (on || a.o.Thoughts)
	tells := level != ""
	if a.o.Budgets {
		tells = off || budget > 0
	}
	if !thoughts && !tells || !a.field("thinkingConfig") {
		return
	}
	var fields []string
	if thoughts {
		fields = append(fields, `"includeThoughts":true`)
	}
	switch {
	case a.o.Budgets && off:
		fields = append(fields, `"thinkingBudget":0`)
	case a.o.Budgets && budget > 0:
		fields = append(fields, `"thinkingBudget":`+strconv.Itoa(budget))
	case !a.o.Budgets && level != "":
		fields = append(fields, `"thinkingLevel":`+string(appendString(nil, level)))
	}
	a.b = append(append(append(a.b, '{'), strings.Join(slices.Clip(fields), ",")...), '}')
}

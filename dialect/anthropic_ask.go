package dialect

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"summit/llm"
)

// MessageOptions says how a request is sent to a server that speaks Messages.
type MessageOptions struct {
	Model  string
	Stream bool
	// MaxTokens is sent where the request sets no limit, because the protocol
	// wants one; 0 = 16384, a guess between short answers and a flood.
	MaxTokens int
	// Budgets says that thoughts are turned on by type enabled with a budget of
	// tokens, as models up to 4.6 want it; else by type adaptive, with an effort.
	Budgets bool
	Display string   // thinking.display, such as summarized; empty = not sent
	Strip   []string // fields that are never sent
	Pass    []string // fields that Summit has no word for and the server takes; * = all
	Count   bool     // the tokens are to be counted, nothing is to be answered
}

// Signatures of redacted thoughts carry this mark, which no signature of the
// protocol's own can begin with, so that they come back as what they were.
const redactedMark = "redacted_thinking:"

// EncodeMessages writes the request as a Messages body. Warnings name what the
// caller asked for and this server does not get; the error is of kind
// Unsupported where the question itself can't be sent.
// Source: https://docs.anthropic.com/en/api/messages
func EncodeMessages(r *llm.Request, o MessageOptions) (body []byte, warnings []string, err error) {
	q := &Quirks{Strip: o.Strip, Pass: o.Pass}
	m := &messageAsker{asker: asker{r: r, q: q, b: make([]byte, 0, 1024+textSize(r))}, o: o}
	m.b = append(m.b, '{')
	m.request()
	if m.err != nil {
		return nil, nil, m.err
	}
	return append(m.b, '}'), m.warnings, nil
}

// textSize returns about how many bytes the texts of a request have.
func textSize(r *llm.Request) int {
	size := 0
	for i := range r.Messages {
		for _, p := range r.Messages[i].Parts {
			size += len(p.Text) + 64
		}
	}
	return size + size/8
}

// messageAsker writes one request.
type messageAsker struct {
	asker
	o    MessageOptions
	role string // of the message that is open; empty = none
}

func (m *messageAsker) request() {
	r := m.r
	m.text("model", m.o.Model)
	most := cmp.Or(r.MaxTokens, m.o.MaxTokens, 16384)
	thoughts, budget := m.thinks(most)
	if !m.o.Count {
		m.integer("max_tokens", most)
	}
	m.system()
	if m.field("messages") {
		m.turns()
	}
	if m.o.Stream {
		m.boolean("stream", &m.o.Stream)
	}
	m.tools()
	m.thinking(thoughts, budget)
	m.config(thoughts)
	if m.o.Count {
		m.warnings = nil
		return
	}
	m.sampling(thoughts)
	if len(r.Stop) > 0 && m.field("stop_sequences") {
		m.list(len(r.Stop), func(i int) { m.b = appendString(m.b, r.Stop[i]) })
	}
	if r.User != "" && m.field("metadata") {
		m.b = append(appendString(append(m.b, `{"user_id":`...), r.User), '}')
	}
	m.foreign(map[string]bool{
		"frequency_penalty": r.FrequencyPenalty != nil, "presence_penalty": r.PresencePenalty != nil, "min_p": r.MinP != nil,
		"seed": r.Seed != nil, "logit_bias": len(r.LogitBias) > 0, "logprobs": r.Logprobs, "metadata": len(r.Metadata) > 0,
	})
	m.extra()
}

// thinkingOf reads the switch: on where the caller wants thoughts, off where it
// wants none, neither where it leaves that to the model.
func thinkingOf(r *llm.Request) (on, off bool) {
	t := r.Thinking
	off = t.Enabled != nil && !*t.Enabled || t.Enabled == nil && t.Effort == "none"
	return !off && (t.Enabled != nil || t.Effort != "" || t.BudgetTokens > 0), off
}

// budgets are the tokens for an effort, where a model wants tokens: guesses.
var budgets = map[string]int{"minimal": 1024, "low": 4096, "medium": 12_000, "high": 24_000, "xhigh": 32_000, "max": 48_000}

// thinks decides whether the model is to think, and within how many tokens.
func (m *messageAsker) thinks(most int) (on bool, budget int) {
	const least = 1024 // the protocol's
	on, _ = thinkingOf(m.r)
	if !on {
		return false, 0
	}
	if c := m.r.ToolChoice.Mode; c == "required" || c == "tool" {
		m.warn("thinking is left off: this member does not think where a tool has to be called")
		return false, 0
	}
	budget = cmp.Or(m.r.Thinking.BudgetTokens, budgets[m.r.Thinking.Effort], budgets["medium"])
	if budget = max(min(budget, most-1), least); m.o.Budgets && budget >= most {
		m.warn("thinking is left off: max_tokens leaves no room for the least budget of 1024 tokens")
		return false, 0
	}
	return true, budget
}

func (m *messageAsker) thinking(on bool, budget int) {
	_, off := thinkingOf(m.r)
	switch {
	case on && m.o.Budgets:
		if m.field("thinking") {
			m.b = append(strconv.AppendInt(append(m.b, `{"type":"enabled","budget_tokens":`...), int64(budget), 10), '}')
		}
	case on:
		if m.r.Thinking.BudgetTokens > 0 {
			m.warn("the thinking budget is not sent to this member")
		}
		if m.field("thinking") {
			m.b = append(m.b, `{"type":"adaptive"`...)
			if m.o.Display != "" {
				m.b = appendString(append(m.b, `,"display":`...), m.o.Display)
			}
			m.b = append(m.b, '}')
		}
	case off && m.field("thinking"):
		m.b = append(m.b, `{"type":"disabled"}`...)
	}
}

// config writes the effort and the form of the answer.
func (m *messageAsker) config(thoughts bool) {
	effort := ""
	if thoughts && !m.o.Budgets {
		if effort = m.r.Thinking.Effort; effort == "minimal" {
			effort = "low"
		}
	}
	f := m.r.Format
	if f != nil && f.Kind == "json_object" {
		m.warn("response_format json_object is not sent to this member, which takes a json_schema")
	}
	schema := f != nil && f.Kind == "json_schema" && f.Schema != nil
	if effort == "" && !schema || !m.field("output_config") {
		return
	}
	m.b = append(m.b, '{')
	if effort != "" {
		m.b = appendString(append(m.b, `"effort":`...), effort)
	}
	if schema {
		if effort != "" {
			m.b = append(m.b, ',')
		}
		m.b = append(append(append(m.b, `"format":{"type":"json_schema","schema":`...), f.Schema...), '}')
	}
	m.b = append(m.b, '}')
}

// sampling writes temperature and its kin. With thoughts the protocol takes
// none of them, and never both temperature and top_p.
func (m *messageAsker) sampling(thoughts bool) {
	r := m.r
	switch t := r.Temperature; {
	case t == nil:
	case thoughts:
		m.warn("temperature is not sent to this member with thinking")
	case *t > 1:
		m.warn("temperature is sent to this member as 1, its highest")
		m.float("temperature", new(1.0))
	default:
		m.float("temperature", t)
	}
	switch p := r.TopP; {
	case p == nil:
	case thoughts && *p < 0.95:
		m.warn("top_p is not sent to this member with thinking")
	case r.Temperature != nil && !thoughts:
		m.warn("top_p is not sent to this member beside temperature")
	default:
		m.float("top_p", p)
	}
	if thoughts && r.TopK > 0 {
		m.warn("top_k is not sent to this member with thinking")
	} else {
		m.integer("top_k", r.TopK)
	}
}

// system writes what stands before the conversation here, wherever it stood.
func (m *messageAsker) system() {
	var parts []llm.Part
	talked := false
	for i := range m.r.Messages {
		msg := &m.r.Messages[i]
		if msg.Role != llm.RoleSystem && msg.Role != llm.RoleDeveloper {
			talked = true
			continue
		}
		for _, p := range msg.Parts {
			if p.Kind != llm.PartText {
				m.fail("messages["+strconv.Itoa(i)+"].content", "%s part in a system message can't be sent, want text", an(p.Kind))
			}
			if p.Text != "" {
				parts = append(parts, p)
			}
		}
		if talked {
			m.warnOnce("a system message in the middle is sent to this member at the beginning")
		}
	}
	if len(parts) > 0 && m.field("system") {
		m.list(len(parts), func(i int) { m.textBlock(parts[i]) })
	}
}

// turns writes the conversation. Neighbours of one role become one message, as
// the protocol wants it of the results of tools.
func (m *messageAsker) turns() {
	m.b = append(m.b, '[')
	for i := range m.r.Messages {
		msg := &m.r.Messages[i]
		role := "user"
		switch msg.Role {
		case llm.RoleSystem, llm.RoleDeveloper:
			continue
		case llm.RoleAssistant:
			role = "assistant"
		}
		if msg.Name != "" {
			m.warnOnce("the names of participants are not sent to this member")
		}
		for _, p := range msg.Parts {
			m.block(i, role, p)
		}
	}
	if m.role == "" {
		m.fail("messages", "no message but those of the system, want one of the user")
	} else {
		m.b = append(m.b, "]}"...)
	}
	m.b = append(m.b, ']')
}

// begin makes room for one more block of that role.
func (m *messageAsker) begin(role string) {
	if m.role == role {
		m.b = append(m.b, ',')
		return
	}
	if m.role != "" {
		m.b = append(m.b, "]},"...)
	}
	m.role = role
	m.b = append(appendString(append(m.b, `{"role":`...), role), `,"content":[`...)
}

func (m *messageAsker) block(message int, role string, p llm.Part) {
	where := "messages[" + strconv.Itoa(message) + "].content"
	switch p.Kind {
	case llm.PartText, llm.PartRefusal:
		if p.Text == "" { // which the protocol refuses
			return
		}
		m.begin(role)
		m.textBlock(p)
	case llm.PartReasoning:
		m.thought(role, p)
	case llm.PartImage, llm.PartFile:
		if p.Media == nil {
			m.fail(where, "%s part without content", an(p.Kind))
			return
		}
		m.begin(role)
		m.media(where, p)
	case llm.PartCall:
		if p.Call == nil {
			return
		}
		m.begin(role)
		m.b = appendString(append(m.b, `{"type":"tool_use","id":`...), messageID(p.Call.ID))
		m.b = appendString(append(m.b, `,"name":`...), p.Call.Name)
		input, err := object(p.Call.Args)
		if err != nil {
			m.fail(where, "the arguments of the call of %s can't be sent: %v", clip(p.Call.Name), err)
		}
		m.b = append(append(m.b, `,"input":`...), input...)
		m.cache(p.Cache)
		m.b = append(m.b, '}')
	case llm.PartResult:
		if p.Result == nil {
			return
		}
		m.begin(role)
		m.result(where, p)
	default:
		m.fail(where, "%s part can't be sent to this member", an(p.Kind))
	}
}

// thought sends thoughts back that the same kind of server has signed. It
// refuses any others.
func (m *messageAsker) thought(role string, p llm.Part) {
	data, redacted := strings.CutPrefix(p.Signature, redactedMark)
	switch {
	case p.Signature == "" || role != "assistant", !redacted && signedBy(p.Signature) != "":
		m.warnOnce("thoughts that this member did not sign are not sent to it")
	case redacted:
		m.begin(role)
		m.b = append(appendString(append(m.b, `{"type":"redacted_thinking","data":`...), data), '}')
	default:
		m.begin(role)
		m.b = appendString(append(m.b, `{"type":"thinking","thinking":`...), p.Text)
		m.b = append(appendString(append(m.b, `,"signature":`...), p.Signature), '}')
	}
}

// signedBy returns the mark of the protocol whose signature it is; empty =
// Messages, whose signatures have none.
func signedBy(signature string) string {
	for _, mark := range []string{redactedMark, geminiMark, responsesMark} {
		if strings.HasPrefix(signature, mark) {
			return mark
		}
	}
	return ""
}

func (m *messageAsker) textBlock(p llm.Part) {
	m.b = appendString(append(m.b, `{"type":"text","text":`...), p.Text)
	m.cache(p.Cache)
	m.b = append(m.b, '}')
}

// cache writes a cache marker.
func (m *messageAsker) cache(marker string) {
	if marker != "" {
		m.b = appendCache(append(m.b, ','), marker)
	}
}

// appendCache adds the field of a cache marker: its type, and behind a slash
// how long it is to be kept.
func appendCache(dst []byte, marker string) []byte {
	kind, ttl, _ := strings.Cut(marker, "/")
	dst = appendString(append(dst, `"cache_control":{"type":`...), kind)
	if ttl != "" {
		dst = appendString(append(dst, `,"ttl":`...), ttl)
	}
	return append(dst, '}')
}

func (m *messageAsker) media(where string, p llm.Part) {
	kind, media := "image", p.Media
	if p.Kind == llm.PartFile {
		kind = "document"
	}
	m.b = append(appendString(append(m.b, `{"type":`...), kind), `,"source":`...)
	switch {
	case media.FileID != "":
		m.b = append(appendString(append(m.b, `{"type":"file","file_id":`...), media.FileID), '}')
	case media.URL != "":
		m.b = append(appendString(append(m.b, `{"type":"url","url":`...), media.URL), '}')
	case kind == "document" && strings.HasPrefix(media.MIME, "text/"):
		m.b = appendString(append(m.b, `{"type":"text","media_type":"text/plain","data":`...), wellFormed(media.Data))
		m.b = append(m.b, '}')
	default:
		mime := media.MIME
		if mime == "" && kind == "document" {
			mime = "application/pdf"
		}
		if len(media.Data) == 0 || mime == "" || kind == "document" && mime != "application/pdf" {
			m.fail(where, "%s of type %q can't be sent to this member", an(kind), clip(media.MIME))
		}
		m.b = appendString(append(m.b, `{"type":"base64","media_type":`...), mime)
		m.b = append(base64.StdEncoding.AppendEncode(append(m.b, `,"data":"`...), media.Data), `"}`...)
	}
	if media.Name != "" && kind == "document" {
		m.b = appendString(append(m.b, `,"title":`...), media.Name)
	}
	m.cache(p.Cache)
	m.b = append(m.b, '}')
}

func (m *messageAsker) result(where string, p llm.Part) {
	r := p.Result
	m.b = appendString(append(m.b, `{"type":"tool_result","tool_use_id":`...), messageID(r.CallID))
	parts := slices.DeleteFunc(slices.Clone(r.Parts), func(q llm.Part) bool { return q.Kind == llm.PartText && q.Text == "" })
	if len(parts) > 0 {
		m.b = append(m.b, `,"content":`...)
		m.list(len(parts), func(i int) {
			switch q := parts[i]; {
			case q.Kind == llm.PartText:
				m.textBlock(q)
			case (q.Kind == llm.PartImage || q.Kind == llm.PartFile) && q.Media != nil:
				m.media(where, q)
			default:
				m.fail(where, "%s part in a tool's result can't be sent to this member", an(q.Kind))
			}
		})
	}
	if r.Failed {
		m.b = append(m.b, `,"is_error":true`...)
	}
	m.cache(p.Cache)
	m.b = append(m.b, '}')
}

// messageID returns a call's id in letters that the protocol takes: others'
// ids may have dots and colons. The same id always becomes the same.
func messageID(id string) string { return safeID(id, 128) }

// safeID returns the id if it has only letters, digits, _ and - and is no
// longer than most, else one made of it.
func safeID(id string, most int) string {
	ok := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
	}
	if id != "" && len(id) <= most && !strings.ContainsFunc(id, func(r rune) bool { return !ok(r) }) {
		return id
	}
	h := fnv.New64a()
	h.Write([]byte(id))
	clean := strings.Map(func(r rune) rune {
		if ok(r) {
			return r
		}
		return '_'
	}, id)
	return clean[:min(len(clean), most-17)] + "_" + strconv.FormatUint(h.Sum64(), 16)
}

func (m *messageAsker) tools() {
	r := m.r
	var tools []llm.Tool
	for _, t := range r.Tools {
		if t.Kind != "function" && (t.Form != "anthropic" || t.Raw == nil) {
			m.warn("the tool " + clip(cmp.Or(t.Name, t.Kind)) + " is not sent to this member")
			continue
		}
		tools = append(tools, t)
	}
	if len(tools) == 0 || !m.field("tools") {
		return
	}
	m.list(len(tools), func(i int) {
		t := tools[i]
		if t.Kind != "function" {
			m.b = append(m.b, t.Raw...)
			return
		}
		m.b = appendString(append(m.b, `{"name":`...), t.Name)
		if t.Description != "" {
			m.b = appendString(append(m.b, `,"description":`...), t.Description)
		}
		schema := t.Parameters
		if schema == nil {
			schema = json.RawMessage(`{"type":"object","properties":{}}`)
		}
		m.b = append(append(m.b, `,"input_schema":`...), schema...)
		if t.Strict != nil && !m.q.strips("tools.strict") {
			m.b = strconv.AppendBool(append(m.b, `,"strict":`...), *t.Strict)
		}
		m.cache(t.Cache)
		m.b = append(m.b, '}')
	})
	kind := map[string]string{"auto": "auto", "none": "none", "required": "any", "tool": "tool"}[r.ToolChoice.Mode]
	single := r.ParallelToolCalls != nil && !*r.ParallelToolCalls
	if kind == "" && single {
		kind = "auto"
	}
	if kind == "" || !m.field("tool_choice") {
		return
	}
	m.b = appendString(append(m.b, `{"type":`...), kind)
	if kind == "tool" {
		m.b = appendString(append(m.b, `,"name":`...), r.ToolChoice.Name)
	}
	if single && kind != "none" {
		m.b = append(m.b, `,"disable_parallel_tool_use":true`...)
	}
	m.b = append(m.b, '}')
}

package dialect

import (
	"bytes"
	"cmp"
	"math"
	"net/http"
	"strings"
	"time"

	"summit/llm"
)

// GeminiStream decodes the answer of a server that speaks Gemini's own
// protocol. The signature of a part comes as a Reasoning event of its own,
// before the part. Calls come whole and get an id where the server gives none.
// Its first error sticks. It is used by one goroutine.
//
// What ends an answer: a chunk with a finishReason, after which others may
// come. The end of the stream without one is a Cut.
// Source: https://ai.google.dev/api/generate-content
type GeminiStream struct {
	beginning
	err  error
	used geminiUsage
	id   string

	finished      bool
	calls         int
	text, thought joiner
}

// NewGeminiStream returns a decoder for one answer.
func NewGeminiStream() *GeminiStream { return &GeminiStream{} }

// Done reports whether nothing follows, which the protocol does not tell.
func (c *GeminiStream) Done() bool { return false }

// Finished reports whether a finishReason came: if the stream ends now, the
// answer is whole.
func (c *GeminiStream) Finished() bool { return c.finished }

// Outcome returns what the server said so far of model, finish and usage.
func (c *GeminiStream) Outcome() llm.Outcome {
	o := c.out
	o.Usage = c.used.usage()
	return o
}

// geminiPart is one part of content.
type geminiPart struct {
	text, signature []byte
	thought, call   bool
	id, name        string
	args            []byte
}

// geminiChunk is what one chunk says.
type geminiChunk struct {
	model, id, finish, message, blocked string
	parts                               []geminiPart
	tokens                              []llm.TokenLogprob
	answered                            bool
	fault                               geminiFault
}

// Append decodes the data of one server-sent event and adds its events to dst.
func (c *GeminiStream) Append(dst []llm.Event, data []byte) ([]llm.Event, error) {
	data = bytes.TrimSpace(data)
	if c.err != nil || len(data) == 0 || string(data) == "[DONE]" {
		return dst, c.err
	}
	return c.chunk(dst, data)
}

// Whole decodes the body of a whole answer, adds its events to dst and ends
// the answer.
func (c *GeminiStream) Whole(dst []llm.Event, body []byte) ([]llm.Event, error) {
	dst, err := c.chunk(dst, body)
	if err != nil {
		return dst, err
	}
	return c.End(dst)
}

// End ends the answer: the server closed the stream. It adds what was held back.
func (c *GeminiStream) End(dst []llm.Event) ([]llm.Event, error) {
	if c.err != nil {
		return dst, c.err
	}
	dst = c.rest(dst)
	switch {
	case !c.begun:
		c.err = llm.Errorf(llm.Protocol, "ended the stream without an answer")
	case !c.finished:
		c.err = llm.Errorf(llm.Cut, "broke the stream off before its finishReason")
	}
	if c.err == nil && c.calls > 0 && (c.out.Finish == "" || c.out.Finish == llm.FinishStop) { // the protocol has no word for it
		c.out.Finish = llm.FinishCalls
	}
	return dst, c.err
}

func (c *GeminiStream) rest(dst []llm.Event) []llm.Event {
	if t := c.thought.rest(); t != "" {
		dst = append(dst, llm.Event{Kind: llm.KindReasoning, Text: t})
	}
	if t := c.text.rest(); t != "" {
		dst = append(dst, llm.Event{Kind: llm.KindText, Text: t})
	}
	return dst
}

func (c *GeminiStream) chunk(dst []llm.Event, data []byte) ([]llm.Event, error) {
	s := newScanner(data)
	s.loose = true
	f := &geminiChunk{}
	for name := range s.object() {
		if s.null() {
			continue
		}
		switch string(name) {
		case "candidates":
			f.candidates(s)
		case "usageMetadata":
			c.used.read(s)
		case "modelVersion":
			f.model = short(s)
		case "responseId":
			f.id = short(s)
		case "promptFeedback":
			f.feedback(s)
		case "error":
			f.fault.read(s)
		default:
			s.skip()
		}
	}
	s.end()
	if f.fault.said {
		c.err = f.fault.error(200)
		return dst, c.err
	}
	if err := s.as(llm.Protocol); err != nil {
		err.Message, err.Param = "sent a chunk that is wrong: "+err.Message, ""
		c.err = err
		return dst, err
	}
	if c.id == "" {
		c.id = f.id
	}
	c.out.Model = cmp.Or(c.out.Model, f.model)
	if f.blocked != "" && !f.answered {
		e := llm.Errorf(llm.Filtered, "refused the prompt: %s", f.blocked)
		e.Code = f.blocked
		c.err = e
		return dst, e
	}
	dst = c.start(dst, c.out.Model)
	for i := range f.parts {
		p := &f.parts[i]
		if i == len(f.parts)-1 {
			dst = c.part(dst, p, f.tokens)
		} else {
			dst = c.part(dst, p, nil)
		}
		if c.err != nil {
			return dst, c.err
		}
	}
	c.finish(f)
	return dst, c.err
}

func (f *geminiChunk) candidates(s *scanner) {
	first := true
	for range s.array("array") {
		if !first || s.kind() != '{' { // Summit asks for one
			s.skip()
			continue
		}
		first, f.answered = false, true
		for name := range s.object() {
			if s.null() {
				continue
			}
			switch string(name) {
			case "content":
				f.content(s)
			case "finishReason":
				f.finish = short(s)
			case "finishMessage":
				f.message = brief(string(optional(s)))
			case "logprobsResult":
				f.logprobs(s)
			default:
				s.skip()
			}
		}
	}
}

func (f *geminiChunk) content(s *scanner) {
	if s.kind() != '{' {
		s.skip()
		return
	}
	for name := range s.object() {
		if string(name) != "parts" || s.kind() != '[' {
			s.skip()
			continue
		}
		for range s.array("") {
			f.parts = append(f.parts, readGeminiPart(s))
		}
	}
}

func readGeminiPart(s *scanner) geminiPart {
	var p geminiPart
	if s.kind() != '{' {
		s.skip()
		return p
	}
	for name := range s.object() {
		switch {
		case s.null():
		case string(name) == "text":
			p.text = optional(s)
		case string(name) == "thought" && (s.kind() == 't' || s.kind() == 'f'):
			p.thought = s.boolean()
		case string(name) == "thoughtSignature" || string(name) == "thought_signature":
			p.signature = optional(s)
		case string(name) == "functionCall" && s.kind() == '{':
			p.call = true
			for name := range s.object() {
				switch {
				case s.null():
				case string(name) == "id":
					p.id = short(s)
				case string(name) == "name":
					p.name = short(s)
				case string(name) == "args" && s.kind() == '{':
					p.args = s.raw()
				default:
					s.skip()
				}
			}
		default:
			s.skip()
		}
	}
	return p
}

func (f *geminiChunk) feedback(s *scanner) {
	if s.kind() != '{' {
		s.skip()
		return
	}
	for name := range s.object() {
		if string(name) == "blockReason" && s.kind() == '"' {
			f.blocked = short(s)
		} else {
			s.skip()
		}
	}
}

// logprobs reads the chosen tokens and, at each place, the likeliest.
func (f *geminiChunk) logprobs(s *scanner) {
	if s.kind() != '{' {
		s.skip()
		return
	}
	one := func() llm.TokenLogprob {
		var t llm.TokenLogprob
		if s.kind() != '{' {
			s.skip()
			return t
		}
		for name := range s.object() {
			switch {
			case string(name) == "token" && s.kind() == '"':
				t.Token = s.text()
			case string(name) == "logProbability" && s.kind() == '0':
				t.Logprob = s.number()
			default:
				s.skip()
			}
		}
		return t
	}
	var tops [][]llm.TokenLogprob
	for name := range s.object() {
		switch {
		case string(name) == "chosenCandidates" && s.kind() == '[':
			for range s.array("") {
				f.tokens = append(f.tokens, one())
			}
		case string(name) == "topCandidates" && s.kind() == '[':
			for range s.array("") {
				var top []llm.TokenLogprob
				if s.kind() != '{' {
					s.skip()
				} else {
					for name := range s.object() {
						if string(name) != "candidates" || s.kind() != '[' {
							s.skip()
							continue
						}
						for range s.array("") {
							top = append(top, one())
						}
					}
				}
				tops = append(tops, top)
			}
		default:
			s.skip()
		}
	}
	for i := range f.tokens {
		if i < len(tops) {
			f.tokens[i].Top = tops[i]
		}
	}
}

// part adds the events of one part.
func (c *GeminiStream) part(dst []llm.Event, p *geminiPart, tokens []llm.TokenLogprob) []llm.Event {
	if len(p.signature) > 0 {
		dst = append(c.rest(dst), llm.Event{Kind: llm.KindReasoning, Signature: geminiMark + wellFormed(p.signature)})
	}
	switch {
	case p.call:
		if p.name == "" || c.calls == maxCalls {
			c.err = llm.Errorf(llm.Protocol, "sent a tool call without a name, or more than %d", maxCalls)
			return dst
		}
		dst = c.rest(dst)
		d := &llm.CallDelta{Index: c.calls, ID: p.id, Name: p.name, ArgsDelta: "{}"}
		c.calls++
		if d.ID == "" {
			d.ID = (&ChatStream{id: c.id}).newID(d.Index)
		}
		if len(p.args) > 0 {
			d.ArgsDelta = wellFormed(p.args)
		}
		return append(dst, llm.Event{Kind: llm.KindCall, Call: d})
	case p.thought:
		if t := c.thought.add(p.text); t != "" {
			dst = append(dst, llm.Event{Kind: llm.KindReasoning, Text: t})
		}
	default:
		if t := c.text.add(p.text); t != "" {
			dst = append(dst, llm.Event{Kind: llm.KindText, Text: t, Tokens: tokens})
		}
	}
	return dst
}

// finish notes why the answer ended.
func (c *GeminiStream) finish(f *geminiChunk) {
	switch f.finish {
	case "", "FINISH_REASON_UNSPECIFIED":
		return
	case "MAX_TOKENS":
		c.out.Finish = llm.FinishLength
	case "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY":
		c.out.Finish = llm.FinishFilter
	case "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS":
		e := llm.Errorf(llm.Protocol, "ended the answer with %s %s", f.finish, f.message)
		e.Code = f.finish
		c.err = e
		return
	case "STOP":
		c.out.Finish = llm.FinishStop
	default: // OTHER, LANGUAGE and what is new
		c.out.Finish = llm.FinishStop
		c.out.Warnings = append(c.out.Warnings, "this member ended its answer with "+clip(f.finish))
	}
	c.finished = true
}

// geminiUsage is what the server said of usage so far; the last figures that
// are not zero count. Those of the prompt hold the cached ones.
type geminiUsage struct{ prompt, tools, cached, candidates, thoughts int64 }

func (u *geminiUsage) read(s *scanner) {
	if s.kind() != '{' {
		s.skip()
		return
	}
	for name := range s.object() {
		to := map[string]*int64{
			"promptTokenCount": &u.prompt, "toolUsePromptTokenCount": &u.tools, "cachedContentTokenCount": &u.cached,
			"candidatesTokenCount": &u.candidates, "thoughtsTokenCount": &u.thoughts,
		}[string(name)]
		if to == nil || s.kind() != '0' {
			s.skip()
		} else if v := s.number(); v >= 1 && v <= maxTokens {
			*to = int64(v)
		}
	}
}

func (u *geminiUsage) usage() llm.Usage {
	var v llm.Usage
	if u.prompt > 0 {
		cached := min(u.cached, u.prompt)
		v.Input = llm.Counted(u.prompt - cached + u.tools)
		if cached > 0 {
			v.CacheRead = llm.Counted(cached)
		}
	}
	if u.candidates > 0 || u.thoughts > 0 {
		v.Output = llm.Counted(u.candidates)
		if u.thoughts > 0 {
			v.Reasoning = llm.Counted(u.thoughts)
		}
	}
	return v
}

// geminiFault is an error object of the protocol.
type geminiFault struct {
	said                    bool
	message, status, reason string
	code                    int
	daily                   bool // a limit for a day: waiting some seconds won't help
	retry                   time.Duration
}

func (f *geminiFault) read(s *scanner) {
	if s.kind() != '{' {
		s.skip()
		return
	}
	f.said = true
	for name := range s.object() {
		switch {
		case s.null():
		case string(name) == "code" && s.kind() == '0':
			f.code = int(math.Min(math.Abs(s.number()), 999))
		case string(name) == "message":
			f.message = brief(string(optional(s)))
		case string(name) == "status":
			f.status = short(s)
		case string(name) == "details" && s.kind() == '[':
			for range s.array("") {
				f.detail(s)
			}
		default:
			s.skip()
		}
	}
}

// detail reads a RetryInfo, an ErrorInfo or a QuotaFailure.
func (f *geminiFault) detail(s *scanner) {
	if s.kind() != '{' {
		s.skip()
		return
	}
	for name := range s.object() {
		switch {
		case string(name) == "retryDelay" && s.kind() == '"':
			const most = 24 * time.Hour
			if d, err := time.ParseDuration(short(s)); err == nil && d > 0 {
				f.retry = min(d, most)
			}
		case string(name) == "reason" && s.kind() == '"':
			f.reason = short(s)
		case string(name) == "violations" && s.kind() == '[':
			for range s.array("") {
				if s.kind() != '{' {
					s.skip()
					continue
				}
				for name := range s.object() {
					if string(name) == "quotaId" && s.kind() == '"' {
						f.daily = f.daily || strings.Contains(short(s), "PerDay")
					} else {
						s.skip()
					}
				}
			}
		default:
			s.skip()
		}
	}
}

// geminiKinds maps the protocol's words for errors.
// Source: https://ai.google.dev/gemini-api/docs/troubleshooting
var geminiKinds = map[string]llm.ErrorKind{
	"INVALID_ARGUMENT": llm.Unsupported, "FAILED_PRECONDITION": llm.Forbidden, "PERMISSION_DENIED": llm.Forbidden, "UNAUTHENTICATED": llm.Unauthorized,
	"NOT_FOUND": llm.NotFound, "RESOURCE_EXHAUSTED": llm.RateLimited, "INTERNAL": llm.Overloaded, "UNAVAILABLE": llm.Overloaded,
	"DEADLINE_EXCEEDED": llm.Timeout, "CANCELLED": llm.Cut, "UNIMPLEMENTED": llm.Unsupported, "OUT_OF_RANGE": llm.Unsupported,
}

func (f *geminiFault) error(status int) *llm.Error {
	if status == http.StatusOK && f.code >= 400 {
		status = f.code
	}
	e := saying{message: f.message, code: f.status}.error(Quirks{}, status)
	if k, ok := geminiKinds[f.status]; ok && e.Kind != llm.TooLong {
		e.Kind = k
	}
	switch {
	case f.reason == "API_KEY_INVALID":
		e.Kind = llm.Unauthorized
	case f.daily && e.Kind == llm.RateLimited:
		e.Kind = llm.QuotaExhausted
	case e.Kind == llm.Unsupported && strings.Contains(f.message, "exceeds the maximum number of tokens"):
		e.Kind, e.Param = llm.TooLong, "messages"
	}
	e.RetryAfter = f.retry
	return e
}

// GeminiUpstreamError reads the error answer of a server that speaks Gemini's
// own protocol: an object, or, of a stream, a list with one. It is never nil.
func GeminiUpstreamError(status int, h http.Header, body []byte) *llm.Error {
	var f geminiFault
	s := newScanner(body)
	object := func() {
		for name := range s.object() {
			if string(name) == "error" {
				f.read(s)
			} else {
				s.skip()
			}
		}
	}
	switch s.kind() {
	case '{':
		object()
	case '[':
		for range s.array("") {
			if s.kind() == '{' {
				object()
			} else {
				s.skip()
			}
		}
	}
	if !f.said {
		return UpstreamError(Quirks{}, status, h, body)
	}
	e := f.error(status)
	if d := retryAfter(h); d > 0 {
		e.RetryAfter = d
	}
	return e
}

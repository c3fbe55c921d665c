// Package llm is the language of the house: what is asked (Request, Message),
// what comes back (Event, Stream), what happened (Outcome, Usage, Cost), who
// answers (Member, Card) and what can go wrong (Error).
//
// Everything that answers is a Member: a vendor, a recording, a vote, a
// cache, the super model itself. One call goes down, one stream comes up, one
// Outcome tree says what happened. The package knows no vendor, no protocol
// and no strategy, and imports only money. A new optional ability is one new
// interface in ability.go's manner, found through As.
package llm

import (
	"encoding/json"
	"strings"
)

// Role says who speaks a Message.
type Role string

// The roles of a conversation. Developer is a system message of newer APIs.
const (
	RoleSystem    Role = "system"
	RoleDeveloper Role = "developer"
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
	RoleTool      Role = "tool"
)

// Message is one turn of a conversation.
type Message struct {
	Role  Role
	Name  string // the participant's name; empty = none
	Parts []Part
}

// PartKind says which fields of a Part count.
type PartKind string

// The kinds of content.
const (
	PartText      PartKind = "text"      // Text
	PartImage     PartKind = "image"     // Media
	PartAudio     PartKind = "audio"     // Media
	PartFile      PartKind = "file"      // Media
	PartCall      PartKind = "call"      // Call: the assistant calls a tool
	PartResult    PartKind = "result"    // Result: what the tool gave back
	PartReasoning PartKind = "reasoning" // Text, Signature: the model's thoughts
	PartRefusal   PartKind = "refusal"   // Text: the model declines
)

// Part is one piece of a message's content.
type Part struct {
	Kind      PartKind
	Text      string
	Media     *Media
	Call      *Call
	Result    *Result
	Signature string // Reasoning: the vendor's signature, sent back byte for byte
	Cache     string // cache marker, such as "ephemeral", or with a time "ephemeral/1h"; empty = none
}

// Media is an image, a sound or a file: by URL, by bytes or by the id under
// which the vendor already has it. One of the three is set.
type Media struct {
	URL    string
	Data   []byte
	FileID string
	MIME   string // type of Data, such as image/png; empty = unknown
	Name   string // file name; empty = none
	Detail string // image detail: low, high, auto; empty = unset
}

// Call is one call of a tool. Args is the JSON text as the model wrote it,
// which need not be valid JSON.
type Call struct {
	ID   string
	Name string
	Args string
}

// Result is what a tool gave back for the call of the same id.
type Result struct {
	CallID string
	Name   string
	Parts  []Part // text and images
	Failed bool   // the tool reports an error
}

// Text returns a message with one text part.
func Text(role Role, text string) Message {
	return Message{Role: role, Parts: []Part{{Kind: PartText, Text: text}}}
}

// Text returns the message's text parts joined; reasoning, calls and tool
// results are not in it.
func (m *Message) Text() string {
	if len(m.Parts) == 1 && m.Parts[0].Kind == PartText {
		return m.Parts[0].Text
	}
	var b strings.Builder
	for _, p := range m.Parts {
		if p.Kind == PartText {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

// Tool is something the model may call. Kind "function" has a name and a
// JSON schema; any other kind is a vendor's own and travels in Raw.
type Tool struct {
	Kind        string // "function" or a vendor's own kind
	Name        string
	Description string
	Parameters  json.RawMessage // JSON schema; nil = none
	Strict      *bool           // arguments must match the schema; nil = unset
	Form        string          // Kind other than function: the protocol whose form Raw has; empty = OpenAI Chat Completions
	Raw         json.RawMessage // Kind other than function: the tool as it came
	Cache       string          // cache marker, as a Part's; empty = none
}

// ToolChoice says whether the model has to call a tool.
type ToolChoice struct {
	Mode string // "" = unset, "auto", "none", "required", "tool"
	Name string // Mode "tool": the one to call
}

// Format asks for structured output.
type Format struct {
	Kind        string // "text", "json_object" or "json_schema"
	Name        string // json_schema: its name
	Description string
	Schema      json.RawMessage
	Strict      *bool
}

// Thinking is the switch for a reasoning model's thoughts.
type Thinking struct {
	Enabled      *bool  // nil = the model's default
	Effort       string // none, minimal, low, medium, high, xhigh, max; empty = the model's default
	BudgetTokens int    // most tokens to think with; 0 = the model's default
}

package dialect

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"summit/llm"
)

// Quirks is how an OpenAI-compatible server differs from the protocol, as
// data: a new vendor is a value of this type. The zero value is a server that
// does all that the protocol says. What vendors send differently is accepted
// from all of them and needs no quirk, but for NoFinish and Think.
type Quirks struct {
	NoStream        bool    `yaml:"no_stream" json:"no_stream,omitempty" jsonschema_description:"the server can't stream: ask for whole answers"`
	NoStreamOptions bool    `yaml:"no_stream_options" json:"no_stream_options,omitempty" jsonschema_description:"the server refuses stream_options; usage then comes unasked or is estimated"`
	MaxTokensField  string  `yaml:"max_tokens_field" json:"max_tokens_field,omitempty" jsonschema:"enum=max_tokens,enum=max_completion_tokens" jsonschema_description:"the name of the answer's token limit; empty = max_tokens"`
	DeveloperRole   bool    `yaml:"developer_role" json:"developer_role,omitempty" jsonschema_description:"the server knows the role developer; else developer messages are sent as system"`
	Completions     string  `yaml:"completions" json:"completions,omitempty" jsonschema:"enum=text,enum=infill" jsonschema_description:"the server continues texts under /completions; infill = with a suffix too; empty = it does not"`
	EmbedBatch      int     `yaml:"embed_batch" json:"embed_batch,omitempty" jsonschema:"minimum=0" jsonschema_description:"most texts of one call for embeddings; more are asked for in several calls; 0 = no bound"`
	MinTemperature  float64 `yaml:"min_temperature" json:"min_temperature,omitempty" jsonschema:"minimum=0" jsonschema_description:"the lowest temperature that the server takes: lower ones are sent as it"`
	MaxTemperature  float64 `yaml:"max_temperature" json:"max_temperature,omitempty" jsonschema:"minimum=0" jsonschema_description:"the highest temperature that the server takes: higher ones are sent as it; 0 = no bound"`
	CacheControl    bool    `yaml:"cache_control" json:"cache_control,omitempty" jsonschema_description:"the server takes cache_control marks in content"`

	Strip []string          `yaml:"strip" json:"strip,omitempty" jsonschema_description:"request fields that are never sent, such as temperature; tools.strict is the mark inside tools"`
	Pass  []string          `yaml:"pass" json:"pass,omitempty" jsonschema_description:"request fields that Summit has no word for and the server takes; * = all of them"`
	Body  map[string]string `yaml:"body" json:"body,omitempty" jsonschema_description:"fields added to every request, over any other value; each value is JSON text, such as 'true'"`

	ThinkingSwitch string            `yaml:"thinking_switch" json:"thinking_switch,omitempty" jsonschema:"enum=enable_thinking,enum=thinking,enum=template" jsonschema_description:"how thoughts are turned on and off: enable_thinking (a boolean), thinking (an object with a type), template (chat_template_kwargs.enable_thinking); empty = only by reasoning_effort"`
	BudgetField    string            `yaml:"budget_field" json:"budget_field,omitempty" jsonschema:"enum=thinking_budget,enum=thinking.budget_tokens" jsonschema_description:"where a token budget for thoughts is sent; empty = nowhere"`
	Efforts        map[string]string `yaml:"efforts" json:"efforts,omitempty" jsonschema_description:"the server's words for reasoning efforts; an empty word = send none; absent = as it came"`
	ReasoningField string            `yaml:"reasoning_field" json:"reasoning_field,omitempty" jsonschema:"enum=reasoning_content,enum=reasoning,enum=think" jsonschema_description:"how thoughts in the history are sent back: in that field, or as <think> text; empty = not at all"`

	ThinkingWord string   `yaml:"thinking_word" json:"thinking_word,omitempty" jsonschema_description:"the type that turns thoughts on, with thinking_switch: thinking; empty = enabled"`
	AlwaysThink  []string `yaml:"always_think" json:"always_think,omitempty" jsonschema_description:"models that can't be told not to think, and are not"`
	NeedThoughts bool     `yaml:"need_thoughts" json:"need_thoughts,omitempty" jsonschema_description:"the server refuses earlier tool calls without their thoughts: where they are gone, it is told not to think"`

	ContinueBy string `yaml:"continue_by" json:"continue_by,omitempty" jsonschema:"enum=prefix,enum=partial,enum=flags,enum=plain" jsonschema_description:"how the server is told to go on with an answer that was begun, the last message: prefix or partial (true in that message), flags (continue_final_message, and add_generation_prompt off), plain (it does so unasked); empty = it can't"`

	Think    string                   `yaml:"think" json:"think,omitempty" jsonschema:"enum=open,enum=off" jsonschema_description:"<think> at the beginning of content: open = the answer begins inside it, off = it is plain text; empty = it begins thoughts"`
	NoFinish bool                     `yaml:"no_finish" json:"no_finish,omitempty" jsonschema_description:"the server sends no finish_reason: [DONE] alone is a proper end"`
	Codes    map[string]llm.ErrorKind `yaml:"codes" json:"codes,omitempty" jsonschema_description:"kinds of error by the server's own codes"`
}

// Valid reports what no server could mean.
func (q Quirks) Valid() error {
	for _, c := range []struct {
		field, got string
		want       []string
	}{
		{"max_tokens_field", q.MaxTokensField, []string{"max_tokens", "max_completion_tokens"}},
		{"completions", q.Completions, []string{"text", "infill"}},
		{"thinking_switch", q.ThinkingSwitch, []string{"enable_thinking", "thinking", "template"}},
		{"budget_field", q.BudgetField, []string{"thinking_budget", "thinking.budget_tokens"}},
		{"reasoning_field", q.ReasoningField, []string{"reasoning_content", "reasoning", "think"}},
		{"think", q.Think, []string{"open", "off"}},
		{"continue_by", q.ContinueBy, []string{"prefix", "partial", "flags", "plain"}},
	} {
		if c.got != "" && !slices.Contains(c.want, c.got) {
			return fmt.Errorf("dialect: quirks: %s: got %q, want %s or nothing", c.field, clip(c.got), strings.Join(c.want, ", "))
		}
	}
	if q.BudgetField == "thinking.budget_tokens" && q.ThinkingSwitch != "thinking" {
		return fmt.Errorf("dialect: quirks: budget_field: got %q, want it with thinking_switch: thinking", q.BudgetField)
	}
	if q.ThinkingWord != "" && q.ThinkingSwitch != "thinking" {
		return fmt.Errorf("dialect: quirks: thinking_word: got %q, want it with thinking_switch: thinking", clip(q.ThinkingWord))
	}
	if q.MinTemperature < 0 || q.MaxTemperature < 0 || q.MaxTemperature > 0 && q.MaxTemperature < q.MinTemperature {
		return fmt.Errorf("dialect: quirks: min_temperature and max_temperature: got %v and %v, want none below zero, and the lower one first", q.MinTemperature, q.MaxTemperature)
	}
	if q.EmbedBatch < 0 {
		return fmt.Errorf("dialect: quirks: embed_batch: got %d, want zero (no bound) or more", q.EmbedBatch)
	}
	for code, kind := range q.Codes {
		if _, ok := chatErrors[kind]; !ok {
			return fmt.Errorf("dialect: quirks: codes: %s: got %q, want a kind of error such as rate_limited", clip(code), clip(string(kind)))
		}
	}
	for name, value := range q.Body {
		if !json.Valid([]byte(value)) {
			return fmt.Errorf("dialect: quirks: body: %s: got %q, want JSON text such as 'true' or '\"words\"'", clip(name), clip(value))
		}
	}
	return nil
}

// strips reports whether the request field is never sent.
func (q *Quirks) strips(field string) bool { return slices.Contains(q.Strip, field) }

// passes reports whether a field that Summit has no word for is sent.
func (q *Quirks) passes(field string) bool {
	return slices.Contains(q.Pass, field) || slices.Contains(q.Pass, "*")
}

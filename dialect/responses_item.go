package dialect

import (
	"strings"

	"summit/llm"
)

// input reads a text or the items of a conversation.
func (d *responseRequest) input() {
	if d.kind() == '"' {
		if text := d.text(); text != "" {
			d.r.Messages = append(d.r.Messages, llm.Text(llm.RoleUser, text))
		}
		return
	}
	if d.kind() != '[' {
		d.wrong("string or array")
		return
	}
	for range d.array("") {
		d.item()
	}
}

// responseItem is one item as it is being read: its fields may come in any
// order.
type responseItem struct {
	kind, role, id, name, args, signature string
	content                               []llm.Part
	said                                  bool // there was content or output
	summary                               string
}

// item reads one item and adds what it says to the messages.
func (d *responseRequest) item() {
	var m responseItem
	for name := range d.object() {
		if d.null() {
			continue
		}
		switch string(name) {
		case "type":
			m.kind = d.text()
		case "role":
			m.role = d.text()
		case "content", "output":
			m.said = true
			m.content = d.content()
		case "call_id":
			m.id = d.text()
		case "name":
			m.name = d.text()
		case "arguments", "input":
			if d.kind() == '"' {
				m.args = d.text()
			} else {
				m.args = string(d.raw())
			}
		case "summary":
			m.summary = details(d.scanner)
		case "encrypted_content":
			m.signature = d.text()
		default: // id and status among them: they are of no use to a member
			d.skip()
		}
	}
	if d.err == nil {
		d.say(&m)
	}
}

func (d *responseRequest) say(m *responseItem) {
	switch m.kind {
	case "", "message":
		d.message(m)
	case "function_call", "custom_tool_call":
		if m.id == "" {
			d.fail(".call_id", "missing, want the call's id")
		}
		if m.name == "" {
			d.fail(".name", "missing, want the function's name")
		}
		args := m.args
		if m.kind == "custom_tool_call" { // a free text: members take objects only
			args = string(append(appendString([]byte(`{"input":`), args), '}'))
		}
		d.assistant(llm.Part{Kind: llm.PartCall, Call: &llm.Call{ID: m.id, Name: m.name, Args: args}})
	case "function_call_output", "custom_tool_call_output":
		if m.id == "" {
			d.fail(".call_id", "missing, want the id of the call that this answers")
		}
		if !m.said {
			d.fail(".output", "missing, want string or array")
		}
		d.r.Messages = append(d.r.Messages, llm.Message{Role: llm.RoleTool,
			Parts: []llm.Part{{Kind: llm.PartResult, Result: &llm.Result{CallID: m.id, Parts: m.content}}}})
	case "reasoning":
		var text strings.Builder
		for _, p := range m.content {
			text.WriteString(p.Text)
		}
		if text.Len() == 0 {
			text.WriteString(m.summary)
		}
		if thought := withoutProgress(text.String()); thought != "" || m.signature != "" {
			d.assistant(llm.Part{Kind: llm.PartReasoning, Text: thought, Signature: m.signature})
		}
	case "item_reference":
		d.fail("", "nothing is stored here: send the item itself instead of a reference")
	default:
		d.fail(".type", "got %q, want message, function_call, function_call_output or reasoning", clip(m.kind))
	}
}

func (d *responseRequest) message(m *responseItem) {
	role := llm.Role(m.role)
	switch role {
	case llm.RoleSystem, llm.RoleDeveloper, llm.RoleUser, llm.RoleAssistant:
	case "":
		d.fail(".role", "missing, want system, developer, user or assistant")
	default:
		d.fail(".role", "got %q, want system, developer, user or assistant", clip(m.role))
	}
	if !m.said {
		d.fail(".content", "missing, want string or array")
	}
	for _, p := range m.content {
		if p.Kind == llm.PartRefusal && role != llm.RoleAssistant {
			d.fail(".content", "a refusal in a %s message, want it from the assistant", role)
		}
	}
	if role == llm.RoleAssistant {
		d.assistant(m.content...)
		return
	}
	d.r.Messages = append(d.r.Messages, llm.Message{Role: role, Parts: m.content})
}

// assistant adds parts to the assistant's turn: thoughts, text and calls are
// items of their own here, and one message elsewhere.
func (d *responseRequest) assistant(parts ...llm.Part) {
	if n := len(d.r.Messages); n > 0 && d.r.Messages[n-1].Role == llm.RoleAssistant {
		last := &d.r.Messages[n-1]
		last.Parts = append(last.Parts, parts...)
		return
	}
	d.r.Messages = append(d.r.Messages, llm.Message{Role: llm.RoleAssistant, Parts: parts})
}

// content reads a string or an array of parts. Empty texts leave no part.
func (d *responseRequest) content() []llm.Part {
	if d.kind() == '"' {
		if text := d.text(); text != "" {
			return []llm.Part{{Kind: llm.PartText, Text: text}}
		}
		return nil
	}
	if d.kind() != '[' {
		d.wrong("string or array")
		return nil
	}
	var parts []llm.Part
	for range d.array("") {
		if p := d.part(); p.Text != "" || p.Media != nil {
			parts = append(parts, p)
		}
	}
	return parts
}

// part reads one part of content.
func (d *responseRequest) part() llm.Part {
	chat := &chatRequest{scanner: d.scanner} // for its data: URLs
	var p llm.Part
	var kind string
	m := &llm.Media{}
	for name := range d.object() {
		if d.null() {
			continue
		}
		switch string(name) {
		case "type":
			kind = d.text()
		case "text", "refusal":
			p.Text = d.text()
		case "image_url", "file_url":
			chat.link(m, d.text())
		case "detail":
			m.Detail = d.text()
		case "file_id":
			m.FileID = d.text()
		case "filename":
			m.Name = d.text()
		case "file_data":
			if text := d.text(); strings.HasPrefix(text, "data:") {
				chat.link(m, text)
			} else if d.err == nil {
				m.Data = chat.base64(text)
			}
		case "input_audio":
			m = chat.audio()
		default:
			d.skip()
		}
	}
	switch kind {
	case "input_text", "output_text", "text", "summary_text", "reasoning_text":
		p.Kind = llm.PartText
		return p
	case "refusal":
		p.Kind = llm.PartRefusal
		return p
	case "input_image":
		p.Kind = llm.PartImage
	case "input_file":
		p.Kind = llm.PartFile
	case "input_audio":
		p.Kind = llm.PartAudio
	case "":
		d.fail(".type", "missing, want %s", responseParts)
	default:
		d.fail(".type", "got %q, want %s", clip(kind), responseParts)
	}
	if p.Text, p.Media = "", m; m.URL == "" && m.FileID == "" && len(m.Data) == 0 {
		d.fail("", "%s without a URL, data or file_id", clip(kind))
	}
	return p
}

const responseParts = "input_text, input_image, input_file, input_audio, output_text or refusal"

package dialect

import (
	"encoding/base64"
	"fmt"
	"strings"

	"summit/llm"
)

// chatMessage is one message as it is being read: its fields may come in any
// order, so it is put together at its end.
type chatMessage struct {
	role, name, callID string
	content            []llm.Part
	hasContent         bool // a string or an array, be it empty
	refusal            string
	reasoning          [3]string // reasoning_content, reasoning, reasoning_details: the first that is set counts
	calls              []llm.Part
}

func (d *chatRequest) messages() {
	for range d.array("array of messages") {
		var m chatMessage
		for name := range d.object() {
			if d.null() {
				continue
			}
			switch string(name) {
			case "role":
				m.role = d.text()
			case "name":
				m.name = d.text()
			case "content":
				m.hasContent = true
				m.content = d.content()
			case "refusal":
				m.refusal = d.text()
			case "reasoning_content":
				m.reasoning[0] = d.text()
			case "reasoning":
				if d.kind() == '"' {
					m.reasoning[1] = d.text()
				} else {
					d.skip()
				}
			case "reasoning_details":
				m.reasoning[2] = details(d.scanner)
			case "tool_calls":
				for range d.array("array of tool calls") {
					m.calls = append(m.calls, d.call())
				}
			case "function_call":
				c := &llm.Call{ID: legacyID(len(d.r.Messages))}
				d.function(c)
				if d.legacyIDs == nil {
					d.legacyIDs = map[string]string{}
				}
				d.legacyIDs[c.Name] = c.ID
				m.calls = append(m.calls, llm.Part{Kind: llm.PartCall, Call: c})
			case "tool_call_id":
				m.callID = d.text()
			default:
				d.skip()
			}
		}
		if d.err != nil {
			return
		}
		d.r.Messages = append(d.r.Messages, d.message(&m))
	}
}

// legacyID is the id of a call that the legacy form left without one.
func legacyID(message int) string { return fmt.Sprintf("call_m%d", message) }

// message puts the fields of one message together.
func (d *chatRequest) message(m *chatMessage) llm.Message {
	out := llm.Message{Role: llm.Role(m.role), Name: m.name}
	switch m.role {
	case "system", "developer", "user":
		if !m.hasContent {
			d.fail(".content", "missing, want string or array")
		}
		for _, p := range m.content {
			if p.Kind == llm.PartRefusal {
				d.fail(".content", "a refusal part in a %s message, want it from the assistant", m.role)
			}
		}
		out.Parts = m.content
	case "assistant":
		for _, text := range m.reasoning {
			if text = withoutProgress(text); text != "" {
				out.Parts = append(out.Parts, llm.Part{Kind: llm.PartReasoning, Text: text})
				break
			}
		}
		refusal := ""
		for _, p := range m.content {
			if p.Kind == llm.PartRefusal {
				refusal += p.Text
			} else {
				out.Parts = append(out.Parts, p)
			}
		}
		if refusal += m.refusal; refusal != "" {
			out.Parts = append(out.Parts, llm.Part{Kind: llm.PartRefusal, Text: refusal})
		}
		out.Parts = append(out.Parts, m.calls...)
	case "tool", "function":
		result := &llm.Result{CallID: m.callID, Name: m.name, Parts: m.content}
		if m.role == "function" {
			out.Role = llm.RoleTool
			result.CallID = d.legacyCall(m.name)
		} else if m.callID == "" {
			d.fail(".tool_call_id", "missing, want the id of the tool call that this answers")
		}
		out.Name = ""
		out.Parts = []llm.Part{{Kind: llm.PartResult, Result: result}}
	case "":
		d.fail(".role", "missing, want system, developer, user, assistant or tool")
	default:
		d.fail(".role", "got %q, want system, developer, user, assistant or tool", clip(m.role))
	}
	return out
}

// legacyCall returns the id of the last call of that function in the legacy form.
func (d *chatRequest) legacyCall(name string) string {
	if id, ok := d.legacyIDs[name]; ok {
		return id
	}
	return legacyID(len(d.r.Messages))
}

func (d *chatRequest) call() llm.Part {
	c := &llm.Call{}
	found := false
	for name := range d.object() {
		switch {
		case d.null():
		case string(name) == "id":
			c.ID = d.text()
		case string(name) == "function":
			found = true
			d.function(c)
		default:
			d.skip()
		}
	}
	if !found {
		d.fail(".function", "missing, want an object with name and arguments")
	}
	if c.ID == "" {
		d.fail(".id", "missing, want the call's id")
	}
	return llm.Part{Kind: llm.PartCall, Call: c}
}

// function reads name and arguments of a call.
func (d *chatRequest) function(c *llm.Call) {
	for name := range d.object() {
		switch {
		case d.null():
		case string(name) == "name":
			c.Name = d.text()
		case string(name) == "arguments":
			if d.kind() == '"' {
				c.Args = d.text()
			} else if d.kind() == '{' { // some clients send the object itself
				c.Args = string(d.raw())
			} else {
				d.wrong("string")
			}
		default:
			d.skip()
		}
	}
	if c.Name == "" {
		d.fail(".name", "missing, want the function's name")
	}
}

// content reads a string or an array of parts. Empty texts leave no part.
func (d *chatRequest) content() []llm.Part {
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
		if p := d.part(); p.Kind != llm.PartText || p.Text != "" {
			parts = append(parts, p)
		}
	}
	return parts
}

// part reads one part of a content array.
func (d *chatRequest) part() llm.Part {
	var p llm.Part
	var kind string
	var media *llm.Media
	var hasText bool
	for name := range d.object() {
		if d.null() {
			continue
		}
		switch string(name) {
		case "type":
			kind = d.text()
		case "text", "refusal":
			p.Text, hasText = d.text(), true
		case "image_url":
			media = d.image()
		case "input_audio":
			media = d.audio()
		case "file":
			media = d.file()
		case "cache_control":
			for name := range d.object() {
				if string(name) == "type" {
					p.Cache = d.text()
				} else {
					d.skip()
				}
			}
		default:
			d.skip()
		}
	}
	switch kind {
	case "text":
		p.Kind = llm.PartText
	case "refusal":
		p.Kind = llm.PartRefusal
	case "image_url":
		p.Kind = llm.PartImage
	case "input_audio":
		p.Kind = llm.PartAudio
	case "file":
		p.Kind = llm.PartFile
	case "":
		d.fail(".type", "missing, want text, image_url, input_audio, file or refusal")
	default:
		d.fail(".type", "got %q, want text, image_url, input_audio, file or refusal", clip(kind))
	}
	if (p.Kind == llm.PartText || p.Kind == llm.PartRefusal) && !hasText {
		d.fail("."+kind, "missing, want string")
	}
	if p.Kind == llm.PartImage || p.Kind == llm.PartAudio || p.Kind == llm.PartFile {
		if p.Text, p.Media = "", media; media == nil {
			d.fail("."+kind, "missing, want object")
		}
	}
	return p
}

func (d *chatRequest) image() *llm.Media {
	m := &llm.Media{}
	if d.kind() == '"' { // the short form of some clients
		d.link(m, d.text())
		return m
	}
	for name := range d.object() {
		switch {
		case d.null():
		case string(name) == "url":
			d.link(m, d.text())
		case string(name) == "detail":
			m.Detail = d.text()
		default:
			d.skip()
		}
	}
	if m.URL == "" && m.Data == nil {
		d.fail(".url", "missing, want a URL or a data: URL")
	}
	return m
}

// link sets the URL, or, for a data: URL with base64, type and bytes.
func (d *chatRequest) link(m *llm.Media, url string) {
	rest, ok := strings.CutPrefix(url, "data:")
	kind, data, found := strings.Cut(rest, ";base64,")
	if !ok || !found || strings.Contains(kind, ",") {
		m.URL = url
		return
	}
	m.MIME, m.Data = kind, d.base64(data)
}

func (d *chatRequest) base64(text string) []byte {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		if data, err = base64.RawStdEncoding.DecodeString(text); err != nil {
			d.fail("", "not base64: %v", err)
			return nil
		}
	}
	if len(data) == 0 {
		d.fail("", "no data, want base64")
	}
	return data
}

func (d *chatRequest) audio() *llm.Media {
	m := &llm.Media{}
	for name := range d.object() {
		switch {
		case d.null():
		case string(name) == "data":
			m.Data = d.base64(d.text())
		case string(name) == "format":
			m.MIME = "audio/" + d.text()
		default:
			d.skip()
		}
	}
	if m.Data == nil {
		d.fail(".data", "missing, want base64")
	}
	return m
}

func (d *chatRequest) file() *llm.Media {
	m := &llm.Media{}
	for name := range d.object() {
		if d.null() {
			continue
		}
		switch string(name) {
		case "file_id":
			m.FileID = d.text()
		case "filename":
			m.Name = d.text()
		case "file_data":
			text := d.text()
			if strings.HasPrefix(text, "data:") {
				d.link(m, text)
			} else if d.err == nil {
				m.Data = d.base64(text)
			}
		default:
			d.skip()
		}
	}
	if (m.FileID == "") == (m.Data == nil) || m.URL != "" {
		d.fail("", "want either file_id or file_data in base64")
	}
	return m
}

// details reads the text of reasoning_details, a list of typed pieces, of
// which some are encrypted and have none.
func details(s *scanner) string {
	if s.kind() != '[' {
		s.skip()
		return ""
	}
	var text strings.Builder
	for range s.array("") {
		if s.kind() != '{' {
			s.skip()
			continue
		}
		for name := range s.object() {
			if (string(name) == "text" || string(name) == "summary") && s.kind() == '"' {
				text.WriteString(s.text())
			} else {
				s.skip()
			}
		}
	}
	return text.String()
}

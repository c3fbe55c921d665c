package fake

import (
	"encoding/json"
	"fmt"
	"strings"
)

// chatMessage is a message of a request.
type chatMessage struct {
	Role      string          `json:"role"`
	Content   json.RawMessage `json:"content"`
	Reasoning string          `json:"reasoning_content"`
	Plain     string          `json:"reasoning"`
	CallID    string          `json:"tool_call_id"`
	Calls     []struct {
		ID       string `json:"id"`
		Type     string `json:"type"`
		Function struct {
			Name      string `json:"name"`
			Arguments string `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
}

// messages reads the conversation. What it returns is what is wrong.
func (c *chat) messages(a *Ask, messages []chatMessage) string {
	waiting := map[string]bool{} // calls whose result has not come
	for i, m := range messages {
		t := Turn{Role: m.Role, CallID: m.CallID, Thoughts: m.Reasoning + m.Plain}
		where := fmt.Sprintf("messages[%d]", i)
		if m.Role != "tool" && len(waiting) > 0 {
			return where + ": an assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'"
		}
		switch m.Role {
		case "developer":
			t.Role = "system"
		case "system", "user":
		case "assistant":
			if len(m.Content) == 0 && len(m.Calls) == 0 {
				return where + ": content or tool_calls must be set"
			}
			for _, call := range m.Calls {
				if call.ID == "" || call.Type != "function" || call.Function.Name == "" || !json.Valid([]byte(call.Function.Arguments)) {
					return where + ": tool_calls: want id, type function, a name and arguments that are JSON"
				}
				waiting[call.ID] = true
				t.Calls = append(t.Calls, Call{call.ID, call.Function.Name, call.Function.Arguments})
			}
		case "tool":
			if !waiting[m.CallID] {
				return where + ": role 'tool' must be a response to a preceding message with 'tool_calls'"
			}
			delete(waiting, m.CallID)
		default:
			return where + ": unknown role '" + m.Role + "'"
		}
		if message := c.content(&t, m.Content); message != "" {
			return where + ": " + message
		}
		if m.Role != "assistant" && len(m.Content) == 0 {
			return where + ": content is missing"
		}
		if thought, rest, ok := strings.Cut(t.Text, "</think>"); ok && m.Role == "assistant" && strings.HasPrefix(thought, "<think>") {
			t.Thoughts, t.Text = strings.TrimPrefix(thought, "<think>"), strings.TrimLeft(rest, "\n")
		}
		a.Turns = append(a.Turns, t)
	}
	if len(waiting) > 0 {
		return "tool_call_ids did not have response messages"
	}
	return ""
}

// content reads a message's content: a text, parts or nothing.
func (c *chat) content(t *Turn, content json.RawMessage) string {
	if len(content) == 0 || string(content) == "null" || json.Unmarshal(content, &t.Text) == nil {
		return ""
	}
	var parts []struct {
		Type  string `json:"type"`
		Text  string `json:"text"`
		Image struct {
			URL string `json:"url"`
		} `json:"image_url"`
	}
	if json.Unmarshal(content, &parts) != nil || len(parts) == 0 {
		return "content is neither a text nor an array of parts"
	}
	for _, p := range parts {
		switch {
		case p.Type == "text":
			t.Text += p.Text
		case p.Type == "image_url" && c.images:
			m, ok := image(p.Image.URL)
			if !ok {
				return "the image is neither at a URL nor base64 of an image"
			}
			t.Images = append(t.Images, m)
		default:
			return "this model does not support content of type '" + p.Type + "'"
		}
	}
	return ""
}

package template

import (
	"encoding/json"
	"errors"
	"strings"
)

// hunyuan is the format of Hunyuan's models: calls as one JSON list, or each
// with its name and a fence; answers framed by <answer>.
func init() {
	t := &tags{open: "<think>", close: "</think>", callOpen: "<tool_calls>", callClose: "</tool_calls>", parse: hunyuanCalls, drop: []string{"<answer>", "</answer>"}}
	f := t.format("hunyuan", "<tool_calls>")
	f.Form = func(source string) *Form {
		if strings.Contains(source, "```") {
			return &Form{Open: "<tool_calls>\n", Begin: "<tool_call>", Middle: "\n```json\n", End: "\n```\n</tool_call>\n", Close: "</tool_calls>"}
		}
		return &Form{Open: "<tool_calls>[", Begin: `{"name": "`, Middle: `", "arguments": `, End: "}", Between: ", ", Close: "]</tool_calls>"}
	}
	Register(f)
}

func hunyuanCalls(body string, o Options) ([]Part, error) {
	if strings.HasPrefix(strings.TrimSpace(body), "[") {
		return jsonCalls(body, o)
	}
	var all []Part
	for strings.TrimSpace(body) != "" {
		one, rest, ok := between(body, "<tool_call>", "</tool_call>")
		if !ok {
			return nil, errors.New("something that is no call")
		}
		body = rest
		if strings.HasPrefix(strings.TrimSpace(one), "{") {
			p, err := jsonCall([]byte(one))
			if err != nil {
				return nil, err
			}
			all = append(all, p)
			continue
		}
		name, args, _ := strings.Cut(strings.TrimSpace(one), "\n")
		name = strings.TrimSpace(strings.TrimPrefix(name, "function"))
		a, err := arguments(json.RawMessage(unfence(args)))
		if err != nil {
			return nil, err
		}
		if name == "" {
			return nil, errors.New("a call without a name")
		}
		all = append(all, Part{Kind: Call, Name: name, Arguments: a})
	}
	if all == nil {
		return nil, errors.New("no call")
	}
	return all, nil
}

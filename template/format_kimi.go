package template

import (
	"encoding/json"
	"errors"
	"strings"
)

// kimi is the format of Kimi K2: a section of calls, each with an id that
// holds the name, functions.NAME:INDEX.
func init() {
	t := &tags{
		open: "<think>", close: "</think>",
		callOpen: "<|tool_calls_section_begin|>", callClose: "<|tool_calls_section_end|>", parse: kimiCalls,
	}
	f := t.format("kimi", "<|tool_calls_section_begin|>")
	f.Tags = append(f.Tags, kimiBegin, kimiArgs, kimiEnd)
	f.Form = always(Form{Open: "<|tool_calls_section_begin|>", Begin: kimiBegin + "functions.", Number: ":", Middle: kimiArgs, End: kimiEnd, Close: "<|tool_calls_section_end|>"})
	Register(f)
}

const (
	kimiBegin = "<|tool_call_begin|>"
	kimiArgs  = "<|tool_call_argument_begin|>"
	kimiEnd   = "<|tool_call_end|>"
)

func kimiCalls(body string, _ Options) ([]Part, error) {
	var all []Part
	for strings.TrimSpace(body) != "" {
		one, rest, ok := between(body, kimiBegin, kimiEnd)
		if !ok {
			return nil, errors.New("something that is no call")
		}
		body = rest
		id, args, ok := strings.Cut(one, kimiArgs)
		if !ok {
			return nil, errors.New("a call without arguments")
		}
		id = strings.TrimSpace(id)
		name := strings.TrimPrefix(id, "functions.")
		if i := strings.LastIndexByte(name, ':'); i >= 0 {
			name = name[:i]
		}
		a, err := arguments(json.RawMessage(args))
		if err != nil {
			return nil, err
		}
		if name == "" {
			return nil, errors.New("a call without a name")
		}
		all = append(all, Part{Kind: Call, ID: id, Name: name, Arguments: a})
	}
	if all == nil {
		return nil, errors.New("no call")
	}
	return all, nil
}

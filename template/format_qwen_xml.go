package template

import (
	"errors"
	"strings"
)

// qwen_xml is the format of Qwen3-Coder and Qwen3.5: each call between
// <tool_call> tags as XML, values without quotes on lines of their own.
func init() {
	t := &tags{open: "<think>", close: "</think>", callOpen: "<tool_call>", callClose: "</tool_call>", parse: qwenXMLCalls}
	f := t.format("qwen_xml", "<tool_call>", "<function=")
	f.Form = always(Form{Begin: "<tool_call>\n<function=", Middle: ">\n", End: "</function>\n</tool_call>",
		Pairs: &Pairs{Key: "<parameter=", Value: ">\n", End: "\n</parameter>\n"}})
	Register(f)
}

func qwenXMLCalls(body string, o Options) ([]Part, error) {
	name, rest, ok := between(body, "<function=", ">")
	if name = strings.TrimSpace(name); !ok || name == "" {
		return nil, errors.New("something that is no call")
	}
	var args object
	for {
		after, closed := strings.CutPrefix(strings.TrimLeft(rest, " \t\n"), "</function>")
		if closed {
			if strings.TrimSpace(after) != "" {
				return nil, errors.New("something after the call")
			}
			return []Part{{Kind: Call, Name: name, Arguments: args.String()}}, nil
		}
		key, after, ok := between(rest, "<parameter=", ">")
		if !ok {
			return nil, errors.New("something that is no argument")
		}
		value, after, ok := strings.Cut(after, "</parameter>")
		if !ok {
			return nil, errMore
		}
		args.add(name, strings.TrimSpace(key), strings.TrimSuffix(strings.TrimPrefix(value, "\n"), "\n"), o)
		rest = after
	}
}

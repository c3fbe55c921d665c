package template

import (
	"errors"
	"strings"
)

// arg_key is the format of GLM-4.5 and later, and of Spark-X2.5: the name,
// then each argument as a pair of tags, values without quotes.
func init() {
	t := &tags{open: "<think>", close: "</think>", callOpen: "<tool_call>", callClose: "</tool_call>", parse: argKeyCall}
	f := t.format("arg_key", "<tool_call>", "<arg_key>")
	f.Form = always(Form{Begin: "<tool_call>", Middle: "\n", End: "</tool_call>",
		Pairs: &Pairs{Key: "<arg_key>", Value: "</arg_key>\n<arg_value>", End: "</arg_value>\n"}})
	Register(f)
}

func argKeyCall(body string, o Options) ([]Part, error) {
	name, rest := body, ""
	if i := strings.Index(body, "<arg_key>"); i >= 0 {
		name, rest = body[:i], body[i:]
	}
	if name = strings.TrimSpace(name); name == "" || strings.ContainsAny(name, "<>{}\n") {
		return nil, errors.New("a call without a name")
	}
	var args object
	for strings.TrimSpace(rest) != "" {
		key, after, ok := between(rest, "<arg_key>", "</arg_key>")
		if !ok {
			return nil, errors.New("something that is no argument")
		}
		value, left, ok := between(after, "<arg_value>", "</arg_value>")
		if !ok {
			if strings.HasPrefix(strings.TrimSpace(after), "<arg_value>") {
				return nil, errMore // the end of the call stood in a value
			}
			return nil, errors.New("an argument without a value")
		}
		args.add(name, strings.TrimSpace(key), value, o)
		rest = left
	}
	return []Part{{Kind: Call, Name: name, Arguments: args.String()}}, nil
}

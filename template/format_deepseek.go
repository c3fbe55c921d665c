package template

import (
	"encoding/json"
	"errors"
	"strings"
)

// deepseek is the format of DeepSeek V3, R1 and V3.1: a section of calls, each
// with its name and arguments; until V3.1 behind a type and in a code fence.
func init() {
	t := &tags{
		open: "<think>", close: "</think>",
		callOpen: "<｜tool▁calls▁begin｜>", callClose: "<｜tool▁calls▁end｜>", parse: deepseekCalls,
	}
	f := t.format("deepseek", "<｜tool▁calls▁begin｜>")
	f.Tags = append(f.Tags, deepseekBegin, deepseekSep, deepseekEnd)
	f.Form = func(source string) *Form {
		form := &Form{Open: "<｜tool▁calls▁begin｜>", Begin: deepseekBegin, Middle: deepseekSep, End: deepseekEnd, Between: "\n", Close: "<｜tool▁calls▁end｜>"}
		if strings.Contains(source, "```") {
			form.Begin, form.Middle, form.End = deepseekBegin+"function"+deepseekSep, "\n```json\n", "\n```"+deepseekEnd
		}
		return form
	}
	Register(f)
}

const (
	deepseekBegin = "<｜tool▁call▁begin｜>"
	deepseekSep   = "<｜tool▁sep｜>"
	deepseekEnd   = "<｜tool▁call▁end｜>"
)

func deepseekCalls(body string, _ Options) ([]Part, error) {
	var all []Part
	for strings.TrimSpace(body) != "" {
		one, rest, ok := between(body, deepseekBegin, deepseekEnd)
		if !ok {
			return nil, errors.New("something that is no call")
		}
		body = rest
		name, args, ok := strings.Cut(one, deepseekSep)
		if !ok {
			return nil, errors.New("a call without arguments")
		}
		if strings.TrimSpace(name) == "function" {
			if name, args, ok = strings.Cut(args, "\n"); !ok {
				return nil, errors.New("a call without arguments")
			}
		}
		a, err := arguments(json.RawMessage(unfence(args)))
		if err != nil {
			return nil, err
		}
		if name = strings.TrimSpace(name); name == "" {
			return nil, errors.New("a call without a name")
		}
		all = append(all, Part{Kind: Call, Name: name, Arguments: a})
	}
	if all == nil {
		return nil, errors.New("no call")
	}
	return all, nil
}

// unfence takes a Markdown fence away.
func unfence(s string) string {
	s = strings.TrimSpace(s)
	if rest, ok := strings.CutPrefix(s, "```"); ok {
		rest = strings.TrimPrefix(rest, "json")
		s = strings.TrimSpace(strings.TrimSuffix(rest, "```"))
	}
	return s
}

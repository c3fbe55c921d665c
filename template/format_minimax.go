package template

import (
	"errors"
	"strings"
)

// minimax is the format of MiniMax-M2: calls as XML, values without quotes.
func init() {
	t := &tags{open: "<think>", close: "</think>", callOpen: "<minimax:tool_call>", callClose: "</minimax:tool_call>", parse: minimaxCalls}
	f := t.format("minimax", "<minimax:tool_call>")
	f.Form = always(Form{Open: "<minimax:tool_call>\n", Begin: `<invoke name="`, Middle: "\">\n", End: "</invoke>\n", Close: "</minimax:tool_call>",
		Pairs: &Pairs{Key: `<parameter name="`, Value: `">`, End: "</parameter>\n"}})
	Register(f)
}

func minimaxCalls(body string, o Options) ([]Part, error) {
	var all []Part
	for strings.TrimSpace(body) != "" {
		name, rest, ok := between(body, `<invoke name="`, `">`)
		if !ok || name == "" {
			return nil, errors.New("something that is no call")
		}
		var args object
		for {
			after, closed := strings.CutPrefix(strings.TrimLeft(rest, " \t\n"), "</invoke>")
			if closed {
				body = after
				break
			}
			key, after, ok := between(rest, `<parameter name="`, `">`)
			if !ok {
				return nil, errors.New("something that is no argument")
			}
			value, after, ok := strings.Cut(after, "</parameter>")
			if !ok {
				return nil, errMore
			}
			args.add(name, key, value, o)
			rest = after
		}
		all = append(all, Part{Kind: Call, Name: name, Arguments: args.String()})
	}
	if all == nil {
		return nil, errors.New("no call")
	}
	return all, nil
}

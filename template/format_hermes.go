package template

// hermes is the format of Qwen2.5, Qwen3, Hermes and many others: each call is
// a JSON object between <tool_call> tags.
func init() {
	t := &tags{open: "<think>", close: "</think>", callOpen: "<tool_call>", callClose: "</tool_call>", parse: jsonCalls}
	f := t.format("hermes", "<tool_call>")
	f.Form = always(Form{Begin: "<tool_call>\n{\"name\": \"", Middle: `", "arguments": `, End: "}\n</tool_call>"})
	Register(f)
}

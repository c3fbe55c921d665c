package fake

// Deviations returns the ways to leave the common protocol that can be turned
// on, in the order to show them. Those of streams (crlf to comments) are of
// every protocol that streams server-sent events; the others are of OpenAI
// Chat Completions.
func Deviations() []Named {
	return []Named{
		{"usage-last-chunk", "usage stands in the chunk that ends the answer"},
		{"usage-every-chunk", "usage stands in every chunk, as a running total"},
		{"usage-in-choice", "usage stands inside the choice of the last chunk"},
		{"usage-null", "usage is null in every chunk but the last"},
		{"usage-unasked", "usage comes though nobody asked for it"},
		{"usage-none", "there is no usage"},
		{"usage-zero", "all figures of usage are zero"},
		{"finish-empty", `finish_reason is "" until the end`},
		{"finish-null-string", `finish_reason is the string "null" until the end`},
		{"finish-stop-with-tools", `finish_reason is "stop" though tools are called`},
		{"finish-none", "there is no finish_reason at all"},
		{"finish-normal", `finish_reason is "normal" where others say stop`},
		{"finish-eos", `finish_reason is "eos_token" where others say stop`},
		{"finish-sensitive", `finish_reason is "sensitive": the content filter stepped in`},
		{"finish-content-filter", `finish_reason is "content_filter"`},
		{"finish-window", `finish_reason is "model_context_window_exceeded"`},
		{"finish-repetition", `finish_reason is "repetition_truncation"`},
		{"finish-network-error", `finish_reason is "network_error"`},
		{"finish-no-resource", `finish_reason is "insufficient_system_resource"`},
		{"tools-no-index", "pieces of tool calls have no index"},
		{"tools-whole", "a tool call comes in one piece"},
		{"tools-id-repeated", "id and name stand in every piece of a call"},
		{"tools-id-empty", `id and name are "" in later pieces of a call`},
		{"tools-args-object", "arguments are an object rather than a text"},
		{"tools-same-index", "several calls have the same index"},
		{"tools-function-call", "function_call in the singular"},
		{"reasoning-content", "thoughts in reasoning_content"},
		{"reasoning-plain", "thoughts in reasoning"},
		{"reasoning-both", "the same thoughts in reasoning_content and in reasoning"},
		{"reasoning-think", "thoughts between <think> and </think> in content"},
		{"reasoning-details", "thoughts in reasoning_details"},
		{"content-null", "content is null where there is none"},
		{"content-empty", `content is "" beside thoughts and calls`},
		{"role-every", "the role stands in every chunk"},
		{"role-empty", `the role is "" after the first chunk`},
		{"role-none", "there is no role"},
		{"id-changes", "every chunk has another id"},
		{"created-ms", "created is in milliseconds"},
		{"extra-forbidden", "unknown fields of the request are refused"},
		{"done-missing", "the stream ends without [DONE]"},
		{"done-without-finish", "[DONE] comes without a chunk that ends the answer"},
		{"crlf", "lines end in CR LF"},
		{"no-space", "no blank stands behind data:"},
		{"multi-line", "the data of an event is in several lines"},
		{"big-event", "one event is longer than 64 KiB"},
		{"comments", "comments come between the events"},
		{"blank-lines", "blank lines come before the answer"},
	}
}

func known(deviation string) bool {
	for _, d := range Deviations() {
		if d.Name == deviation {
			return true
		}
	}
	return false
}

package member

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"summit/dialect"
	"summit/llm"
)

// Another Summit as a member: its models are asked like any other, and what it
// says happened there comes along: usage in its buckets, its cost where the
// configuration gives no price, its warnings, and the whole tree. A request
// tells which servers it has come through, so that one that comes back is
// refused, and how long its caller waits.
func init() {
	registerOpenAI(vendor{
		name: "summit", about: "another Summit", manual: true, model: "summit",
		quirks: dialect.Quirks{
			ThinkingSwitch: "thinking", BudgetField: "thinking.budget_tokens", ReasoningField: "reasoning_content", DeveloperRole: true,
			Pass:  []string{"*"},
			Codes: map[string]llm.ErrorKind{"upstream_cut": llm.Cut, "upstream_protocol": llm.Protocol, "overloaded": llm.Overloaded, "timeout": llm.Timeout},
		},
		models: []llm.Card{{Model: "summit", Family: "summit"}},
		wire: func(*Config, params) (wire, error) {
			return wire{fields: federalFields, header: federalHeader, event: federalEvent, heard: func() listener { return &federal{} }}, nil
		},
	})
}

// federalFields asks for the tree, and passes on what a recording is found by.
func federalFields(r *llm.Request) map[string]string {
	own := map[string]any{"explain": true}
	if q := r.Summit.Question; q != nil {
		own["question"] = map[string]string{"suite": q.Suite, "id": q.ID}
	}
	if p := r.Summit.Budget.Prefer; p != "" {
		own["budget"] = map[string]string{"prefer": p}
	}
	text, err := json.Marshal(own)
	if err != nil {
		return nil
	}
	return map[string]string{"summit": string(text)}
}

// federalHeader tells through whom the request came and how long its caller
// waits.
func federalHeader(req *http.Request, _ bool) {
	ctx := req.Context()
	if via := llm.Via(ctx); len(via) > 0 {
		req.Header.Set("X-Summit-Via", strings.Join(via, ", "))
	}
	if deadline, ok := ctx.Deadline(); ok {
		if left := time.Until(deadline); left > 0 {
			req.Header.Set("X-Summit-Timeout-Ms", strconv.FormatInt(max(left.Milliseconds(), 1), 10))
		}
	}
}

// federalEvent turns the marked lines of what a council does back into
// progress.
func federalEvent(member string, e *llm.Event) {
	if e.Kind != llm.KindReasoning {
		return
	}
	if line, ok := strings.CutPrefix(strings.TrimLeft(e.Text, "\n"), "⛰ "); ok && strings.Count(line, "\n") <= 1 {
		*e = llm.Event{Kind: llm.KindProgress, Progress: &llm.ProgressNote{Member: member, Note: strings.TrimSpace(line)}}
	}
}

// maxTreeBytes is the longest tree that is kept.
const maxTreeBytes = 1 << 20

// federal hears what another Summit says beside its answer.
type federal struct {
	warnings []string
	tree     json.RawMessage
}

func (f *federal) header(h http.Header) {
	for _, line := range h.Values("X-Summit-Warning") {
		for w := range strings.SplitSeq(line, "; ") {
			f.warn(w)
		}
	}
}

func (f *federal) begin(start *llm.Event) { start.Warnings = slices.Concat(start.Warnings, f.warnings) }

func (f *federal) warn(w string) {
	const most = 50
	if w = strings.TrimSpace(w); w != "" && len(f.warnings) < most && !slices.Contains(f.warnings, w) {
		f.warnings = append(f.warnings, w)
	}
}

func (f *federal) event(data []byte) {
	if !bytes.Contains(data, []byte(`"summit"`)) || len(data) > 2*maxTreeBytes {
		return
	}
	var v struct {
		Summit json.RawMessage `json:"summit"`
	}
	if json.Unmarshal(data, &v) == nil && len(v.Summit) > 0 && v.Summit[0] == '{' && len(v.Summit) <= maxTreeBytes {
		f.tree = v.Summit
	}
}

// tell adds what was heard. A tree that makes no sense is left out: the answer
// is one without it too.
func (f *federal) tell(o *llm.Outcome) {
	if f.tree != nil {
		if r, err := llm.ReadOutcome(f.tree); err != nil {
			f.warn("what happened there could not be read")
		} else {
			o.Remote = r
			if r.Usage.Known() {
				calls := o.Usage.Calls
				o.Usage = r.Usage
				o.Usage.Calls = calls
			}
			o.Cost = r.Cost
			for _, leaf := range r.Leaves() {
				for _, w := range leaf.Warnings {
					if r != leaf {
						w = leaf.Member + ": " + w
					}
					f.warn(w)
				}
			}
		}
	}
	o.Warnings = slices.Concat(o.Warnings, f.warnings)
}

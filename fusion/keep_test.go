package fusion

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"summit/llm"
	"summit/llm/llmtest"
)

// loop returns a conversation in the middle of a turn: the tool has just run.
func loop(question string) *llm.Request {
	r := withTools(user(question))
	r.Messages = append(r.Messages,
		llm.Message{Role: llm.RoleAssistant, Parts: []llm.Part{
			{Kind: llm.PartReasoning, Text: "Hm.", Signature: "sig of a"}, {Kind: llm.PartCall, Call: &llm.Call{ID: "c1", Name: "look", Args: "{}"}}}},
		llm.Message{Role: llm.RoleTool, Parts: []llm.Part{{Kind: llm.PartResult, Result: &llm.Result{CallID: "c1", Parts: []llm.Part{{Kind: llm.PartText, Text: "a hill"}}}}}})
	return r
}

// In the middle of a turn the conversation's member is asked first, also where
// it failed lately; at a user's turn another one takes over. Nobody else sees
// its signed thoughts.
func TestConversationIsKeptThroughATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := everything("a"), everything("b")
		m := build(t, "auto", AutoParams{Order: []string{"b", "a"}}, b, a)
		ask := func(r *llm.Request, want string) {
			t.Helper()
			s := watch(t.Context(), m, r)
			if s.err != nil || s.done.Author().Member != want {
				t.Fatalf("%v, %s answers, want %s\n%s", s.err, s.done.Author().Member, want, tree(s.done))
			}
		}
		thoughts := func(s *llmtest.Script) bool {
			all := s.Asked()
			return all[len(all)-1].Has(llm.PartReasoning)
		}
		ask(withTools(user("Look at it.")), "a")
		// Another conversation makes a cool down.
		pieces := a.Pieces
		a.Err, a.Pieces = llm.Errorf(llm.Overloaded, "busy"), nil
		ask(withTools(user("Look at something else.")), "b")
		a.Err, a.Pieces = nil, pieces
		ask(loop("Look at it."), "a")
		if !thoughts(a) {
			t.Error("a did not get its own thoughts back")
		}
		// It fails before its first event: the next one goes on, without what it
		// can't verify.
		a.Err, a.Pieces = llm.Errorf(llm.Overloaded, "busy"), nil
		ask(loop("Look at it."), "b")
		if thoughts(b) {
			t.Error("b got a's signed thoughts")
		}
		a.Err, a.Pieces = nil, pieces
		// b keeps it now.
		ask(loop("Look at it."), "b")
		if !thoughts(b) {
			t.Error("b keeps the conversation and is told less than was said")
		}
		// At a user's turn a rested conversation's member that cools down is not
		// waited for.
		b.Err, b.Pieces = llm.Errorf(llm.Overloaded, "busy"), nil
		time.Sleep(time.Minute) // a has rested
		ask(withTools(user("Look at something else.")), "a")
		before := len(b.Asked())
		next := loop("Look at it.")
		next.Messages = append(next.Messages, llm.Text(llm.RoleUser, "And now?"))
		ask(next, "a")
		if len(b.Asked()) != before {
			t.Error("b was asked while it rests, at a user's turn")
		}
	})
}

// A break in the middle of an answer is the end of it: nobody else goes on.
func TestNobodyTakesOverInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := llmtest.Behaving("a", llmtest.Cuts)
		cut.Facts.Tools = true
		m := build(t, "auto", AutoParams{Order: []string{"b", "a"}}, everything("b"), cut)
		s := watch(t.Context(), m, withTools(user("Look.")))
		if e := llm.AsError(s.err); e == nil || e.Kind != llm.Cut || len(s.done.Parts) != 1 {
			t.Errorf("%v\n%s\nwant a's answer cut and nobody else asked", s.err, tree(s.done))
		}
	})
}

// Who can't serve a request is left out before anybody is chosen; who is left
// answers alone where answers can't be compared.
func TestAutoByAbility(t *testing.T) {
	plain := func(id string, card llm.Card) *llmtest.Script { return facts(llmtest.Text(id, "42", 10*ms), card, 1) }
	members := func() []llm.Member {
		return []llm.Member{
			plain("small", llm.Card{WindowTokens: 8_000, Tools: true, Structured: true}),
			plain("sees", llm.Card{WindowTokens: 200_000, Inputs: []llm.Modality{llm.ModalityImage}}),
			plain("large", llm.Card{WindowTokens: 1_000_000, Tools: true}),
		}
	}
	image := func() *llm.Request {
		r := user("What is it?")
		r.Messages[0].Parts = append(r.Messages[0].Parts, llm.Part{Kind: llm.PartImage, Media: &llm.Media{URL: "https://example.com/a.png"}})
		return r
	}
	schema := user("Give me JSON.")
	schema.Format = &llm.Format{Kind: "json_schema", Schema: []byte(`{}`)}
	long := user(strings.Repeat("word ", 40_000)) // about 53,000 tokens
	huge := user(strings.Repeat("word ", 300_000))
	result := loop("Look.")
	result.Messages[2].Parts[0].Result.Parts[0].Text = strings.Repeat("word ", 40_000)
	both := withTools(image())
	for _, c := range []struct {
		name string
		r    *llm.Request
		want string // empty = an error
		why  string
	}{
		{"tools", withTools(user("Look.")), "large", "tools: large alone answers; left out: sees (calls no tools)"},
		{"an image", image(), "sees", "images: sees alone answers"},
		{"a schema", schema, "small", "a JSON format: small alone answers"},
		{"a long context", long, "large", "a long context: large alone answers; left out: small (about 52632 input tokens, window is 8000)"},
		{"a huge context", huge, "large", "a long context: large alone answers"},
		{"a long result of a tool", result, "large", "left out: small"},
		{"tools and an image", both, "", "no member can serve this request: small (takes no image input), sees (calls no tools), large (takes no image input)"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := watch(t.Context(), build(t, "auto", AutoParams{Order: []string{"small", "sees", "large"}}, members()...), c.r)
			switch {
			case c.want == "":
				if s.err == nil || !strings.Contains(s.err.Error(), c.why) {
					t.Errorf("%s: %v, want %q", c.name, s.err, c.why)
				}
			case s.err != nil || len(s.done.Parts) != 1 || s.done.Author().Member != c.want || !strings.Contains(s.done.Reason, c.why):
				t.Errorf("%s: %v\n%s\nwant %s alone because %q", c.name, s.err, tree(s.done), c.want, c.why)
			}
		})
	}
}

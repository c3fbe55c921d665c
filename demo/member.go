package demo

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"summit/llm"
)

// Member plays one persona's answers, in pieces and with pauses, as a model
// would write them.
type Member struct {
	persona *persona
	card    llm.Card
}

// Card says that the member is a demonstration.
func (m *Member) Card() *llm.Card { return &m.card }

// Generate plays the answer to the question that the request names in
// Summit.Question or asks in its last user message. To any other question it
// says that it is a demonstration, and what it knows. A prompt of a council,
// to judge or to fuse candidates, is answered by the rule.
func (m *Member) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return llm.NewStream(ctx, m.card.Name, func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		text, err := m.reply(r)
		if err != nil {
			return nil, err
		}
		done := &llm.Outcome{Model: m.card.Model, Finish: llm.FinishStop}
		sent := 0
		// The figures are of what was sent, also where the caller left early.
		defer func() {
			done.Usage = usage(r, text[:sent])
			done.Cost = m.card.Cost(done.Usage, time.Now())
		}()
		if !emit(llm.Event{Kind: llm.KindStart, Model: m.card.Model}) {
			return done, errLeft
		}
		limit := int64(maxOutput)
		if r.MaxTokens > 0 {
			limit = min(limit, int64(r.MaxTokens))
		}
		pause := m.persona.first
		for sent < len(text) {
			n := piece(text[sent:])
			if llm.EstimateTokens(text[:sent+n]) > limit {
				done.Finish = llm.FinishLength
				break
			}
			if err := wait(ctx, pause); err != nil {
				return done, err
			}
			pause = m.persona.pace
			if !emit(llm.Event{Kind: llm.KindText, Text: text[sent : sent+n]}) {
				return done, errLeft
			}
			sent += n
		}
		return done, nil
	})
}

// Quote returns what the request costs at most.
func (m *Member) Quote(r *llm.Request) (*llm.Cost, error) {
	u := usage(r, "")
	u.Output.N = maxOutput
	if r.MaxTokens > 0 {
		u.Output.N = min(maxOutput, int64(r.MaxTokens))
	}
	return m.card.Cost(u, time.Now()), nil
}

// Probe reports that the member is usable: it always is.
func (m *Member) Probe(context.Context) error { return nil }

// errLeft ends a body whose caller is gone; NewStream puts the cause in its
// place.
var errLeft = errors.New("demo: the caller left")

// reply returns the whole text that answers the request.
func (m *Member) reply(r *llm.Request) (string, error) {
	if e := m.card.Fits(r); e != nil {
		return "", e
	}
	if f := r.Format; f != nil && f.Kind != "" && f.Kind != "text" {
		return "", &llm.Error{Kind: llm.Unsupported, Param: "response_format", Message: "the recorded answers are text, not " + f.Kind}
	}
	b := theBook()
	if q := r.Summit.Question; q != nil && q.Suite == Suite {
		i, ok := b.byID[q.ID]
		if !ok {
			return "", llm.Errorf(llm.NotFound, "no question %q in suite %q", clip(q.ID), Suite)
		}
		return m.persona.answerOf(&b.items[i]), nil
	}
	asked := r.LastUser()
	if c, ok := readCouncil(asked); ok {
		return c.verdict(), nil
	}
	if i, ok := b.find(asked); ok {
		return m.persona.answerOf(&b.items[i]), nil
	}
	return unknown(asked), nil
}

// usage estimates what the request and the answer so far use.
func usage(r *llm.Request, answered string) llm.Usage {
	var in int64
	for i := range r.Messages {
		in += llm.EstimateTokens(r.Messages[i].Text())
	}
	estimated := func(n int64) llm.Count { return llm.Count{N: n, From: llm.Estimated} }
	return llm.Usage{Input: estimated(in), Output: estimated(llm.EstimateTokens(answered)), Calls: estimated(1)}
}

// piece returns the length of the next piece of text: a word with the blank
// behind it, or three Chinese characters.
func piece(s string) int {
	wide := 0
	for i, r := range s {
		n := i + utf8.RuneLen(r)
		if unicode.IsSpace(r) {
			return n
		}
		if r >= 0x2E80 {
			if wide++; wide == 3 {
				return n
			}
		}
	}
	return len(s)
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// unknown is what a member says to a question that it has no answer to. It
// has several lines, so that nobody takes it for an answer to compare.
func unknown(asked string) string {
	zh := strings.ContainsFunc(asked, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	lang := "en"
	if zh {
		lang = "zh"
	}
	quoted := strings.Join(examples(lang), "\n- ")
	if zh {
		return "这是一个演示：我只会播放 Summit 作者事先写好的内容，没有调用任何模型，所以这个问题我不会。\n\n" +
			"可以试试这些问题：\n- " + quoted + "\n\n" +
			"接入真实模型，任选一种：\n" +
			"- 设置密钥后启动：DASHSCOPE_API_KEY=... summit serve\n" +
			"- 在本机启动 Ollama，Summit 启动时会自动发现\n" +
			"- 运行 summit config init，写一份配置文件\n"
	}
	return "This is a demonstration: I only play texts that the Summit authors wrote beforehand. No model is asked, so I can say nothing about this.\n\n" +
		"Questions that I know, for example:\n- " + quoted + "\n\n" +
		"To connect real models, do one of these:\n" +
		"- start with a key: DASHSCOPE_API_KEY=... summit serve\n" +
		"- run Ollama on this machine; Summit finds it when it starts\n" +
		"- write a configuration: summit config init\n"
}

// clip keeps error texts short whatever came in.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

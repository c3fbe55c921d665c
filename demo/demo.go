// Package demo is the demonstration alliance: what a newcomer sees who has
// configured nothing. Seven members play answers that Summit's authors wrote
// to a few dozen questions of their own. No model was ever asked, and every
// surface says so.
//
// Its nouns are Question and Member. The members know different things, and
// each is wrong on purpose now and then, so that routing, agreement, voting,
// ranking and fusing can be seen at work: most questions are answered rightly
// by a majority, no member is right as often. Asked to judge or to fuse, a
// member follows a fixed rule, which is in rule.go. To add a question, add it
// with all seven answers to questions.json; the tests say what must hold.
package demo

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"summit/llm"
	"summit/money"
)

// Suite is the suite of the questions, as llm.Question names it.
const Suite = "demo"

// Label is on the card of every member.
const Label = "demonstration"

// Question is a question that the members have answers to.
type Question struct {
	ID        string
	Lang      string // "en" or "zh"
	Text      string
	Reference string // the right answer; empty = an open question, which has many
}

// item is a question with the answers, as questions.json has it.
type item struct {
	ID        string            `json:"id"`
	Lang      string            `json:"lang"`
	Text      string            `json:"text"`
	Reference string            `json:"reference"`
	Answers   map[string]string `json:"answers"` // by persona
}

//go:embed questions.json
var questionsJSON []byte

// book is the questions as they are looked up.
type book struct {
	items  []item
	forms  []form         // of the items
	byID   map[string]int // index into items
	byText map[string]int // normalised text: index into items
}

// theBook reads the embedded questions once. A fault in them is a fault of
// the code, which the tests find.
var theBook = sync.OnceValue(func() *book {
	b := &book{byID: map[string]int{}, byText: map[string]int{}}
	if err := json.Unmarshal(questionsJSON, &b.items); err != nil {
		panic(fmt.Sprintf("demo: questions.json: %v", err))
	}
	for i, q := range b.items {
		f := formOf(q.Text)
		b.forms = append(b.forms, f)
		b.byID[q.ID] = i
		b.byText[f.text] = i
	}
	return b
})

// Questions returns the questions that the members know.
func Questions() []Question {
	b := theBook()
	all := make([]Question, len(b.items))
	for i, q := range b.items {
		all[i] = Question{q.ID, q.Lang, q.Text, q.Reference}
	}
	return all
}

// persona is what makes a member.
type persona struct {
	name          string // without "demo-"
	about         string
	input, output money.Rate    // in CNY, fictional
	first, pace   time.Duration // before the first piece of an answer and between two
}

// personas are in the order of their prices: the cheapest first.
var personas = []persona{
	{"sprinter", "quick and cheap, not always right", 300_000, 600_000, 20 * time.Millisecond, 5 * time.Millisecond},
	{"coder", "at home in code, logic and numbers", 800_000, 2_000_000, 60 * time.Millisecond, 8 * time.Millisecond},
	{"poet", "at home in words, less so in numbers", 1_000_000, 3_000_000, 80 * time.Millisecond, 10 * time.Millisecond},
	{"abacus", "at home in sums, units and dates", 1_500_000, 4_000_000, 70 * time.Millisecond, 8 * time.Millisecond},
	{"jurist", "at home in law and logic", 3_000_000, 9_000_000, 120 * time.Millisecond, 10 * time.Millisecond},
	{"scholar", "at home in facts and words", 4_000_000, 12_000_000, 140 * time.Millisecond, 10 * time.Millisecond},
	{"sage", "the dearest: sees through traps and trips over the simple", 16_000_000, 48_000_000, 200 * time.Millisecond, 12 * time.Millisecond},
}

const (
	// about ends every member's description.
	about = "demonstration: recorded answers written by the Summit authors, some wrong on purpose; no model was asked"
	// maxOutput is more tokens than the longest answer has.
	maxOutput = 1024
	// window is a guess at what looks usual; nothing depends on it.
	window = 32 << 10
)

// Members returns the seven members, the cheapest first. Their prices are
// fictional and in CNY.
func Members() []llm.Member {
	all := make([]llm.Member, len(personas))
	for i := range personas {
		all[i] = newMember(&personas[i])
	}
	return all
}

func newMember(p *persona) *Member {
	return &Member{persona: p, card: llm.Card{
		Name:            "demo-" + p.name,
		Vendor:          "Summit demonstration: " + p.name, // each errs in its own way, as vendors do
		Family:          Label,
		Model:           "demo-" + p.name,
		WindowTokens:    window,
		MaxOutputTokens: maxOutput,
		Prices: []llm.Price{{
			Currency: "CNY", Input: p.input, Output: p.output,
			Source: "fictional: made up for the demonstration", Unverified: true,
		}},
		Labels: []string{Label, "fictional"},
		About:  p.about + " (" + about + ")",
	}}
}

// answerOf returns what the persona answers to the item.
func (p *persona) answerOf(q *item) string { return q.Answers[p.name] }

// examples returns a few question texts of the language that show different
// things.
func examples(lang string) []string {
	want := []string{"en-sum-bat", "en-fact-highest", "en-open-sky"}
	if lang == "zh" {
		want = []string{"zh-sum-rabbits", "zh-word-moonlight", "zh-open-everest"}
	}
	var texts []string
	for _, q := range Questions() {
		if slices.Contains(want, q.ID) {
			texts = append(texts, q.Text)
		}
	}
	return texts
}

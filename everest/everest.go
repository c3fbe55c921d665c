// Package everest is the alliance of Summit's own: seven very small language
// models that were trained with Summit, are computed by Summit's engine, and
// lie in the binary. They make a fresh machine answer without a key, without
// a network and without a download.
//
// Its nouns are Skill (what one model can do: how its questions and answers
// are made, and when a reply is right), Example (a question with its answer),
// Gate (which skill a text asks for, learned), and Specialist (a skill's model
// as a member). Skills are Go code that makes training data and checks
// replies; nothing here answers a question. Without the weights a member
// can't be made.
//
// To add a skill, write one file that calls register, and recipe/<name>.yaml.
package everest

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Example is one question with the answer that a model is trained to give.
type Example struct {
	Key    string // the problem whatever its wording: it decides whether the example is held out
	Prompt string
	Answer string
	Lang   string // zh or en
}

// Part says what an example, or a poem of the corpus, is for.
type Part int

// The parts: about 5 % of all problems are for tests, 5 % for validation, and
// neither is ever trained on.
const (
	Train Part = iota
	Validation
	Test
)

// partOf deals problems by the first byte of the SHA-256 of what identifies them.
func partOf(key string) Part {
	switch b := sha256.Sum256([]byte(key))[0]; {
	case b < 13:
		return Test
	case b < 26:
		return Validation
	}
	return Train
}

// Part says what the example is for. It is decided by the problem, so that no
// other wording of a test is in the training data.
func (e *Example) Part() Part { return partOf(e.Key) }

// Skill is what one of the models can do.
type Skill struct {
	Name    string // such as sum; the member is everest-sum
	Arch    string // the architecture of the model, after another member's
	About   string // one sentence
	AboutZH string
	Can     string // completes "I only ..." in a refusal
	CanZH   string
	// Limit completes "Beyond me: I only ...", what is said to a problem of the
	// skill's kind that is too large or too hard for the model.
	Limit, LimitZH string
	// Make makes one example. nil = the examples come from a corpus.
	Make func(r *rand.Rand) Example
	// Free makes one example as people word it, or one that is beyond the
	// model.
	Free func(r *rand.Rand) Example
	// Ask makes one prompt, for the gate and for refusals of other models.
	Ask func(r *rand.Rand) Example
	// Put puts a prompt as the model knows it. nil = as it is.
	Put func(prompt string) string
	// Temperature and TopP are how the model is sampled where a request says
	// nothing; 0 and 0 = always the likeliest token.
	Temperature, TopP float32
	// Right reports whether a reply answers what reference answers. For poems
	// the reference is the form.
	Right func(reply, reference string) bool
}

// Member is the name under which the skill's model is asked.
func (s *Skill) Member() string { return "everest-" + s.Name }

// Refusal is what the model is trained to say to what is not its skill.
func (s *Skill) Refusal(lang string) string {
	if lang == "zh" {
		return "这不归我管：我只会" + s.CanZH + "。"
	}
	return "Not my skill: I only " + s.Can + "."
}

// Beyond is what the model is trained to say to a problem of its kind that is
// beyond it.
func (s *Skill) Beyond(lang string) string {
	if lang == "zh" {
		return "这题超出我的范围：我只会" + s.LimitZH + "。"
	}
	return "Beyond me: I only " + s.Limit + "."
}

// Refused reports whether a reply is a refusal, of either kind.
func Refused(reply string) bool {
	reply = strings.TrimSpace(reply)
	for _, begin := range []string{"这不归我管", "这题超出我的范围", "Not my skill", "Beyond me"} {
		if strings.HasPrefix(reply, begin) {
			return true
		}
	}
	return false
}

var skills []*Skill

func register(s Skill) {
	if s.Ask == nil {
		s.Ask = s.Make
	}
	skills = append(skills, &s)
	slices.SortFunc(skills, func(a, b *Skill) int { return strings.Compare(a.Name, b.Name) })
}

// Skills returns all skills by name.
func Skills() []*Skill { return slices.Clone(skills) }

// Find returns the skill of that name.
func Find(name string) (*Skill, error) {
	var names []string
	for _, s := range skills {
		if s.Name == strings.TrimPrefix(name, "everest-") {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return nil, fmt.Errorf("everest: skill %q, want one of %s", name, strings.Join(names, ", "))
}

// one returns one of the choices.
func one[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// between returns a number from lo to hi, both included.
func between(r *rand.Rand, lo, hi int) int { return lo + r.IntN(hi-lo+1) }

// digits returns a number of 1 to most digits, each length as likely.
func digits(r *rand.Rand, most int) int {
	n, lo := between(r, 1, most), 0
	hi := 9
	for range n - 1 {
		lo, hi = hi+1, hi*10+9
	}
	return between(r, lo, hi)
}

// wording returns one of the prompts for a problem: those in English or those
// in Chinese. %[1]v and so on stand for the arguments.
func wording(r *rand.Rand, zh, en []string, args ...any) (prompt, lang string) {
	list, lang := zh, "zh"
	if len(zh) == 0 || len(en) > 0 && r.IntN(2) == 0 {
		list, lang = en, "en"
	}
	prompt = fmt.Sprintf(one(r, list...), args...)
	if i := strings.Index(prompt, "%!(EXTRA"); i >= 0 {
		prompt = prompt[:i]
	}
	return prompt, lang
}

// lastLine returns the last line of a reply that is not empty.
func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return strings.TrimSpace(s[strings.LastIndexByte(s, '\n')+1:])
}

// conclusion returns what stands behind the last arrow or equals sign: the
// answer after the worked steps.
func conclusion(s string) string {
	s = lastLine(s)
	if i := strings.LastIndex(s, "→"); i >= 0 {
		s = s[i+len("→"):]
	}
	return strings.TrimSpace(s)
}

// sameConclusion is the check of skills whose answers end in an arrow and the
// result.
func sameConclusion(reply, reference string) bool {
	return conclusion(reply) != "" && conclusion(reply) == conclusion(reference)
}

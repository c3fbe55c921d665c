package fusion

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"summit/answer"
	"summit/llm"
	"summit/verify"
)

func init() {
	Register("verify", "members in order, each answer checked; the first that passes is returned word for word", newVerify)
}

// VerifyParams are the parameters of verify. Members are asked one after the
// other in the order of the configuration, cheap ones first.
type VerifyParams struct {
	Checks        []VerifyCheck `yaml:"checks" json:"checks,omitempty" jsonschema_description:"what an answer has to pass, all of it; none = only the JSON format that a request itself asks for"`
	Attempts      int           `yaml:"attempts" json:"attempts,omitempty" jsonschema:"minimum=0,maximum=8" jsonschema_description:"calls of one member, which is told from the second on what its last answer failed; 0 = 1"`
	OnFailure     string        `yaml:"on_failure" json:"on_failure,omitempty" jsonschema:"enum=best,enum=error" jsonschema_description:"where no answer passes: best = the one that passes most checks, of equals the last; error = no answer; empty = best"`
	OnUnavailable string        `yaml:"on_unavailable" json:"on_unavailable,omitempty" jsonschema:"enum=fail,enum=skip" jsonschema_description:"where a check can't be made: fail = as if the answer failed it; skip = the others decide, and where none is left the answer counts as not verified and nobody else is asked; empty = fail"`
	AllowCommands bool          `yaml:"allow_commands" json:"allow_commands,omitempty" jsonschema_description:"checks of the kind command may run what models write, in a sandbox on this machine; false = they are refused"`
	Budget        Budget        `yaml:"budget" json:"budget,omitzero" jsonschema_description:"bounds of one request"`
}

// VerifyCheck is one check: exactly one of its fields is set. There is one for
// each kind of package verify, under the kind's name.
type VerifyCheck struct {
	JSONSchema *verify.JSONSchemaParams `yaml:"json_schema" json:"json_schema,omitempty" jsonschema_description:"the JSON in the reply is valid by a schema"`
	Regexp     *verify.RegexpParams     `yaml:"regexp" json:"regexp,omitempty" jsonschema_description:"the final answer, or the whole reply, matches a regular expression"`
	Arithmetic *verify.ArithmeticParams `yaml:"arithmetic" json:"arithmetic,omitempty" jsonschema_description:"every equation between numbers in the reply holds"`
	Starlark   *verify.StarlarkParams   `yaml:"starlark" json:"starlark,omitempty" jsonschema_description:"an expression or a small program of your own"`
	HTTP       *verify.HTTPParams       `yaml:"http" json:"http,omitempty" jsonschema_description:"a verifier of your own behind a URL"`
	Command    *verify.CommandParams    `yaml:"command" json:"command,omitempty" jsonschema_description:"a command of your own runs the reply's code in a sandbox; only with allow_commands: true"`
}

const (
	maxChecks   = 16 // of one answer
	maxAttempts = 8  // of one member; a member that failed so often won't pass
)

// verifier asks members until an answer passes its checks.
type verifier struct {
	*base
	checks   []check
	attempts int
	strict   bool // no answer where none passes
	skip     bool // checks that can't be made are left out
}

// check is a checker under the name that the caller reads.
type check struct {
	name string
	verify.Checker
}

func newVerify(env Env, p VerifyParams) (llm.Member, error) {
	b, err := newBase("verify", env, needsOne, p.Budget, nil)
	if err != nil {
		return nil, err
	}
	v := &verifier{base: b, attempts: max(p.Attempts, 1), strict: p.OnFailure == "error", skip: p.OnUnavailable == "skip"}
	switch {
	case p.Attempts < 0 || p.Attempts > maxAttempts:
		return nil, b.errorf("attempts: %d, want 1 to %d", p.Attempts, maxAttempts)
	case len(p.Checks)+len(env.Checkers) > maxChecks:
		return nil, b.errorf("checks: %d, want at most %d", len(p.Checks)+len(env.Checkers), maxChecks)
	case p.OnFailure != "" && p.OnFailure != "best" && p.OnFailure != "error":
		return nil, b.errorf("on_failure: %q, want best or error", clip(p.OnFailure))
	case p.OnUnavailable != "" && p.OnUnavailable != "fail" && p.OnUnavailable != "skip":
		return nil, b.errorf("on_unavailable: %q, want fail or skip", clip(p.OnUnavailable))
	}
	for i, c := range env.Checkers {
		v.checks = append(v.checks, check{fmt.Sprintf("given %d", i+1), c})
	}
	if len(p.Checks) == 0 && len(env.Checkers) == 0 {
		p.Checks = []VerifyCheck{{JSONSchema: &verify.JSONSchemaParams{RequestFormat: true}}}
	}
	names := map[string]int{}
	for i, c := range p.Checks {
		kind, params, err := c.one()
		if err != nil {
			return nil, b.errorf("checks[%d]: %w", i, err)
		}
		checker, err := verify.New(kind, verify.Env{AllowCommands: p.AllowCommands}, params)
		if err != nil {
			return nil, b.errorf("checks[%d]: %w", i, err)
		}
		name := kind
		if names[kind]++; names[kind] > 1 {
			name = fmt.Sprintf("%s %d", kind, names[kind])
		}
		v.checks = append(v.checks, check{name, checker})
	}
	return v, nil
}

// one returns the kind that is set, and its parameters.
func (c *VerifyCheck) one() (kind string, params any, err error) {
	v := reflect.ValueOf(c).Elem()
	var set, all []string
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		all = append(all, name)
		if !v.Field(i).IsNil() {
			set = append(set, name)
			kind, params = name, v.Field(i).Interface()
		}
	}
	if len(set) != 1 {
		got := "none"
		if len(set) > 0 {
			got = strings.Join(set, " and ")
		}
		return "", nil, fmt.Errorf("%s, want exactly one of %s", got, strings.Join(all, ", "))
	}
	return kind, params, nil
}

// Generate asks one member after the other until an answer passes.
func (v *verifier) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return v.stream(ctx, r, func(ctx context.Context, w *work) error {
		seats, err := w.fitting()
		if err != nil {
			return err
		}
		if toolWork(r) {
			return w.one(ctx, strongest(seats), "tool calls can't be checked")
		}
		return v.ask(ctx, w, seats)
	})
}

// attempt is one answer and what the checks say of it.
type attempt struct {
	reply
	verdict
}

// ask asks the seats in order, each up to attempts times.
func (v *verifier) ask(ctx context.Context, w *work, seats []*seat) error {
	attempts := v.attempts
	if w.recorded() {
		attempts = 1 // a recording says the same again
	}
	var tried []attempt // that answered
	var replies []reply
	end := w.phase(1)
	left := len(seats) * attempts
	for i, s := range seats {
		for n := 1; n <= attempts; n++ {
			left--
			now := time.Now()
			if ctx.Err() != nil || !now.Before(end) {
				if ctx.Err() == nil {
					w.note("the time limit passed before %s was asked", seatNames(seats[i:]))
				}
				return v.conclude(w, tried, replies)
			}
			until := end
			if left > 0 { // so that one that hangs leaves time for the next
				until = now.Add(end.Sub(now) / 2)
			}
			a := v.prepare(w, s, n, tried)
			sc := w.scope(ctx, until, s.strategy)
			rep := w.put(&sc, a)
			sc.stop()
			replies = append(replies, rep)
			if !rep.answered() {
				left -= attempts - n
				break // the next member may be in better health
			}
			tried = append(tried, attempt{reply: rep})
			t := &tried[len(tried)-1]
			t.verdict = v.inspect(ctx, w, &t.reply, end)
			t.part.Reason = joined(t.part.Reason, t.verdict.String())
			if t.passes() {
				if t.proved() {
					w.out.Verified = new(true)
				}
				w.out.Stop = "the answer passed"
				return v.accept(w, t, "")
			}
			w.progress(s.name, llm.StateFailed, clip(t.verdict.String()))
			if v.skip && t.failed() == 0 && t.unavailable() > 0 {
				return v.conclude(w, tried, replies) // nobody else's answer could be checked
			}
			if t.failed() == 0 {
				left -= attempts - n
				break // there is nothing to tell it
			}
		}
	}
	return v.conclude(w, tried, replies)
}

// prepare is the question to a member: the request itself, or with what the
// last answer failed.
func (v *verifier) prepare(w *work, s *seat, n int, tried []attempt) ask {
	a := ask{seat: s, r: w.r}
	if n > 1 {
		a.reason = fmt.Sprintf("attempt %d", n)
	}
	if len(tried) == 0 || w.recorded() {
		return a
	}
	last := &tried[len(tried)-1]
	if last.failed() == 0 {
		return a
	}
	if r := w.reviseRequest(last); s.card.Fits(r) == nil {
		a.r = r
		a.reason = joined(a.reason, "told what "+last.seat.name+"'s answer failed")
	}
	return a
}

// accept returns the answer as the strategy's own.
func (v *verifier) accept(w *work, t *attempt, why string) error {
	if why == "" {
		why = t.seat.name + "'s answer " + t.verdict.String()
	}
	t.part.WeightPPM = ppm
	w.out.Reason = why
	w.use(decision{winner: &t.reply})
	w.say(&t.reply)
	return nil
}

// conclude ends a request in which no answer passed.
func (v *verifier) conclude(w *work, tried []attempt, replies []reply) error {
	if len(tried) == 0 {
		return failed(failures(replies))
	}
	best := &tried[0]
	for i := range tried {
		if t := &tried[i]; !t.worse(best) {
			best = t
		}
	}
	if v.strict {
		texts := make([]string, len(tried))
		for i := range tried {
			texts[i] = tried[i].seat.name + " " + tried[i].short()
		}
		return llm.Errorf(llm.Protocol, "no answer passed the checks: %s", strings.Join(texts, "; "))
	}
	if best.failed() > 0 {
		w.out.Verified = new(false)
	}
	w.out.Stop = "nobody is left to ask"
	why := fmt.Sprintf("not verified: no answer passed; %s's passed %d of %d checks, ", best.seat.name, best.passed(), len(best.results))
	return v.accept(w, best, why+best.verdict.String())
}

// inspect lets all checks look at the answer: the next member is told of all
// that failed at once.
func (v *verifier) inspect(ctx context.Context, w *work, rep *reply, end time.Time) verdict {
	ctx, stop := context.WithDeadlineCause(ctx, end, errLate)
	defer stop()
	c := &verify.Case{Question: question(w.r), Text: rep.text, Schema: formatSchema(w.r)}
	c.Answer = rep.key
	if strings.Contains(rep.key, "…#") { // a long one, cut
		final, _ := answer.Final(rep.text)
		c.Answer = final.Text
	}
	results := make([]result, len(v.checks))
	for i, k := range v.checks {
		results[i] = result{check: k.name}
		results[i].Finding, results[i].err = k.Check(ctx, c)
	}
	return verdict{results, v.skip}
}

// formatSchema is the schema that the request asks for, if any.
func formatSchema(r *llm.Request) json.RawMessage {
	switch {
	case !structured(r):
		return nil
	case r.Format.Kind == "json_object":
		return json.RawMessage(`{"type": "object"}`)
	}
	return r.Format.Schema
}

// Quote returns what all members and attempts may cost.
func (v *verifier) Quote(r *llm.Request) (*llm.Cost, error) {
	var longest int64
	for _, s := range v.seats {
		longest = max(longest, outputTokens(s.card, r))
	}
	// What is fed back is bounded in bytes, of which a token has one at least.
	longest = min(longest, maxQuestionBytes) + int64(len(v.checks))*verify.MaxMessageBytes
	return sum(v.quotes(r, v.attempts, longest)...), nil
}

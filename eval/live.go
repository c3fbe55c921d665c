package eval

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"summit/answer"
	"summit/llm"
	"summit/money"
	"summit/record"
)

// LiveOptions say what to measure on a model that really answers.
type LiveOptions struct {
	Task        *Task
	Model       llm.Member
	Judge       llm.Member // for questions with the scorer "judge"; nil = there are none
	Dir         string     // folder that the answers are kept in, as recorded outcomes; empty = not kept
	Split       string     // of the kept answers; empty = live
	Concurrency int        // questions asked at a time; 0 = 4

	// Progress is told how many questions are done.
	Progress func(done, total int, what string)
}

const (
	defaultConcurrency = 4
	// maxConcurrency bounds what a run may put on a model at a time.
	maxConcurrency = 256
	// maxShown is how many failures a report names.
	maxShown = 20
)

// LiveReport is what a model did with a task.
type LiveReport struct {
	Version  int           `json:"version"` // of this format: 1
	Suite    string        `json:"suite"`
	Model    string        `json:"model"`
	N        int           `json:"n"`        // questions that were answered and scored
	Resumed  int           `json:"resumed"`  // of them, in an earlier run
	Failed   int           `json:"failed"`   // questions without a scored answer; they are asked again by the next run
	Accuracy float64       `json:"accuracy"` // over N
	CILow    float64       `json:"ci_low"`   // of the accuracy, 95 %
	CIHigh   float64       `json:"ci_high"`
	Calls    float64       `json:"calls"`        // of members, a question; 0 = unknown
	Cost     []LiveCost    `json:"cost"`         // of all questions whose cost is known, by currency
	Priced   int           `json:"priced"`       // how many these are
	Seconds  float64       `json:"seconds"`      // a question, mean
	Failures []LiveFailure `json:"failures"`     // the first few
	Kept     string        `json:"kept_in"`      // the folder; empty = nowhere
	Judge    string        `json:"judge"`        // empty = none was asked
	Judging  int           `json:"judged_calls"` // calls of the judge in this run; not in Calls, nor in Cost
}

// LiveCost is money spent in one currency.
type LiveCost struct {
	Amount   money.Amount   `json:"amount"`
	Currency money.Currency `json:"currency"`
}

// LiveFailure is a question that got no scored answer.
type LiveFailure struct {
	ID    string `json:"id"`
	Error string `json:"error"`
}

// kept is one line of the journal: a row and what the format of recorded
// outcomes has no word for.
type kept struct {
	Row     record.Row     `json:"row"`
	Calls   int64          `json:"calls,omitempty"`
	Amount  *money.Amount  `json:"amount,omitempty"`
	Money   money.Currency `json:"currency,omitempty"`
	Seconds float64        `json:"seconds"`
}

// Live asks the model every question of the task and scores the replies. With
// a Dir each answer is written to a journal as it comes, so a run that was
// stopped goes on where it was; in the end the answers stand in the folder as
// recorded outcomes, beside those of other models. Errors of single questions
// are in the report; one that every question would meet, such as a wrong key,
// ends the run.
func Live(ctx context.Context, o LiveOptions) (*LiveReport, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	name := o.Model.Card().Name
	r := &LiveReport{Version: 1, Suite: o.Task.Suite, Model: name, Kept: o.Dir}
	j, err := openJournal(&o)
	if err != nil {
		return nil, err
	}
	defer j.close()
	r.Resumed = len(j.done)
	var todo []*TaskQuestion
	for i := range o.Task.Questions {
		if _, done := j.done[o.Task.Questions[i].ID]; !done {
			todo = append(todo, &o.Task.Questions[i])
		}
	}
	if slices.ContainsFunc(o.Task.Questions, func(q TaskQuestion) bool { return q.Scorer == "judge" }) {
		r.Judge = o.Judge.Card().Name
	}
	var mu sync.Mutex
	finished := len(j.done)
	failures := map[string]error{}
	tell := func() {
		if o.Progress != nil {
			o.Progress(finished, len(o.Task.Questions), name)
		}
	}
	tell()
	err = parallel(ctx, o.Concurrency, len(todo), func(i int) error {
		k, judged, err := o.one(ctx, todo[i])
		mu.Lock()
		defer mu.Unlock()
		r.Judging += judged
		if err == nil {
			if err := j.put(todo[i].ID, k); err != nil {
				return err
			}
			finished++
			tell()
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if e := llm.AsError(err); fatal(e.Kind) {
			return fmt.Errorf("eval: %s: question %q: %w", name, todo[i].ID, err)
		}
		failures[todo[i].ID] = err
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.fill(o.Task, j.done, failures)
	if r.Failed == 0 {
		if err := o.keep(j); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (o *LiveOptions) check() error {
	if o.Task == nil || len(o.Task.Questions) == 0 || o.Model == nil {
		return errors.New("eval: live: no task or no model")
	}
	if o.Split == "" {
		o.Split = "live"
	}
	if !taskWord.MatchString(o.Split) {
		return fmt.Errorf("eval: live: split %q, want up to 64 letters, digits, - and _", clip(o.Split))
	}
	if o.Concurrency == 0 {
		o.Concurrency = defaultConcurrency
	}
	if o.Concurrency < 1 || o.Concurrency > maxConcurrency {
		return fmt.Errorf("eval: live: concurrency %d, want 1 to %d", o.Concurrency, maxConcurrency)
	}
	for i := range o.Task.Questions {
		if q := &o.Task.Questions[i]; q.Scorer == "judge" && o.Judge == nil {
			return fmt.Errorf("eval: live: question %q is scored by a judge, and there is none", clip(q.ID))
		}
	}
	return nil
}

// fatal reports whether every other question would meet the same error.
func fatal(k llm.ErrorKind) bool {
	switch k {
	case llm.Unauthorized, llm.Forbidden, llm.QuotaExhausted, llm.NotFound:
		return true
	}
	return false
}

// one asks one question and scores the reply.
func (o *LiveOptions) one(ctx context.Context, q *TaskQuestion) (k kept, judged int, err error) {
	start := time.Now()
	reply, err := llm.Collect(o.Model.Generate(ctx, &llm.Request{
		Model: o.Model.Card().Name, Messages: []llm.Message{llm.Text(llm.RoleUser, q.Text)},
	}))
	if err != nil {
		return k, 0, err
	}
	k.Seconds = time.Since(start).Seconds()
	s := scorers[q.Scorer]
	right := false
	if s.right != nil {
		right = s.right(reply.Text, q.Reference)
	} else {
		judged = 1
		if right, err = judge(ctx, o.Judge, q, reply.Text); err != nil {
			return k, judged, fmt.Errorf("judge: %w", err)
		}
	}
	chars := utf8.RuneCountInString(reply.Text)
	k.Row = record.Row{Suite: o.Task.Suite, QuestionID: q.ID, Member: o.Model.Card().Name, OutChars: &chars}
	if final, ok := answer.Final(reply.Text); ok {
		k.Row.Answer = &final.Key
	}
	if right {
		k.Row.Correct = 1
	}
	k.Calls = reply.Outcome.Usage.Calls.N
	if c := reply.Outcome.Cost; c != nil {
		k.Amount, k.Money = &c.Amount, c.Currency
	}
	return k, judged, nil
}

// fill sums up the run.
func (r *LiveReport) fill(t *Task, done map[string]kept, failures map[string]error) {
	right, calls := 0, int64(0)
	spent := map[money.Currency]money.Amount{}
	for i := range t.Questions {
		q := &t.Questions[i]
		k, ok := done[q.ID]
		if !ok {
			r.Failed++
			if err := failures[q.ID]; err != nil && len(r.Failures) < maxShown {
				r.Failures = append(r.Failures, LiveFailure{q.ID, llm.AsError(err).Public()})
			}
			continue
		}
		r.N++
		right += k.Row.Correct
		calls += k.Calls
		r.Seconds += k.Seconds
		if k.Amount != nil {
			sum, err := spent[k.Money].Add(*k.Amount)
			if err == nil {
				spent[k.Money] = sum
				r.Priced++
			}
		}
	}
	if r.N > 0 {
		n := float64(r.N)
		r.Accuracy, r.Calls, r.Seconds = float64(right)/n, float64(calls)/n, r.Seconds/n
	}
	r.CILow, r.CIHigh = wilson(r.Accuracy, r.N)
	for currency, amount := range spent {
		r.Cost = append(r.Cost, LiveCost{amount, currency})
	}
	slices.SortFunc(r.Cost, func(a, b LiveCost) int {
		if a.Currency < b.Currency {
			return -1
		}
		return 1
	})
}

// journal is the answers of a run that is not finished.
type journal struct {
	path string
	file *os.File // nil = nothing is kept
	done map[string]kept
}

// openJournal reads what an earlier run of the same task and model left.
func openJournal(o *LiveOptions) (*journal, error) {
	j := &journal{done: map[string]kept{}}
	if o.Dir == "" {
		return j, nil
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("eval: live: %w", err)
	}
	key, err := o.key()
	if err != nil {
		return nil, err
	}
	j.path = filepath.Join(o.Dir, ".live-"+key+".jsonl")
	f, err := os.OpenFile(j.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("eval: live: %w", err)
	}
	j.file = f
	end, err := j.read()
	if err == nil {
		// A line that was cut off is written again.
		if err = f.Truncate(end); err == nil {
			_, err = f.Seek(end, 0)
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("eval: live: %s: %w; remove it to begin anew", j.path, err)
	}
	return j, nil
}

// read reads whole lines and returns where they end.
func (j *journal) read() (end int64, err error) {
	lines := bufio.NewReaderSize(j.file, record.MaxLineBytes)
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return 0, fmt.Errorf("a line is longer than %d bytes", record.MaxLineBytes)
		}
		if errors.Is(err, io.EOF) {
			return end, nil // what follows the last line break was cut off
		}
		if err != nil {
			return 0, err
		}
		var k kept
		if err := json.Unmarshal(line, &k); err != nil {
			return 0, err
		}
		j.done[k.Row.QuestionID] = k
		end += int64(len(line))
	}
}

func (j *journal) put(id string, k kept) error {
	j.done[id] = k
	if j.file == nil {
		return nil
	}
	line, err := json.Marshal(k)
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("eval: live: %w", err)
	}
	return nil
}

func (j *journal) close() {
	if j.file != nil {
		j.file.Close()
	}
}

// keep writes the answers into the folder, beside those of other models, and
// removes the journal.
func (o *LiveOptions) keep(j *journal) error {
	if o.Dir == "" {
		return nil
	}
	questions, rows, members, err := o.present()
	if err != nil {
		return err
	}
	own := o.questions()
	if questions != nil && !slices.EqualFunc(questions, own, sameQuestion) {
		return fmt.Errorf("eval: live: %s holds other questions of suite %s, split %s; give another --split or folder", o.Dir, o.Task.Suite, o.Split)
	}
	name := o.Model.Card().Name
	rows = slices.DeleteFunc(rows, func(r record.Row) bool { return r.Member == name })
	for i := range own {
		rows = append(rows, j.done[own[i].ID].Row)
	}
	at := slices.IndexFunc(members, func(m record.Member) bool { return m.Name == name })
	if at < 0 {
		members = append(members, record.Member{Name: name})
		at = len(members) - 1
	}
	o.describe(&members[at])
	if err := record.WriteMembers(o.Dir, members); err != nil {
		return err
	}
	if err := record.WriteSplit(o.Dir, o.Task.Suite, o.Split, own, rows); err != nil {
		return err
	}
	j.close()
	j.file = nil
	if err := os.Remove(j.path); err != nil {
		return fmt.Errorf("eval: live: %w", err)
	}
	return nil
}

// present returns what the folder holds of the suite and split already.
func (o *LiveOptions) present() ([]record.Question, []record.Row, []record.Member, error) {
	folder, err := record.OpenDir(o.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil, nil
	}
	if err != nil {
		return nil, nil, nil, err
	}
	splits, err := folder.Splits(o.Task.Suite)
	if err != nil || !slices.Contains(splits, o.Split) {
		return nil, nil, folder.Members, err
	}
	questions, rows, err := folder.Lines(o.Task.Suite, o.Split)
	return questions, rows, folder.Members, err
}

// questions returns the task's questions as recorded ones.
func (o *LiveOptions) questions() []record.Question {
	var all []record.Question
	for i := range o.Task.Questions {
		q := &o.Task.Questions[i]
		kind := "open-answer"
		if q.Scorer == "choice" {
			kind = "choice"
		}
		own := record.Question{Suite: o.Task.Suite, ID: q.ID, Domain: q.Domain, Lang: q.Lang, Kind: kind, Prompt: &q.Text}
		if own.Domain == "" {
			own.Domain = o.Task.Suite
		}
		if q.Reference != "" {
			own.Reference = &q.Reference
		}
		all = append(all, own)
	}
	return all
}

func sameQuestion(a, b record.Question) bool { return a.ID == b.ID && a.Text() == b.Text() }

// describe fills in what the model's card says. A price in another currency
// than the format's is left out, and says so.
func (o *LiveOptions) describe(m *record.Member) {
	card := o.Model.Card()
	m.Vendor, m.PriceUnit = card.Vendor, record.PriceUnit
	if !slices.Contains(m.Suites, o.Task.Suite) {
		m.Suites = append(m.Suites, o.Task.Suite)
	}
	m.PriceIn, m.PriceOut, m.PriceSource = 0, 0, "unknown"
	if p, ok := card.PriceAt(time.Now(), 0); ok {
		if p.Currency == "USD" {
			m.PriceIn, m.PriceOut, m.PriceSource = float64(p.Input)/money.Micro, float64(p.Output)/money.Micro, p.Source
		} else {
			m.PriceSource = "unknown in USD: priced in " + string(p.Currency)
		}
	}
}

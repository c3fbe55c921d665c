package eval

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"text/tabwriter"

	"summit/llm"
)

// MatrixTask is one test set that several models are measured on.
type MatrixTask struct {
	Name      string
	Owner     string // the member whose skill it is, which the oracle asks; empty = none
	Questions []TaskQuestion
	// Right reports whether a reply answers what the reference answers.
	Right func(reply, reference string) bool
	// Refused reports whether a reply says that the question is not the
	// member's to answer; nil = nobody says so.
	Refused func(reply string) bool
}

// MatrixOptions say what to measure.
type MatrixOptions struct {
	Tasks       []MatrixTask
	Members     []llm.Member
	Super       llm.Member // the model over the members; nil = none
	Concurrency int        // questions asked at a time; 0 = 4
	Progress    func(done, total int, what string)
}

// MatrixReport is what every member did on every task.
type MatrixReport struct {
	Version int         `json:"version"` // of this format: 1
	Tasks   []string    `json:"tasks"`
	N       int         `json:"n"` // questions of all tasks
	Rows    []MatrixRow `json:"rows"`
	// Oracle sends every question to the member whose skill it is; Any counts
	// a question as right where any member was. Fractions of N.
	Oracle float64 `json:"oracle"`
	Any    float64 `json:"any"`
	Best   string  `json:"best_single"` // the member that is best over all tasks
}

// MatrixRow is one model over all tasks; fractions of the questions.
type MatrixRow struct {
	Model   string    `json:"model"`
	Tasks   []float64 `json:"tasks"`
	All     float64   `json:"all"`
	Refused float64   `json:"refused"` // of the questions of other members' tasks
	Seconds float64   `json:"seconds"` // a question, mean, with others at the same time
	Failed  int       `json:"failed"`  // questions that ended in an error; they count as wrong
}

// Matrix asks every model every question of every task.
func Matrix(ctx context.Context, o MatrixOptions) (*MatrixReport, error) {
	if len(o.Tasks) == 0 || len(o.Members) == 0 {
		return nil, errors.New("eval: matrix: no tasks or no members")
	}
	if o.Concurrency == 0 {
		o.Concurrency = defaultConcurrency
	}
	if o.Concurrency < 1 || o.Concurrency > maxConcurrency {
		return nil, fmt.Errorf("eval: matrix: concurrency %d, want 1 to %d", o.Concurrency, maxConcurrency)
	}
	models := o.Members
	if o.Super != nil {
		models = append(models[:len(models):len(models)], o.Super)
	}
	r := &MatrixReport{Version: 1}
	type place struct{ task, question int }
	var places []place
	for t, task := range o.Tasks {
		r.Tasks = append(r.Tasks, task.Name)
		for q := range task.Questions {
			places = append(places, place{t, q})
		}
	}
	r.N = len(places)
	if r.N == 0 {
		return nil, errors.New("eval: matrix: no questions")
	}
	right := make([][]bool, len(models)) // [model][place]
	var mu sync.Mutex
	done := 0
	for m, model := range models {
		right[m] = make([]bool, r.N)
		row := MatrixRow{Model: model.Card().Name, Tasks: make([]float64, len(o.Tasks))}
		refused, foreign := 0, 0
		err := parallel(ctx, o.Concurrency, r.N, func(i int) error {
			task := &o.Tasks[places[i].task]
			q := &task.Questions[places[i].question]
			reply, err := llm.Collect(model.Generate(ctx, &llm.Request{
				Model: row.Model, Messages: []llm.Message{llm.Text(llm.RoleUser, q.Text)},
			}))
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			if o.Progress != nil {
				o.Progress(done, r.N*len(models), row.Model)
			}
			if err != nil {
				row.Failed++
				return nil
			}
			row.Seconds += reply.Outcome.Took.Seconds()
			right[m][i] = task.Right(reply.Text, q.Reference)
			if task.Owner != row.Model && task.Refused != nil {
				foreign++
				if task.Refused(reply.Text) {
					refused++
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		total := 0
		for i, p := range places {
			if right[m][i] {
				total++
				row.Tasks[p.task] += 1 / float64(len(o.Tasks[p.task].Questions))
			}
		}
		row.All, row.Seconds = float64(total)/float64(r.N), row.Seconds/float64(r.N)
		if foreign > 0 && m < len(o.Members) {
			row.Refused = float64(refused) / float64(foreign)
		}
		r.Rows = append(r.Rows, row)
	}
	r.sum(o, func(m, i int) bool { return right[m][i] }, func(i int) string { return o.Tasks[places[i].task].Owner })
	return r, nil
}

// sum finds the best member and what oracles would reach.
func (r *MatrixReport) sum(o MatrixOptions, right func(m, i int) bool, owner func(i int) string) {
	best := 0
	for m := range o.Members {
		if r.Rows[m].All > r.Rows[best].All {
			best = m
		}
	}
	r.Best = r.Rows[best].Model
	oracle, any := 0, 0
	for i := range r.N {
		some := false
		for m := range o.Members {
			some = some || right(m, i)
			if right(m, i) && r.Rows[m].Model == owner(i) {
				oracle++
			}
		}
		if some {
			any++
		}
	}
	r.Oracle, r.Any = float64(oracle)/float64(r.N), float64(any)/float64(r.N)
}

// WriteTable draws the report for people, in percent.
func (r *MatrixReport) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "model\t")
	for _, name := range r.Tasks {
		fmt.Fprintf(t, "%s\t", name)
	}
	fmt.Fprint(t, "all\trefuses\tms\tfailed\t\n")
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%s\t", row.Model)
		for _, x := range row.Tasks {
			fmt.Fprintf(t, "%.1f\t", 100*x)
		}
		fmt.Fprintf(t, "%.1f\t%.1f\t%.0f\t%d\t\n", 100*row.All, 100*row.Refused, 1000*row.Seconds, row.Failed)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d questions. Best single member: %s. Oracle router: %.1f %%. Some member right: %.1f %%.\n", r.N, r.Best, 100*r.Oracle, 100*r.Any)
	return err
}

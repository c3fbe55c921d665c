package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"summit/tensor"
)

// Options are what a run needs besides its recipe. None changes its result.
type Options struct {
	Threads int    // 0 = one a core; more than the recipe's shards are of no use
	Kernels string // tier of the processor's kernels, "" = the best; another tier rounds differently
	Resume  bool   // go on from the checkpoint in the recipe's folder, if there is one
	// StopAfter ends the run after that step with a checkpoint, as a cancelled
	// context does; 0 = not.
	StopAfter int
	Progress  func(Status) // told after each step and each evaluation; nil = nobody
}

// Status is how far a run is.
type Status struct {
	Step, Steps     int
	Loss            float64 // of this step's targets, nats
	Rate, Norm      float64
	Tokens          int64 // inputs since the beginning
	TokensPerSecond float64
	FlopsPerSecond  float64       // of products, in the steps themselves
	Took            time.Duration // in all steps, those before a resume included
	HeldOut         []Evaluation  // if this step was evaluated
}

// Evaluation is how a file of held-out documents is predicted.
type Evaluation struct {
	File       string  `json:"file"`
	Loss       float64 `json:"loss"` // mean of the targets, nats
	Perplexity float64 `json:"perplexity"`
	Accuracy   float64 `json:"accuracy"` // share of targets that were the likeliest
	Targets    int     `json:"targets"`
}

// Report is what came out of a run.
type Report struct {
	Model      string       `json:"model"` // the file
	Parameters int          `json:"parameters"`
	Vocabulary int          `json:"vocabulary"`
	Steps      int          `json:"steps"`
	Tokens     int64        `json:"tokens"`
	Loss       float64      `json:"loss"` // of the last step
	Seconds    float64      `json:"seconds"`
	HeldOut    []Evaluation `json:"held_out,omitempty"`
	TooLong    int          `json:"too_long,omitempty"` // conversations that were left out
}

// ErrStopped says that a run was ended early, with a checkpoint to go on from.
var ErrStopped = errors.New("train: stopped before the last step")

// Run trains what the recipe says and writes its files into the recipe's
// folder: model.gguf, log.jsonl, loss.svg and checkpoint.bin. A cancelled
// context ends it with a checkpoint and ErrStopped.
func Run(ctx context.Context, r *Recipe, o Options) (*Report, error) {
	if r.Out == "" {
		return nil, errors.New("train: recipe: out: want a folder to write to")
	}
	s, err := prepare(r, o)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.backend.Close() }() // it only stops its workers
	if err := os.MkdirAll(r.path(r.Out), 0o777); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	if o.Resume {
		if err := s.load(); err != nil {
			return nil, err
		}
	}
	if err := s.openLog(); err != nil {
		return nil, err
	}
	err = s.learn(ctx)
	if err2 := s.log.Close(); err == nil {
		err = err2
	}
	if err != nil {
		return nil, err
	}
	rep := &Report{
		Model: filepath.Join(r.path(r.Out), "model.gguf"), Parameters: s.m.count(), Vocabulary: s.v.tok.Len(),
		Steps: s.done, Tokens: s.tokens, Loss: s.loss, Seconds: s.took.Seconds(), HeldOut: s.held, TooLong: s.tooLong,
	}
	return rep, s.write(rep.Model)
}

// run is a training run under way.
type run struct {
	*learner
	o       Options
	v       *vocabulary
	base    *base // nil = a model from nothing
	backend tensor.Backend
	data    *stream
	heldOut []*corpus
	print   string // of everything that the result depends on
	log     *os.File
	curve   []point
	evals   []point
	done    int // steps
	tokens  int64
	loss    float64
	took    time.Duration
	held    []Evaluation
	tooLong int
}

// prepare reads the data and makes a fresh model.
func prepare(r *Recipe, o Options) (*run, error) {
	s := &run{o: o}
	var m *Model
	var err error
	if r.Base != "" {
		s.base, m, s.v, err = openBase(r)
	} else {
		s.v, err = buildVocabulary(r)
	}
	if err != nil {
		return nil, err
	}
	var corpora []*corpus
	var shares []float64
	for i, src := range append(append([]Source(nil), r.Sources...), r.HeldOut...) {
		c, err := readCorpus(r.path(src.File), s.v, r.Context)
		if err != nil {
			return nil, err
		}
		s.tooLong += c.tooLong
		if i < len(r.Sources) {
			corpora, shares = append(corpora, c), append(shares, src.Weight)
		} else {
			s.heldOut = append(s.heldOut, c)
		}
	}
	if m == nil {
		if m, err = newModel(r, s.v); err != nil {
			return nil, err
		}
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	s.backend, err = tensor.Open("cpu", tensor.Options{Threads: 1, Kernels: o.Kernels})
	if err != nil {
		return nil, err
	}
	t, ok := s.backend.(tensor.Trainer)
	if !ok {
		return nil, errors.Join(fmt.Errorf("train: backend %s: it has no operations for training", s.backend.Caps().Name), s.backend.Close())
	}
	s.learner = newLearner(m, r, t, o.Threads)
	s.data = newStream(corpora, shares, r.Seed)
	s.print = fingerprint(r, s.v, m, corpora)
	return s, nil
}

// newModel makes the model that a recipe describes, with its first weights.
func newModel(r *Recipe, v *vocabulary) (*Model, error) {
	d, err := newDecoder(r, v.tok.Len())
	if err != nil {
		return nil, err
	}
	p, err := newParams(d.tensors, nil, factMap(append(d.facts, vocabularyFacts(v.data)...)))
	if err != nil {
		return nil, err
	}
	p.initialise(r.Seed, r.Model.Layers)
	return bindModel(p, r.Context)
}

// learn does all steps that are left.
func (s *run) learn(ctx context.Context) error {
	r := s.recipe
	for s.done < r.Steps {
		if ctx.Err() != nil || s.o.StopAfter > 0 && s.done >= s.o.StopAfter {
			return errors.Join(s.save(), ErrStopped)
		}
		began := time.Now()
		number := s.done + 1
		rate := r.rate(number)
		res := s.step(number, s.data.sequences(r.Batch, r.Context), rate)
		took := time.Since(began)
		if math.IsNaN(res.loss) || math.IsInf(res.loss, 0) {
			return fmt.Errorf("train: step %d: the loss is %v; a lower learning_rate or a longer warmup may help", number, res.loss)
		}
		s.done, s.loss, s.took, s.tokens = number, res.loss, s.took+took, s.tokens+int64(res.tokens)
		st := Status{
			Step: number, Steps: r.Steps, Loss: res.loss, Rate: rate, Norm: res.norm, Tokens: s.tokens, Took: s.took,
			TokensPerSecond: float64(res.tokens) / took.Seconds(), FlopsPerSecond: res.flops / took.Seconds(),
		}
		s.curve = append(s.curve, point{number, res.loss})
		last := number == r.Steps
		if last || r.Evaluate > 0 && number%r.Evaluate == 0 {
			st.HeldOut = s.evaluations()
		}
		if err := s.record(st); err != nil {
			return err
		}
		if s.o.Progress != nil {
			s.o.Progress(st)
		}
		if last || r.Checkpoint > 0 && number%r.Checkpoint == 0 {
			if err := s.save(); err != nil {
				return err
			}
		}
	}
	if s.held == nil {
		s.held = s.evaluations() // resumed after the last step
	}
	return s.draw()
}

func (s *run) evaluations() []Evaluation {
	s.held = nil
	for i, c := range s.heldOut {
		loss, right, n := s.evaluate(c)
		s.held = append(s.held, Evaluation{s.recipe.HeldOut[i].File, loss, math.Exp(loss), right, n})
		if i == 0 {
			s.evals = append(s.evals, point{s.done, loss})
		}
	}
	return s.held
}

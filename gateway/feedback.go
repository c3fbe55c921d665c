package gateway

import (
	"context"
	"net/http"
	"sync"
	"time"

	"summit/llm"
	"summit/run"
)

const (
	feedbackBytes = 4 << 10         // longest body: an id and a number
	endTime       = 2 * time.Second // for a rated answer to end: the client may have its last word before us
)

// ratings are the words that stand for a score.
var ratings = map[string]float64{"good": 1, "bad": 0}

// addFeedback keeps what a client thought of an answer of its tenant.
func (x *exchange) addFeedback() {
	b, status, failure := x.readBody(feedbackBytes)
	if failure != nil {
		x.failWith(status, failure)
		return
	}
	defer b.release()
	f, failure := readFeedback(b.b)
	if failure != nil {
		x.fail(failure)
		return
	}
	f.At, f.Source, f.KeyID, f.Tenant = x.start, run.SourceUser, x.key.ID, x.key.Tenant
	ctx, _, free := x.context()
	defer free()
	if err := x.g.running.wait(ctx, f.Run, f.Tenant); err != nil {
		x.fail(err)
		return
	}
	if err := x.g.runs.AddFeedback(ctx, f); err != nil {
		x.failStore(err)
		return
	}
	x.g.metrics.rated(f.Score)
	x.writeJSON(http.StatusOK, struct {
		Object string  `json:"object"`
		ID     string  `json:"id"`
		Score  float64 `json:"score"`
	}{"feedback", f.Run, f.Score})
}

// readFeedback reads the run and the score.
func readFeedback(body []byte) (run.Feedback, *llm.Error) {
	var f run.Feedback
	var score *float64
	var rating *string
	err := readFields(body,
		field{"id", `a text, the "id" of an answer`, &f.Run},
		field{"score", "a number from 0 (bad) to 1 (good)", &score},
		field{"rating", `"good" or "bad"`, &rating})
	switch {
	case err != nil:
		return f, err
	case f.Run == "":
		return f, invalid("id", `no id, want the "id" of the answer, such as run-...`)
	case score == nil && rating == nil:
		return f, invalid("rating", `no rating and no score, want rating "good" or "bad", or score from 0 (bad) to 1 (good)`)
	case score != nil && rating != nil:
		return f, invalid("rating", "a rating and a score, want one of them")
	case rating != nil:
		s, known := ratings[*rating]
		if !known {
			return f, invalid("rating", `rating is %q, want "good" or "bad"`, clip(*rating, 60))
		}
		score = &s
	}
	f.Score = *score // its range is the run log's business
	return f, nil
}

// running is the requests for an answer that are not in the run log yet. The
// zero value holds none.
type running struct{ all sync.Map } // run's id -> *exchange

func (r *running) begin(x *exchange) {
	x.ended = make(chan struct{})
	r.all.Store(x.runID, x)
}

// end is called once for every exchange, also for those that did not begin.
func (r *running) end(x *exchange) {
	if x.ended != nil {
		r.all.Delete(x.runID)
		close(x.ended)
	}
}

// wait waits until the run log knows the tenant's run, if it is to know it
// soon. A client that has the last word of its answer may rate it before the
// request has ended here.
func (r *running) wait(ctx context.Context, id, tenant string) *llm.Error {
	found, ok := r.all.Load(id)
	if !ok || found.(*exchange).key.Tenant != tenant {
		return nil
	}
	patience := time.NewTimer(endTime)
	defer patience.Stop()
	select {
	case <-found.(*exchange).ended:
		return nil
	case <-patience.C:
		return llm.Errorf(llm.NotFound, "the answer %s has not ended yet, want feedback after its end", id)
	case <-ctx.Done():
		return llm.ContextError(ctx)
	}
}

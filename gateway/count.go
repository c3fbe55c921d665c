package gateway

import (
	"net/http"

	"summit/dialect"
	"summit/llm"
)

// countTokens answers how many input tokens a request has: by the model's own
// tokenizer where the model has one here, else by a guess, which is marked.
func (x *exchange) countTokens(c dialect.Counter) {
	b, status, failure := x.readBody(x.g.limits.BodyBytes)
	if failure != nil {
		x.failWith(status, failure)
		return
	}
	defer b.release()
	if err := x.g.gate.enter(x.r.Context()); err != nil { // a tokenizer takes as long as a long text does
		x.fail(err)
		return
	}
	defer x.g.gate.leave()
	r, err := c.DecodeCount(b.b)
	if err != nil {
		x.fail(llm.AsError(err))
		return
	}
	m, err := x.g.models.Model(r.Model)
	if err != nil {
		x.fail(x.unknownModel(r.Model))
		return
	}
	n := llm.EstimateInput(r)
	if counter, ok := llm.As[llm.TokenCounter](m); ok {
		ctx, _, free := x.context()
		defer free()
		counted, err := counter.CountTokens(ctx, r)
		if err != nil {
			x.fail(llm.AsError(err))
			return
		}
		n = llm.Count{N: int64(counted), From: llm.OwnCount}
	}
	x.writeBody(http.StatusOK, "application/json", append(c.AppendCount(nil, n), '\n'))
}

package gateway

import (
	"net/http"
	"time"

	"summit/dialect"
	"summit/llm"
)

// embed answers with the vectors of texts. Only members that have vectors of
// their own can: those of several models can't be compared, so no strategy is
// made of them.
func (x *exchange) embed() {
	if x.g.gate.full() {
		x.fail(x.g.gate.tooMany())
		return
	}
	b, status, failure := x.readBody(x.g.limits.BodyBytes)
	if failure != nil {
		x.failWith(status, failure)
		return
	}
	defer b.release()
	if err := x.g.gate.enter(x.r.Context()); err != nil {
		x.fail(err)
		return
	}
	defer x.g.gate.leave()
	call, err := dialect.DecodeEmbed(b.b)
	if err != nil {
		x.fail(llm.AsError(err))
		return
	}
	m, err := x.g.models.Model(call.Model)
	if err != nil {
		x.fail(x.unknownModel(call.Model))
		return
	}
	embedder, ok := llm.As[llm.Embedder](m)
	if !ok {
		e := llm.Errorf(llm.Unsupported, "the model %q has no embeddings, want a member of its own whose server has them", clip(call.Model, 100))
		e.Param = "model"
		x.fail(e)
		return
	}
	x.model, x.call = call.Model, &dialect.Call{Request: &llm.Request{Model: call.Model, Summit: llm.Extension{Unlearned: true}}}
	if err := x.through(); err != nil {
		x.fail(err)
		return
	}
	ctx, _, free := x.context()
	defer free()
	start := time.Now()
	vectors, usage, err := embedder.Embed(ctx, call.Texts, call.Dimensions)
	usage = usage.Embedding()
	o := &llm.Outcome{Member: m.Card().Name, Usage: usage, Cost: m.Card().Cost(usage, start), Took: time.Since(start)}
	x.answers = []*llm.Outcome{o}
	if err != nil {
		o.Err = llm.AsError(err)
		x.fail(o.Err)
		return
	}
	for i, v := range vectors {
		if call.Dimensions > 0 && len(v) != call.Dimensions {
			e := llm.Errorf(llm.Unsupported, "dimensions: got %d, want %d: the model's vectors can't be shortened here", call.Dimensions, len(v))
			e.Param = "dimensions"
			x.fail(e)
			return
		}
		if len(v) == 0 {
			x.fail(llm.Errorf(llm.Protocol, "%s sent an empty vector for text %d", m.Card().Name, i))
			return
		}
	}
	text, err := call.AppendEmbeddings(nil, vectors, usage)
	if err != nil {
		x.fail(llm.AsError(err))
		return
	}
	x.writeBody(http.StatusOK, "application/json", text)
}

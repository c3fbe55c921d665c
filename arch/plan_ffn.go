package arch

import (
	"fmt"

	"summit/tensor"
)

func layerName(name string, layer int) string { return fmt.Sprintf("%s.%d", name, layer) }

// ffn compiles a layer's channel block: h to y.
func (p *planner) ffn(c *LayerConfig, w *Layer, h, y tensor.Ref) {
	f := &c.FFN
	if f.Router.Experts == 0 && f.SharedHidden == 0 {
		p.need("the up matrix", w.Up)
		p.need("the down matrix", w.Down)
		gate, up := p.reg("gate.ffn", f.Hidden), p.reg("up.ffn", f.Hidden)
		p.matmul(h, product{gate, w.Gate}, product{up, w.Up})
		p.matmul(p.activate(f.Activation, w.Gate.Has(), gate, up), product{y, w.Down})
		return
	}
	r := &f.Router
	// The router and the shared experts read the same row: one step.
	logits := p.reg("router", r.Experts)
	p.need("the router", w.Router)
	products := []product{{logits, w.Router}}
	shared := f.SharedHidden > 0
	var gate, up, share tensor.Ref
	if shared {
		gate, up, share = p.reg("gate.shared", f.SharedHidden), p.reg("up.shared", f.SharedHidden), p.reg("share", 1)
		p.need("the shared up matrix", w.SharedUp)
		p.need("the shared down matrix", w.SharedDown)
		products = append(products, product{gate, w.SharedGateProj}, product{up, w.SharedUp})
		if f.SharedGated {
			products = append(products, product{share, Linear{Weight: p.asRow(w.SharedGate)}})
		}
	}
	p.matmul(h, products...)
	p.experts(f, w, h, logits, y)
	if !shared {
		return
	}
	out := p.reg("out.shared", p.m.Dim)
	p.matmul(p.activate(f.Activation, w.SharedGateProj.Has(), gate, up), product{out, w.SharedDown})
	if f.SharedGated {
		p.step(&tensor.Gate{X: out, G: share, Out: out})
	}
	p.step(&tensor.Add{X: y, Y: out, Out: y, XScale: 1, YScale: 1})
}

// asRow returns a vector as a matrix of one row.
func (p *planner) asRow(t *tensor.Tensor) *tensor.Tensor {
	if t == nil {
		p.fail("the gate of the shared experts is missing")
		return nil
	}
	row, err := t.Reshape(1, t.Elements())
	if err != nil {
		p.fail("%w", err)
		return nil
	}
	return &row
}

func (p *planner) experts(f *FFNConfig, w *Layer, h, logits, y tensor.Ref) {
	r := &f.Router
	if !w.UpExps.Has() || !w.DownExps.Has() {
		p.fail("the experts' matrices are missing")
		return
	}
	idx, weight := p.reg("expert", r.Used), p.reg("weight", r.Used)
	p.plan.Regs[idx.Reg].Int = true
	route := &tensor.Route{
		Logits: logits, Bias: p.weight(w.ChoiceBias, tensor.Vector), ExpScale: p.weight(w.ExpertScale, tensor.Vector),
		Idx: idx, Out: weight, K: r.Used, Score: scores[r.Score], Renorm: r.Renormalise, RenormMin: r.MinSum, Scale: r.Scale,
	}
	switch r.Choice {
	case GroupLimited:
		route.Groups, route.TopGroups, route.GroupTop = r.Groups, r.GroupsUsed, r.GroupTop
	case OnePerGroup:
		route.Groups, route.PerGroup = r.Groups, r.Used/max(1, r.Groups)
	}
	p.step(route)

	gate, up := p.reg("gate.expert", r.Used*r.Hidden), p.reg("up.expert", r.Used*r.Hidden)
	down := p.reg("down.expert", r.Used*p.m.Dim)
	in := &tensor.ExpertMatMul{X: h, Idx: idx, K: r.Used}
	if w.GateExps.Has() {
		p.addStack(in, gate, w.GateExps)
	}
	p.addStack(in, up, w.UpExps)
	p.step(in)
	out := &tensor.ExpertMatMul{X: p.activate(f.Activation, w.GateExps.Has(), gate, up), Idx: idx, K: r.Used}
	p.addStack(out, down, w.DownExps)
	p.step(out)
	p.step(&tensor.Combine{X: down, Weight: weight, Out: y})
}

func (p *planner) addStack(s *tensor.ExpertMatMul, out tensor.Ref, w Stack) {
	s.Out = append(s.Out, out)
	s.W = append(s.W, p.add(tensor.Stack, w.Weight...))
	s.Bias = append(s.Bias, p.weight(w.Bias, tensor.Vector))
}

var scores = [...]tensor.Score{Softmax: tensor.Softmax, Sigmoid: tensor.Sigmoid, SoftmaxChosen: tensor.SoftmaxChosen}

// activate compiles act(gate)*up, or act(up) where there is no gate, in place.
func (p *planner) activate(a Activation, gated bool, gate, up tensor.Ref) tensor.Ref {
	s := &tensor.Activate{Gate: gate, Up: up, Out: gate}
	if !gated {
		s.Gate, s.Up, s.Out = up, tensor.None, up
	}
	switch a.Kind {
	case SiLU:
		s.Kind = tensor.SiLU
	case GELU:
		s.Kind = tensor.GELU
	case GELUTanh:
		s.Kind = tensor.GELUTanh
	case ClampedSwiGLU:
		s.Kind, s.Limit, s.Alpha = tensor.ClampedSiLU, a.Limit, a.Alpha
	case LimitedSiLU:
		s.Kind, s.Limit = tensor.SiLU, a.Limit
	default:
		p.fail("activation %d is unknown", a.Kind)
	}
	p.step(s)
	return s.Out
}

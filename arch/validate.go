package arch

import (
	"fmt"
	"math"
)

// Validate says what is wrong with the facts, if anything: what does not fit together, or what no model has. Load
// calls it before it builds anything, so that a plan can trust a Config. The error names the fact, and the layer.
func (c *Config) Validate() error {
	if err := c.validate(); err != nil {
		if c.Arch == "" {
			return fmt.Errorf("arch: %w", err)
		}
		return fmt.Errorf("arch: %s: %w", c.Arch, err)
	}
	return nil
}

func (c *Config) validate() error {
	for _, f := range []struct {
		name     string
		got, max int
	}{
		{"embedding_length", c.Dim, maxDim},
		{"vocabulary", c.Vocab, maxVocab},
		{"context_length", c.WindowTokens, math.MaxInt32},
		{"layers", len(c.Layers), maxLayers},
	} {
		if f.got < 1 || f.got > f.max {
			return fmt.Errorf("%s: got %d, want 1 to %d", f.name, f.got, f.max)
		}
	}
	if !(c.Eps > 0 && c.Eps < 1) {
		return fmt.Errorf("norm epsilon: got %v, want above 0 and below 1", c.Eps)
	}
	for _, f := range []struct {
		name string
		got  float32
	}{
		{"embedding scale", c.EmbedScale}, {"residual scale", c.ResidualScale}, {"logit scale", c.LogitScale},
	} {
		if !finite(f.got) || f.got == 0 {
			return fmt.Errorf("%s: got %v, want a finite number other than 0", f.name, f.got)
		}
	}
	if !finite(c.LogitCap) || c.LogitCap < 0 {
		return fmt.Errorf("logit cap: got %v, want 0 or more", c.LogitCap)
	}
	for i := range c.Layers {
		if err := c.validateLayer(i); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return nil
}

func (c *Config) validateLayer(i int) error {
	l := &c.Layers[i]
	if l.Placement > Parallel {
		return fmt.Errorf("norm placement: got %d, want 0 to %d", l.Placement, Parallel)
	}
	var err error
	switch l.Mixer {
	case NoMixer:
	case GQA:
		err = c.validateAttention(i, &l.Attn)
	case MLA:
		err = l.MLA.validate()
	case DeltaNet:
		err = l.Delta.validate()
	default:
		err = fmt.Errorf("mixer: got %d, want 0 to %d", l.Mixer, DeltaNet)
	}
	if err != nil {
		return err
	}
	if l.Mixer == NoMixer && l.FFN.Hidden == 0 && l.FFN.Router.Experts == 0 {
		return fmt.Errorf("feed_forward_length: got 0 in a layer without a mixer, want 1 or more")
	}
	return l.FFN.validate()
}

func (c *Config) validateAttention(i int, a *AttnConfig) error {
	switch {
	case a.Heads < 1 || a.Heads > maxHeads:
		return fmt.Errorf("attention heads: got %d, want 1 to %d", a.Heads, maxHeads)
	case a.KVHeads < 1 || a.Heads%a.KVHeads != 0:
		return fmt.Errorf("KV heads: got %d for %d heads, want a divisor", a.KVHeads, a.Heads)
	case a.KeyDim < 1 || a.KeyDim > maxDim || a.ValueDim < 1 || a.ValueDim > maxDim:
		return fmt.Errorf("head widths: got %d and %d, want 1 to %d", a.KeyDim, a.ValueDim, maxDim)
	case a.WindowTokens < 0:
		return fmt.Errorf("sliding window: got %d tokens, want 0 or more", a.WindowTokens)
	case !finite(a.Scale) || a.Scale <= 0:
		return fmt.Errorf("attention scale: got %v, want above 0", a.Scale)
	case !finite(a.ScoreCap) || a.ScoreCap < 0:
		return fmt.Errorf("attention score cap: got %v, want 0 or more", a.ScoreCap)
	case a.QKNorm > FullNorm || a.Gate > HeadGate:
		return fmt.Errorf("attention switches: got qk-norm %d and gate %d", a.QKNorm, a.Gate)
	case a.QKNorm != NoQKNorm && !(a.QKEps > 0 && a.QKEps < 1):
		return fmt.Errorf("qk-norm epsilon: got %v, want above 0 and below 1", a.QKEps)
	case a.KVLayer < 0 || a.KVLayer > i:
		return fmt.Errorf("layer of keys and values: got %d, want 0 to %d", a.KVLayer, i)
	}
	if a.KVLayer != i {
		o := &c.Layers[a.KVLayer]
		if o.Mixer != GQA || o.Attn.KVLayer != a.KVLayer {
			return fmt.Errorf("layer of keys and values: layer %d has none of its own", a.KVLayer)
		}
		if o.Attn.KVHeads != a.KVHeads || o.Attn.KeyDim != a.KeyDim || o.Attn.ValueDim != a.ValueDim {
			return fmt.Errorf("layer of keys and values: layer %d has %d heads of %d and %d, want %d of %d and %d",
				a.KVLayer, o.Attn.KVHeads, o.Attn.KeyDim, o.Attn.ValueDim, a.KVHeads, a.KeyDim, a.ValueDim)
		}
		if a.WindowTokens == 0 && o.Attn.WindowTokens != 0 || a.WindowTokens > o.Attn.WindowTokens && o.Attn.WindowTokens != 0 {
			return fmt.Errorf("layer of keys and values: layer %d keeps only %d tokens, want %d", a.KVLayer, o.Attn.WindowTokens, a.WindowTokens)
		}
	}
	return a.Rope.validate(a.KeyDim)
}

func (a *MLAConfig) validate() error {
	switch {
	case a.Heads < 1 || a.Heads > maxHeads:
		return fmt.Errorf("attention heads: got %d, want 1 to %d", a.Heads, maxHeads)
	case a.QRank < 0 || a.QRank > maxDim:
		return fmt.Errorf("q_lora_rank: got %d, want 0 to %d", a.QRank, maxDim)
	case a.KVRank < 1 || a.KVRank > maxDim:
		return fmt.Errorf("kv_lora_rank: got %d, want 1 to %d", a.KVRank, maxDim)
	case a.NopeDim < 1 || a.NopeDim > maxDim:
		return fmt.Errorf("head width without rope: got %d, want 1 to %d", a.NopeDim, maxDim)
	case a.ValueDim < 1 || a.ValueDim > maxDim:
		return fmt.Errorf("value head width: got %d, want 1 to %d", a.ValueDim, maxDim)
	case !finite(a.Scale) || a.Scale <= 0:
		return fmt.Errorf("attention scale: got %v, want above 0", a.Scale)
	case !(a.Eps > 0 && a.Eps < 1):
		return fmt.Errorf("latent norm epsilon: got %v, want above 0 and below 1", a.Eps)
	case a.Rope.Kind != NoRope && a.RopeDim != a.Rope.Dim:
		return fmt.Errorf("rope dimensions: got %d, want the latent key's %d", a.Rope.Dim, a.RopeDim)
	}
	return a.Rope.validate(a.RopeDim)
}

func (d *DeltaConfig) validate() error {
	switch {
	case d.KeyHeads < 1 || d.KeyHeads > maxHeads:
		return fmt.Errorf("delta net key heads: got %d, want 1 to %d", d.KeyHeads, maxHeads)
	case d.ValueHeads < 1 || d.ValueHeads > maxHeads || d.ValueHeads%d.KeyHeads != 0:
		return fmt.Errorf("delta net value heads: got %d for %d key heads, want a multiple", d.ValueHeads, d.KeyHeads)
	case d.KeyDim < 1 || d.KeyDim > 1<<12 || d.ValueDim < 1 || d.ValueDim > 1<<12:
		return fmt.Errorf("delta net head widths: got %d and %d, want 1 to %d", d.KeyDim, d.ValueDim, 1<<12)
	case d.ConvWidth < 1 || d.ConvWidth > 64:
		return fmt.Errorf("delta net convolution: got a width of %d, want 1 to 64", d.ConvWidth)
	case !(d.Eps > 0 && d.Eps < 1):
		return fmt.Errorf("delta net epsilon: got %v, want above 0 and below 1", d.Eps)
	}
	return nil
}

func (f *FFNConfig) validate() error {
	r := &f.Router
	switch {
	case f.Hidden < 0 || f.Hidden > maxHidden:
		return fmt.Errorf("feed_forward_length: got %d, want 0 to %d", f.Hidden, maxHidden)
	case f.SharedHidden < 0 || f.SharedHidden > maxHidden:
		return fmt.Errorf("shared expert width: got %d, want 0 to %d", f.SharedHidden, maxHidden)
	case f.Activation.Kind > LimitedSiLU:
		return fmt.Errorf("activation: got %d, want 0 to %d", f.Activation.Kind, LimitedSiLU)
	case f.Activation.Kind >= ClampedSwiGLU && (!finite(f.Activation.Limit) || f.Activation.Limit <= 0):
		return fmt.Errorf("activation limit: got %v, want above 0", f.Activation.Limit)
	case f.Activation.Kind == ClampedSwiGLU && (!finite(f.Activation.Alpha) || f.Activation.Alpha <= 0):
		return fmt.Errorf("activation alpha: got %v, want above 0", f.Activation.Alpha)
	case r.Experts == 0 && f.SharedHidden > 0:
		return fmt.Errorf("shared expert width: got %d in a layer without experts, want 0", f.SharedHidden)
	case r.Experts == 0 && f.Hidden == 0:
		return fmt.Errorf("feed_forward_length: got 0 in a layer without experts, want 1 or more")
	case r.Experts == 0:
		return nil
	case f.Hidden > 0:
		return fmt.Errorf("feed_forward_length: got %d in a layer with experts, want 0", f.Hidden)
	case r.Experts < 0 || r.Experts > maxExperts:
		return fmt.Errorf("experts: got %d, want 1 to %d", r.Experts, maxExperts)
	case r.Used < 1 || r.Used > r.Experts:
		return fmt.Errorf("experts used: got %d of %d, want 1 to all", r.Used, r.Experts)
	case r.Hidden < 1 || r.Hidden > maxHidden:
		return fmt.Errorf("expert width: got %d, want 1 to %d", r.Hidden, maxHidden)
	case r.Score > SoftmaxChosen || r.Choice > OnePerGroup:
		return fmt.Errorf("router switches: got score %d and choice %d", r.Score, r.Choice)
	case !finite(r.Scale) || r.Scale == 0 || !finite(r.MinSum) || r.MinSum < 0:
		return fmt.Errorf("router scale: got %v with a least sum of %v, want a finite number other than 0", r.Scale, r.MinSum)
	case r.Choice == TopK:
		return nil
	case r.Groups < 1 || r.Experts%r.Groups != 0:
		return fmt.Errorf("expert groups: got %d for %d experts, want a divisor", r.Groups, r.Experts)
	case r.Choice == OnePerGroup && r.Used%r.Groups != 0:
		return fmt.Errorf("experts used: got %d for %d groups, want a multiple", r.Used, r.Groups)
	case r.Choice == OnePerGroup:
		return nil
	case r.GroupsUsed < 1 || r.GroupsUsed > r.Groups:
		return fmt.Errorf("expert groups used: got %d of %d, want 1 to all", r.GroupsUsed, r.Groups)
	case r.Used > r.GroupsUsed*(r.Experts/r.Groups):
		return fmt.Errorf("experts used: got %d from %d groups of %d, want no more than they have", r.Used, r.GroupsUsed, r.Experts/r.Groups)
	case r.GroupTop < 1 || r.GroupTop > r.Experts/r.Groups:
		return fmt.Errorf("experts that make a group's score: got %d of %d, want 1 to all", r.GroupTop, r.Experts/r.Groups)
	}
	return nil
}

func (r *Rope) validate(headDim int) error {
	switch r.Kind {
	case NoRope:
		return nil
	case RopeNorm, RopeNeoX:
	default:
		return fmt.Errorf("rope: got %d, want 0 to %d", r.Kind, RopeNeoX)
	}
	if r.Dim < 2 || r.Dim%2 != 0 || r.Dim > headDim {
		return fmt.Errorf("rope dimensions: got %d, want an even number from 2 to the head width of %d", r.Dim, headDim)
	}
	if len(r.Freqs) != r.Dim/2 || r.LongFreqs != nil && len(r.LongFreqs) != r.Dim/2 {
		return fmt.Errorf("rope table: got %d and %d frequencies, want %d", len(r.Freqs), len(r.LongFreqs), r.Dim/2)
	}
	for _, f := range append(r.Freqs[:len(r.Freqs):len(r.Freqs)], r.LongFreqs...) {
		if math.IsNaN(f) || math.IsInf(f, 0) || f < 0 {
			return fmt.Errorf("rope table: got a frequency of %v, want a finite one of 0 or more", f)
		}
	}
	if !finite(r.Magnitude) || r.Magnitude <= 0 {
		return fmt.Errorf("rope magnitude: got %v, want above 0", r.Magnitude)
	}
	return nil
}

func finite(f float32) bool { return f-f == 0 }

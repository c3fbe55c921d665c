package tokenizer

// GPT-2, and the many vocabularies that took its rule over.
// Source: Radford et al. 2019, encoder.py.
const gpt2Pattern = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

func init() {
	registerPre(pre{split: isolate(gpt2), patterns: []string{gpt2Pattern}},
		"gpt-2", "gpt2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4", "modern-bert",
		"gigachat", "a.x-4.0", "mellum", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de")
}

func gpt2(r reader, s string, i int) int {
	if n := contraction(s, i, false); n > 0 {
		return n
	}
	from := i
	if s[i] == ' ' {
		i++
	}
	_, k, n := r.at(s, i)
	switch {
	case n == 0 || k&spaces != 0:
		return blank(r, s, from, false)
	case k&letter != 0:
		return r.run(s, i, letter) - from
	case k&number != 0:
		return r.run(s, i, number) - from
	}
	for n > 0 && k&(spaces|letter|number) == 0 {
		i += n
		_, k, n = r.at(s, i)
	}
	return i - from
}

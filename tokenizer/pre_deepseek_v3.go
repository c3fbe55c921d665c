package tokenizer

// DeepSeek V3, R1 and Hunyuan's dense models: digits by three, then CJK, then
// words and punctuation. Published in their tokenizer.json.
func init() {
	w := words{letters: letter | mark, before: letter | punct | symbol, only: punct | symbol, tail: "\r\n"}
	registerPre(pre{
		split: then(isolate(upToThree), isolate(kanji), isolate(deepseekWords(w))),
		patterns: []string{`\p{N}{1,3}`, `[一-龥぀-ゟ゠-ヿ]+`,
			"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},
	}, "deepseek-v3", "hunyuan-dense", "joyai-llm")
}

// deepseekWords puts one more rule before the others: an ASCII sign and the
// ASCII letters after it, as in .append or _name.
func deepseekWords(w words) match {
	return func(r reader, s string, i int) int {
		if k := r.t.ascii; s[i] < 0x80 && k[s[i]]&(punct|symbol) != 0 {
			end := i + 1
			for end < len(s) && s[end] < 0x80 && k[s[end]]&letter != 0 {
				end++
			}
			if end > i+1 {
				return end - i
			}
		}
		return w.match(r, s, i)
	}
}

// upToThree matches \p{N}{1,3}.
func upToThree(r reader, s string, i int) int {
	end := i
	for range 3 {
		_, k, n := r.at(s, end)
		if k&number == 0 {
			break
		}
		end += n
	}
	return end - i
}

var kanjiSet = newRuneSet("一-龥぀-ゟ゠-ヿ")

func kanji(r reader, s string, i int) int { return kanjiSet.run(r, s, i) - i }

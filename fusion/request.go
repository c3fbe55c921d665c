package fusion

import (
	"hash/fnv"
	"strings"
	"unicode"

	"summit/llm"
)

// toolWork reports whether the answer may be a tool call or follows one:
// texts can be compared and fused, calls can't.
func toolWork(r *llm.Request) bool {
	return len(r.Tools) > 0 || r.Has(llm.PartCall) || r.Has(llm.PartResult)
}

// structured reports whether the answer has to be JSON.
func structured(r *llm.Request) bool {
	return r.Format != nil && (r.Format.Kind == "json_object" || r.Format.Kind == "json_schema")
}

// conversation identifies the conversation that the request goes on with: by
// the caller's user and everything up to the first user message, which every
// later turn repeats.
func conversation(r *llm.Request) uint64 {
	texts := []string{r.User}
	for i := range r.Messages {
		m := &r.Messages[i]
		texts = append(texts, string(m.Role), m.Text())
		for _, p := range m.Parts {
			if p.Media != nil {
				texts = append(texts, p.Media.URL, p.Media.FileID, p.Media.Name)
			}
		}
		if m.Role == llm.RoleUser {
			break
		}
	}
	return hash(texts...)
}

// hash is the same on every machine and in every run. Texts are set apart, so
// that moving a letter from one to the next changes it.
func hash(texts ...string) uint64 {
	h := fnv.New64a()
	for _, t := range texts {
		n := uint64(len(t))
		h.Write([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
		h.Write([]byte(t))
	}
	// FNV's high bits are weak on short texts; this is the finaliser of
	// splitmix64 (Steele, Lea & Flood 2014).
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// language returns "zh" or "en" for a text that is mostly Chinese or mostly
// in Latin letters, else "". A Chinese character is about a word, so it counts
// as much as a word of Latin letters: "用 Python 写一个排序" is Chinese.
func language(text string) string {
	han, words, other := 0, 0, 0
	inWord := false
	for _, r := range text {
		latin := r < 0x250 && unicode.IsLetter(r)
		if latin && !inWord {
			words++
		}
		inWord = latin || inWord && (r == '\'' || r == '’')
		switch {
		case unicode.Is(unicode.Han, r):
			han++
		case !latin && unicode.IsLetter(r):
			other++
		}
	}
	switch {
	case other > han+words:
		return ""
	case han > 0 && han >= words && other <= han/8: // kana among the characters: Japanese
		return "zh"
	case words > han:
		return "en"
	}
	return ""
}

// looksLikeCode reports whether the text holds source code: a fenced block,
// or at least two lines that end or begin as lines of code do.
func looksLikeCode(text string) bool {
	if strings.Contains(text, "```") {
		return true
	}
	lines := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		code := false
		switch line[len(line)-1] {
		case '{', '}', ';':
			code = true
		}
		for _, start := range []string{"def ", "class ", "import ", "from ", "func ", "#include", "return ", "const ", "let ", "var ", "public ", "SELECT ", "elif ", "else:"} {
			rest, ok := strings.CutPrefix(line, start)
			// Sentences begin with some of these words too.
			code = code || ok && strings.ContainsAny(rest+line, "(=<:;.*") && !strings.HasSuffix(line, ".")
		}
		if code {
			lines++
		}
	}
	return lines >= 2
}

package brain

import (
	"math"
	"math/bits"
	"slices"
	"strings"
	"unicode"
)

const (
	// buckets is how many hashed n-grams are told apart. A prompt of a few
	// thousand characters has about as many different ones.
	buckets = 4096
	// dims is the length of a sketch. On the training splits of five suites,
	// log-loss of the members' reliabilities in 5-fold cross-validation was
	// 0.4926 with 64, 0.4897 with 128; with 256 two of three suites gained
	// 0.001 and 0.007 for twice the size and time, and fusion gained nothing.
	dims = 128
	// maxRunes bounds what is read of a prompt: half from its beginning, half
	// from its end.
	maxRunes = 8192
	// structureShare is the weight of the structure's features beside that of
	// the n-grams, which is 1.
	structureShare = 0.3
)

// gram is one feature of a prompt: a bucket and how much of it there is.
type gram struct {
	bucket uint32
	weight float32
}

// grams returns the hashed features of a prompt, by bucket: runs of two to
// four characters, lower-case and with blanks joined, that count by the
// logarithm of how often they stand there.
func grams(prompt string) []gram {
	text := fold(prompt)
	counts := make([]uint16, buckets)
	distinct := 0
	for i := range text {
		h := uint64(14695981039346656037)
		for n := 1; n <= 4 && i+n <= len(text); n++ {
			h = (h ^ uint64(text[i+n-1])) * 1099511628211
			// A Chinese character is about a word, so it counts alone.
			if n == 1 && !unicode.Is(unicode.Han, text[i]) {
				continue
			}
			at := mix(h+uint64(n)) % buckets
			if counts[at] == 0 {
				distinct++
			}
			if counts[at] < math.MaxUint16 {
				counts[at]++
			}
		}
	}
	all := make([]gram, 0, distinct)
	for at, c := range counts {
		if c > 0 {
			all = append(all, gram{uint32(at), float32(math.Log1p(float64(c)))})
		}
	}
	return all
}

// fold returns the runes of a prompt that features are made from.
func fold(prompt string) []rune {
	text := make([]rune, 0, min(len(prompt), maxRunes))
	blank := false
	if len(prompt) > 4*maxRunes {
		// Cutting between bytes leaves at most a few broken runes.
		prompt = prompt[:2*maxRunes] + "\n" + prompt[len(prompt)-2*maxRunes:]
	}
	for _, r := range prompt {
		if unicode.IsSpace(r) {
			if !blank {
				text = append(text, ' ')
			}
			blank = true
			continue
		}
		blank = false
		text = append(text, unicode.ToLower(r))
	}
	if len(text) > maxRunes {
		text = slices.Concat(text[:maxRunes/2], text[len(text)-maxRunes/2:])
	}
	return text
}

// structure returns what kind of text a prompt is, as numbered features.
func structure(prompt string) []uint32 {
	if len(prompt) > 4*maxRunes {
		prompt = prompt[:4*maxRunes]
	}
	var han, latin, digits, symbols, others, lines, all int
	for _, r := range prompt {
		all++
		switch {
		case r == '\n':
			lines++
		case unicode.Is(unicode.Han, r):
			han++
		case r < 0x250 && unicode.IsLetter(r):
			latin++
		case unicode.IsDigit(r):
			digits++
		case strings.ContainsRune("+-*/=^<>\\{}[]()$_|&;", r):
			symbols++
		case !unicode.IsSpace(r):
			others++
		}
	}
	share := func(n int) uint32 { return uint32(8 * n / max(all, 1)) }
	set := []uint32{
		100 + uint32(bits.Len(uint(all))), // length, by doublings
		200 + share(han), 300 + share(digits), 400 + 2*share(symbols),
		500 + uint32(bits.Len(uint(lines))),
	}
	if code(prompt) {
		set = append(set, 600)
	}
	if strings.Contains(prompt, "$") && strings.Contains(prompt, "\\") {
		set = append(set, 601) // LaTeX
	}
	return append(set, 700+uint32(options(prompt)))
}

// code reports whether the prompt looks like source code.
func code(prompt string) bool {
	for _, sign := range []string{"```", "def ", "return ", "#include", "func ", "import ", "public static"} {
		if strings.Contains(prompt, sign) {
			return true
		}
	}
	return false
}

// options counts the options A, B, C … of a choice that a prompt offers.
func options(prompt string) int {
	n := 0
	for letter := 'A'; letter <= 'J'; letter++ {
		found := false
		for _, end := range []string{".", ")", ":", "：", "、", "．"} {
			found = found || strings.Contains(prompt, string(letter)+end)
		}
		if !found {
			break
		}
		n++
	}
	return n
}

// sketch writes the projection of a prompt's features on random directions,
// scaled to the range of a byte. Cosines of sketches are those of the
// features, give or take 1/sqrt(dims). A prompt without features has a sketch
// of zeros. rarity is by bucket.
// Source: Achlioptas 2003, random projections with coins.
func sketch(prompt string, rarity []float32, dst []int8) {
	clear(dst)
	all := grams(prompt)
	if len(all) == 0 {
		return
	}
	norm := 0.0
	for i := range all {
		all[i].weight *= rarity[all[i].bucket]
		norm += float64(all[i].weight) * float64(all[i].weight)
	}
	set := structure(prompt)
	each := float32(structureShare * math.Sqrt(norm/float64(len(set))))
	for _, s := range set {
		all = append(all, gram{buckets + s, each})
	}
	project(all, math.Sqrt(norm*(1+structureShare*structureShare)), dst)
}

// project adds the features, each along its own random direction.
func project(all []gram, norm float64, dst []int8) {
	if norm == 0 {
		return
	}
	// Whole numbers, so that the sum is the same on every machine.
	scale := float64(1<<16) / norm
	sums := make([]int32, len(dst))
	for _, g := range all {
		w := int32(math.Round(float64(g.weight) * scale))
		for d := 0; d < len(sums); d += 64 {
			coins := mix(uint64(g.bucket)*0x9e3779b97f4a7c15 + uint64(d))
			for i := range sums[d:min(d+64, len(sums))] {
				sign := -int32(coins & 1)
				sums[d+i] += (w ^ sign) - sign
				coins >>= 1
			}
		}
	}
	square := 0.0
	for _, s := range sums {
		square += float64(s) * float64(s)
	}
	if square == 0 {
		return
	}
	// The length is that of the largest sketch that can't overflow a byte but
	// for outliers of four deviations, which are cut.
	unit := 127 / 4 * math.Sqrt(float64(len(dst))/square)
	for d, s := range sums {
		dst[d] = int8(min(max(math.Round(float64(s)*unit), -127), 127))
	}
}

// mix is the finaliser of splitmix64 (Steele, Lea & Flood 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// rarities returns how much each bucket says: the logarithm of the share of
// prompts that have it, as bytes that a file can hold.
func rarities(prompts [][]gram) []uint8 {
	found := make([]int, buckets)
	n := 0
	for _, p := range prompts {
		if len(p) > 0 {
			n++
		}
		for _, g := range p {
			found[g.bucket]++
		}
	}
	codes := make([]uint8, buckets)
	for i, f := range found {
		codes[i] = uint8(min(math.Round(rarityUnit*math.Log(float64(n)/float64(f+1)+1)), math.MaxUint8))
	}
	return codes
}

// rarityUnit makes bytes of logarithms: 255 is a bucket that one of e^10
// prompts has.
const rarityUnit = 25

func fromRarities(codes []uint8) []float32 {
	values := make([]float32, len(codes))
	for i, c := range codes {
		values[i] = float32(c) / rarityUnit
	}
	return values
}

// dot returns the inner product of two sketches.
func dot(a, b []int8) int32 {
	var s0, s1, s2, s3 int32
	b = b[:len(a)]
	for i := 0; i+4 <= len(a); i += 4 {
		s0 += int32(a[i]) * int32(b[i])
		s1 += int32(a[i+1]) * int32(b[i+1])
		s2 += int32(a[i+2]) * int32(b[i+2])
		s3 += int32(a[i+3]) * int32(b[i+3])
	}
	return s0 + s1 + s2 + s3
}

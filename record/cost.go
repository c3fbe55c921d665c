package record

import "unicode/utf8"

// Characters per token, and the tokens of instructions that a suite's prompts
// carry beside the question: the definitions of the recordings' README. They
// make published costs comparable; real tokenizers differ by tens of percent.
const (
	charsPerTokenZH  = 1.6
	charsPerTokenIn  = 3.8
	charsPerTokenOut = 3.6
)

var (
	instructionTokens = map[string]float64{
		"gsm8k": 110, "cruxeval": 110, "mathl5": 110, "rgym": 110,
		"korbench": 60, "mmlupro": 900, "lcb_v5": 400, "lcb_v6": 400,
	}
	// tokens out where out_chars is not recorded
	assumedTokensOut = map[string]float64{"lcb_v5": 700, "lcb_v6": 700}
)

// TokensIn returns the estimated input tokens of the question.
func (q *Question) TokensIn() float64 {
	chars := q.PromptChars
	if q.Prompt != nil {
		chars = utf8.RuneCountInString(*q.Prompt)
	}
	per := charsPerTokenIn
	if q.Lang == "zh" {
		per = charsPerTokenZH
	}
	return float64(chars)/per + instructionTokens[q.Suite]
}

// TokensOut returns the estimated tokens of the visible reply.
func (q *Question) TokensOut(r *Row) float64 {
	if r.OutChars == nil {
		return assumedTokensOut[q.Suite]
	}
	if q.Lang == "zh" {
		return float64(*r.OutChars) / charsPerTokenZH
	}
	return float64(*r.OutChars) / charsPerTokenOut
}

// Cost returns the estimated cost in USD of so many tokens; out includes
// hidden reasoning. It is a statistic, not money owed.
func (m *Member) Cost(in, out float64) float64 {
	return (in*m.PriceIn + out*m.PriceOut) / 1e6
}

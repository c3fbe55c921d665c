package answer

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestFinal(t *testing.T) {
	f := func(reply string, kind Kind, key string) {
		t.Helper()
		if a, ok := Final(reply); !ok || a.Kind != kind || a.Key != key {
			t.Errorf("Final(%q) = %s %q, %v, want %s %q", reply, a.Kind, a.Key, ok, kind, key)
		}
	}

	// The reply is the answer.
	f("42", KindNumber, "42")
	f("  42\n", KindNumber, "42")
	f("**42**", KindNumber, "42")
	f("Paris", KindText, "paris")
	f("[1, 2]", KindLiteral, "[1,2]")
	f("[[1, 2], [3, 4]]", KindLiteral, "[[1,2],[3,4]]")
	f("{'a': 1}", KindLiteral, `{"a":1}`)
	f("'#### 4'", KindText, "#### 4")
	f("gutenberg, org, with, the, in, chamber", KindText, "gutenberg, org, with, the, in, chamber")
	f("what?", KindText, "what?")
	f("Answer: Who are you really?", KindText, "Who are you really?")
	f("raises IndexError", KindText, "raises IndexError")
	f("0 1 2 3 4 0 1 2 0 1 0 0 1 2 3 4 5 6 7 8 9 0 1 0 1 2 3 0 0 1 2 3 0 1 2 3 4 0 0 0 …#f20df3e8784a", KindText,
		"0 1 2 3 4 0 1 2 0 1 0 0 1 2 3 4 5 6 7 8 9 0 1 0 1 2 3 0 0 1 2 3 0 1 2 3 4 0 0 0 …#f20df3e8784a")

	// Boxes.
	f(`First \boxed{3}. So we get \boxed{\frac{1}{2}}.`, KindNumber, "0.5")
	f(`$$\boxed{ \left\{ 1, 2 \right\} }$$`, KindLiteral, "{1,2}")
	f(`$\boxed 7$`, KindNumber, "7")
	f(`\boxed{\text{(B)}}`, KindChoice, "B")
	f(`\boxed{\boxed{5}}`, KindNumber, "5")
	f(`\boxed{5} and then \boxed{`, KindNumber, "5")
	f("The answer is 3.\n\\boxed{4}", KindNumber, "4")

	// Hashes.
	f("He has 3 * 4 = 12 apples.\n#### 12", KindNumber, "12")
	f("#### 1,234 dollars", KindNumber, "1234")
	f("so it is blue\n#### blue", KindText, "blue")
	f("#### Reasoning\nwords\n#### 12\nDone.", KindNumber, "12")

	// Double brackets.
	f("I think it is [[B]].", KindChoice, "B")
	f("[[**C**]]", KindChoice, "C")
	f("[[42]]", KindNumber, "42")
	f("Decrypted: [[pxlem#]]", KindText, "pxlem#")
	f("Result: [[I1,I2,O];[+,+,-]]", KindText, "I1,I2,O];[+,+,-")
	f("The matrix is [[1, 2], [3, 4]]", KindLiteral, "[[1,2],[3,4]]")

	// Tags.
	f("因为……[正确答案]C<eoa>", KindChoice, "C")
	f("[正确答案]：ABD", KindChoice, "ABD")
	f("[金额]12000元<eoa>\n[正确答案]12000元<eoa>", KindNumber, "12000")
	f("<answer>\n 7/8 \n</answer>", KindNumber, "0.875")
	f("<answer>1</answer> no: <answer>\\boxed{2}</answer>", KindNumber, "2")
	f("<think>the answer is 5</think>The answer is 6.", KindNumber, "6")
	f("the answer is 5</think>\n\n6", KindNumber, "6")

	// Phrases.
	f("Let me see.\nThe answer is 42.", KindNumber, "42")
	f("The answer is: **42**", KindNumber, "42")
	f("So the final answer is $42$.", KindNumber, "42")
	f("Therefore, the answer is 42 because 6 * 7 = 42.", KindNumber, "42")
	f("The correct answer is (C) Paris.", KindChoice, "C")
	f("The correct answer is **C. Paris**.", KindChoice, "C")
	f("Answer: C", KindChoice, "C")
	f("**Answer:** C", KindChoice, "C")
	f("**Answer: C**", KindChoice, "C")
	f("ANSWER: 12", KindNumber, "12")
	f("Some thoughts.\n\n## Final Answer\n\n12 km", KindNumber, "12")
	f("Final answer:\n\n**Paris**", KindText, "paris")
	f("Answer: Mount Everest. It is 8,848 m high.", KindText, "Mount Everest")
	f("The answer is Paris, since it is the capital.", KindText, "paris")
	f("The answer is 5.\nI hope this answer is helpful!", KindNumber, "5")
	f("The answers are many.\nAnswer = 5", KindNumber, "5")
	f("**Answers**: 1, 2", KindText, "1, 2")
	f("The answer to the question is 5 apples.", KindText, "5 apples")
	f("Answer: ['a', 'b']", KindLiteral, `["a","b"]`)
	f("Answer: 'a b '", KindLiteral, `"a b "`)
	f("Answer:\n```python\n[1, 2]\n```", KindLiteral, "[1,2]")
	f("答案是：42", KindNumber, "42")
	f("所以，答案是四十二。", KindNumber, "42")
	f("答案为C。", KindChoice, "C")
	f("最终答案：**三分之二**", KindNumber, "2/3")
	f("【答案】B\n【解析】略", KindChoice, "B")
	f("答案应该是5元，因为他花了15元。", KindNumber, "5")
	f("综上，故选：D。", KindChoice, "D")
	f("因此选B。", KindChoice, "B")
	f("本题选 (A)。", KindChoice, "A")
	f("故选ABD项", KindChoice, "ABD")
	f("故选ABD。", KindChoice, "ABD")
	f("他当选主席。\n所以选举有效。\n答案是是。", KindText, "是")
	f("The answer is 5 (five).", KindNumber, "5")
	f("Answer: 5, 6", KindText, "5, 6")
	f("答案是珠穆朗玛峰，它高8848米。", KindText, "珠穆朗玛峰")
	f("答案是“红楼梦”。", KindText, "红楼梦")
	f("我选择相信他。\n答案是甲。", KindText, "甲")

	// JSON.
	f(`{"reasoning": "6 * 7, \"so\" {", "answer": "42"}`, KindNumber, "42")
	f("{\"reasoning\": \"two\nlines\", \"final_answer\": [1, 2]}", KindLiteral, "[1,2]")
	f("{'answer': True}", KindLiteral, "true")
	f(`{"answer": "a b "}`, KindLiteral, `"a b "`)
	f("Here you are:\n```json\n{\"answer\": \"B\"}\n```\nGood luck!", KindChoice, "B")
	f(`{"reasoning": "broken " here", "answer": "17"}`, KindNumber, "17")
	f(`{"x": 1, "y": 2}`, KindJSON, `{"x":1,"y":2}`)
	f("```json\n{\"y\": 2, \"x\": 1}\n```", KindJSON, `{"x":1,"y":2}`)
	f("```\n42\n```", KindNumber, "42")
	f("```python\n[1,\n 2]\n```", KindLiteral, "[1,2]")

	none := func(reply string) {
		t.Helper()
		if a, ok := Final(reply); ok {
			t.Errorf("Final(%q) = %s %q, want none", reply, a.Kind, a.Key)
		}
	}
	none("")
	none(" \n ")
	none("<think>the answer is 5</think>")
	none("<think>the answer is 5")
	none("The sky is blue.\nIt is so because of Rayleigh scattering.")
	none(strings.Repeat("The sky is blue because of Rayleigh scattering. ", 10))
	none("```go\nfunc main() {\n\tprintln(42)\n}\n```")
	none("def f(x):\n    return x\n")
	none("I can't help with that.")
	none("Hello! How can I help you today?")
	none("你好！有什么可以帮你的吗？")
	none("I'm sorry, but I can't help with that.\nPlease ask something else.")
	none("很抱歉，我无法回答这个问题。")
	none("The answer is: I cannot determine it.")
	none(`{"answer": ""}`)
	none("Ask several.\nTheir answers must be comparable.")
	none("Some say this.\nTheir answer is wrong.")
	none("Is the answer known?\nNobody says.")
}

func TestFinalText(t *testing.T) {
	f := func(reply, text string) {
		t.Helper()
		if a, _ := Final(reply); a.Text != text {
			t.Errorf("Final(%q) has text %q, want %q", reply, a.Text, text)
		}
	}
	f("The answer is **1,234 km**.", "1,234 km")
	f(`So \boxed{\frac{1}{2}}`, `\frac{1}{2}`)
	f("[[B]]", "B")
	f(`{"answer": "Mount Everest"}`, "Mount Everest")
	f("答案是四十二。", "四十二")
}

// TestLinear gives Final and Normalize much of what would cost a naive search
// quadratic time. The bound is a hundred times what the slowest takes on two
// slow cores (40 ms; a whole mebibyte takes 0.4 s), for the race detector.
func TestLinear(t *testing.T) {
	const size = 1 << 17
	for _, piece := range []string{
		"[", "[[", "]]", "]", "(", "{", "}", "{'a':", "[1,", `\boxed{`, `\frac{`, `\frac{1}{`, `\`, `\\`, "####", "#", "*", "**", "`", "```", "\n", " ", ".", ". ",
		"answer", "nswer", "Answer: ", "answer is ", "答案", "答案是", "选", "故选", "故选A", "<think>", "</think>", "<answer>", "</answer>", "[正确答案]",
		"1", "1,", "1,000", "1/", "0", "-", "9", "一", "万", "一万", "一点", "分之", "百分之", "A,", "A, ", "\"", "'", `"\`, `\"`, "\\u", "x", "x ", "x + ", "((1", "1))",
		"√", "^{", "_{", "$", "$$", `\(`, `\)`, "，", "。", ", because ", "\xff", "５", "I can't ", "{1,", "{1:{", "\"\"", "))))",
	} {
		for _, frame := range [...][2]string{{"", ""}, {"The answer is ", ""}, {"{'answer': ", "}"}, {"[[", "]]"}, {`\boxed{`, "}"}, {"[", "]"}, {"{", "}"}, {"'", "'"}} {
			s := frame[0] + strings.Repeat(piece, size/len(piece)) + frame[1]
			start := time.Now()
			Final(s)
			Normalize(s)
			if took := time.Since(start); took > 4*time.Second {
				t.Errorf("%d bytes of %q in %q took %v", size, piece, frame, took)
			}
		}
	}
}

// FuzzFinal: no panic, and what it finds is normal.
func FuzzFinal(f *testing.F) {
	for _, s := range []string{
		"The answer is 42.", "So \\boxed{\\frac{1}{2}}.", "#### 12", "[[B];[A]]", "[正确答案]C<eoa>", "故选：ABD。", "答案是\n**三分之二**",
		"<think>x</think><answer>\n(C) Paris</answer>", `{"reasoning": "a", "answer": ["b"]}`, "```json\n{\"answer\": 1}\n```", "Answer: 'a\\n'", "x\n\nFinal Answer\n5",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, ok := Final(s)
		if !ok {
			return
		}
		if a.Key == "" || a.Kind == "" || !utf8.ValidString(a.Key) || utf8.RuneCountInString(a.Key) > maxKeyRunes {
			t.Fatalf("Final(%q) = %+v", s, a)
		}
		if b, ok := Normalize(a.Key); !ok || b.Key != a.Key {
			t.Errorf("the key in %q is %q, whose key is %q, %v", s, a.Key, b.Key, ok)
		}
	})
}

func BenchmarkFinal(b *testing.B) {
	for _, c := range []struct{ name, reply string }{
		{"number", "1234.5"},
		{"choice", "G"},
		{"word", "Paris"},
		{"fraction", "351/680"},
		{"formula", "(-5571+282sqrt5)/90"},
		{"list", "[1, 1, -1, -1, 1, 1, -2, 6]"},
		{"grid", "4 1 6 8 2 9 7 3 5 9 7 2 1 3 5 4 6 8 5 3 8 6 7 4 1 9 2 8 9 1 7 6 3 6 5 4 7 6 3 5 …#dac6ae3ca0da"},
		{"sentence", strings.Repeat("First we add the numbers. ", 20) + "The answer is 42."},
		{"essay", strings.Repeat("The sky is blue because of scattering. ", 100)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Final(c.reply)
			}
		})
	}
}

package summit

import (
	"fmt"

	"summit/everest"
	"summit/fusion"
	"summit/local"
)

// ascend adds the small models inside this program, and what knows which of
// them a question is for.
func (d *directory) ascend(locals *local.Store) error {
	members, err := everest.Members(locals)
	if err != nil {
		return fmt.Errorf("summit: no members are configured and none were found: %w", err)
	}
	gate, err := everest.TheGate()
	if err != nil {
		return fmt.Errorf("summit: %w", err)
	}
	for _, m := range members {
		d.addMember(&Entry{Name: m.Card().Name, Member: m, Use: "everest", Source: SourceInside})
	}
	d.gate = gate
	d.notes = append(d.notes, "EVEREST: no members are configured and none were found. Seven very small language models inside this program "+
		"answer what they were trained for, and nothing else: poems, sums, dates, numbers, text, JSON, puzzles. "+
		`"summit config init" writes a configuration to add real ones.`)
	return nil
}

// What is said to a question that none of the small models is for.
const (
	onlySmall = "No model here can answer that. This Summit runs on seven very small models inside the program, which can only: " +
		"write classical Chinese poems (写一首咏月的七言绝句); do sums with their steps (37*48=?); work with dates, times and units (What date is 10 days after 2026-03-27?); " +
		"write numbers in Chinese, Roman or words (Write 1994 in Roman numerals.); rearrange letters and lists (Reverse summit.); " +
		"turn small data into JSON and back (Convert to JSON: name=li, age=30); solve small puzzles (Which is larger, 9.11 or 9.9?).\n\n" +
		"For everything else add real members: put a vendor's key into the environment (such as DASHSCOPE_API_KEY), start a local server (Ollama, vLLM, llama.cpp), " +
		"or fetch a model with \"summit pull\"; \"summit config init\" writes a configuration to begin with."
	onlySmallZH = "这里没有模型能回答这个问题。现在的 Summit 只有程序自带的七个很小的模型，它们只会：" +
		"写古诗（写一首咏月的七言绝句）；带步骤的算术（37*48=?）；日期、时间和单位换算（2026-03-27的10天后是哪一天？）；" +
		"数字的各种写法（把1994写成罗马数字）；字词与列表的整理（把summit倒过来写）；" +
		"小数据的转换（转成JSON：name=li, age=30）；小逻辑题（9.11和9.9哪个大？）。\n\n" +
		"要回答其他问题，请添加真正的成员：在环境变量里放一个厂商的密钥（如 DASHSCOPE_API_KEY），或启动本地服务（Ollama、vLLM、llama.cpp），" +
		"或用 summit pull 下载模型；summit config init 会写好一份配置作为开始。"
)

// What is said instead of an answer that the small model was not sure of.
const (
	notSure = "The very small model that this is for is not sure of its answer, so I'd rather not give it. " +
		"Plainer words, smaller numbers or shorter texts may help; for more, add a real member (\"summit config init\")."
	notSureZH = "负责这类问题的小模型对自己的答案没有把握，所以不给出来。" +
		"换个更直白的说法、用小一些的数或短一些的文字也许可以；要求更高时，请添加真正的成员（summit config init）。"
)

// everestModels returns the models that exist over the small models: the gate
// chooses, since each of them knows one thing.
func (d *directory) everestModels() map[string]Model {
	// Of 2,500 answers to validation questions 117 were below this: 102 wrong
	// ones and 15 right ones.
	const sure = 0.2
	gated := func(about string, samples int) Model {
		return Model{Use: "gate", Members: d.members, About: about,
			Params: &fusion.GateParams{Samples: samples, Otherwise: onlySmall, OtherwiseZH: onlySmallZH, Sure: sure, Unsure: notSure, UnsureZH: notSureZH}}
	}
	const votes = 5
	return map[string]Model{
		modelAuto:    gated("a learned gate sends each question to the small model that it is for", 0),
		modelCouncil: gated("the same, and the small model answers five times and votes", votes),
		modelCheap:   gated("the same as summit: one small model answers", 0),
	}
}

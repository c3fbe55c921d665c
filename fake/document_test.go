package fake_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"summit/fake"
	"summit/member"
)

var update = flag.Bool("update", false, "rewrite the tables in docs/members.md and docs/members.zh-CN.md")

// words are the texts of a table in one language.
type words struct {
	file, vendor, member, address, key, model, none, listed, yours string
	symbols                                                        string
	stop                                                           string
	notes                                                          map[string]string // reasons in this language; nil = as they are
}

// reasons are the fakes' reasons in Chinese.
var reasons = map[string]string{
	"Baichuan4 does not think":                                "Baichuan4 不思考",
	"Baichuan4 reads text only":                               "Baichuan4 只读文字",
	"nothing is known here of images and this model":          "不知道该模型能否读图",
	"by this door Gemini keeps its thoughts to itself":        "经此入口 Gemini 不显示思考",
	"glm-5.3 reads text only; glm-5v-turbo sees":              "glm-5.3 只读文字；glm-5v-turbo 能读图",
	"its own protocol knows no response_format":               "其自有协议没有 response_format",
	"hunyuan-turbos reads text only; hunyuan-vision sees":     "hunyuan-turbos 只读文字；hunyuan-vision 能读图",
	"nothing is known here of images and kimi-k3":             "不知道 kimi-k3 能否读图",
	"the served model reads text only":                        "所服务的模型只读文字",
	"it refuses response_format":                              "拒绝 response_format",
	"Chat Completions of OpenAI keeps the thoughts to itself": "OpenAI 的 Chat Completions 不显示思考",
	"openPangu 2.0 reads text only":                           "openPangu 2.0 只读文字",
	"the deployment reads text only":                          "该部署只读文字",
	"it calls one function at a time":                         "一次只调用一个函数",
	"ERNIE 4 does not think":                                  "ERNIE 4 不思考",
	"it knows JSON, but no schema":                            "支持 JSON，但不支持 schema",
	"its messages take text only":                             "其消息只含文字",
	"earlier calls and their results travel as text, and the header `X-Summit-Warning` says so": "先前的调用与结果以文字传送，并由响应头 `X-Summit-Warning` 说明",
	"its WebSocket carries one function call at a time":                                         "其 WebSocket 一次只承载一个函数调用",
	"4.0Ultra does not think; spark-x does":                                                     "4.0Ultra 不思考；spark-x 思考",
	"its WebSocket knows no response_format":                                                    "其 WebSocket 没有 response_format",
	"it does not tell thoughts from the answer":                                                 "不区分思考与回答",
	"360gpt2-pro does not think; the models named -o1 do":                                       "360gpt2-pro 不思考；名称带 -o1 的模型思考",
	"Anthropic has no embeddings":                                                               "Anthropic 没有向量接口",
	"DeepSeek has no embeddings":                                                                "DeepSeek 没有向量接口",
	"nothing is known of its embeddings":                                                        "不知道其有无向量接口",
	"nothing is known of embeddings on TokenHub":                                                "不知道 TokenHub 有无向量接口",
	"its embeddings are an action apart, which is not spoken here":                              "其向量接口是另一个 action，此处未实现",
	"its embeddings have a form of their own, which is not spoken here":                         "其向量接口自成一式，此处未实现",
	"the deployment has no embeddings":                                                          "该部署没有向量接口",
	"for embeddings use the kind `qianfan`":                                                     "向量请用 `qianfan`",
	"for embeddings use the kind `openai`":                                                      "向量请用 `openai`",
	"its embeddings are a service apart, with a protocol of their own":                          "其向量接口是另一项服务，协议自成一式",
	"embeddings are the task of TEI, a server apart: `use: openai` speaks to it":                "向量由另一个服务器 TEI 负责，可用 `use: openai` 连接",
	"360gpt2-pro reads text only":                                                               "360gpt2-pro 只读文字",
}

var languages = []words{
	{
		file: "../docs/members.md", stop: ".", vendor: "fake", member: "use", address: "address", key: "key looked for in", model: "model unless set", none: "none", listed: "the first that it lists", yours: "your own",
		symbols: works + " works through every protocol that carries it · " + told + " left out, and the header `X-Summit-Warning` says so · " + refused +
			" the vendor does not do it: the caller gets a clear error, or an answer without it · " + unknown + " nothing is known of how the vendor says it. " +
			"Where protocols differ, they stand in the order chat/responses/messages/completions.",
	},
	{
		file: "../docs/members.zh-CN.md", stop: "。", notes: reasons, vendor: "仿真", member: "use", address: "地址", key: "密钥所在的环境变量", model: "默认模型", none: "无", listed: "服务器列出的第一个", yours: "您自己的",
		symbols: works + " 凡能承载该项的协议下均正常 · " + told + " 不发送该项，并由响应头 `X-Summit-Warning` 说明 · " + refused +
			" 厂商不支持：调用方得到明确的错误，或不含该项的回答 · " + unknown + " 不知道厂商如何表示。各协议不同时，依次为 chat/responses/messages/completions。",
	},
}

// documented holds the tables in the documentation against what was tried.
func documented(t *testing.T, table map[string]map[string][]string) {
	for _, w := range languages {
		var kinds, can, breaks, kept strings.Builder
		w.kinds(&kinds)
		w.matrix(&can, table, func(c column) bool { return c.fault == "" && c.name != "wrong key" && !c.guard })
		w.matrix(&breaks, table, func(c column) bool { return c.fault != "" || c.name == "wrong key" })
		w.matrix(&kept, table, func(c column) bool { return c.guard })
		text, err := os.ReadFile(w.file)
		if err != nil {
			t.Fatal(err)
		}
		got := string(text)
		for _, part := range []struct{ name, text string }{{"kinds", kinds.String()}, {"can", can.String()}, {"breaks", breaks.String()}, {"kept", kept.String()}} {
			begin, end := "<!-- "+part.name+": written by go test ./fake -run TestMatrix -update -->\n", "<!-- end of "+part.name+" -->\n"
			before, rest, ok := strings.Cut(got, begin)
			_, after, ok2 := strings.Cut(rest, end)
			if !ok || !ok2 {
				t.Fatalf("%s has no place for %s", w.file, part.name)
			}
			got = before + begin + "\n" + part.text + "\n" + end + after
		}
		if *update {
			if err := os.WriteFile(w.file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if got != string(text) {
			t.Errorf("%s is not what was found; go test ./fake -run TestMatrix -update rewrites it", w.file)
		}
	}
}

// kinds draws where each kind of member is and where its key is looked for.
func (w words) kinds(b *strings.Builder) {
	fmt.Fprintf(b, "| %s | | %s | %s | %s |\n|---|---|---|---|---|\n", w.member, w.address, w.key, w.model)
	for _, k := range member.Kinds() {
		if k.Name == "replay" { // nobody answers: it plays what was recorded
			continue
		}
		var keys []string
		for _, name := range k.KeyEnv {
			keys = append(keys, "`"+name+"`")
		}
		key, model, address := w.none, w.listed, "`"+k.BaseURL+"`"
		if k.BaseURL == "" {
			address, model = w.yours, w.yours
		}
		if keys != nil {
			key = strings.Join(keys, ", ")
		}
		if k.Model != "" {
			model = "`" + k.Model + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", k.Name, k.About, address, key, model)
	}
}

// matrix draws the chosen columns, one vendor a row, with what vendors can't
// do below.
func (w words) matrix(b *strings.Builder, table map[string]map[string][]string, chosen func(column) bool) {
	var cols []column
	for _, c := range columns() {
		if chosen(c) {
			cols = append(cols, c)
		}
	}
	fmt.Fprintf(b, "%s\n\n| %s |", w.symbols, w.vendor)
	for _, c := range cols {
		fmt.Fprintf(b, " %s |", c.name)
	}
	b.WriteString("\n|---|" + strings.Repeat(":-:|", len(cols)) + "\n")
	var notes []string
	for _, v := range fake.Vendors() {
		fmt.Fprintf(b, "| `%s` |", v.Name)
		for _, c := range cols {
			cell := table[v.Name][c.name]
			if one := slices.Compact(slices.Clone(cell)); len(one) == 1 {
				cell = one
			}
			text := strings.Join(cell, "/")
			if why := v.Cannot[c.scenario] + v.Notes[c.scenario]; why != "" {
				i := slices.Index(notes, why)
				if i < 0 {
					i = len(notes)
					notes = append(notes, why)
				}
				text += fmt.Sprintf(" [%d]", i+1)
			}
			fmt.Fprintf(b, " %s |", text)
		}
		b.WriteString("\n")
	}
	if notes != nil {
		b.WriteString("\n")
		for i, n := range notes {
			fmt.Fprintf(b, "%d. %s%s\n", i+1, cmp.Or(w.notes[n], n), w.stop)
		}
	}
}

// TestEveryKindHasAFake holds the fakes against the kinds of members.
func TestEveryKindHasAFake(t *testing.T) {
	faked := map[string]bool{}
	for _, v := range fake.Vendors() {
		faked[v.Kind] = true
		if _, ok := member.Lookup(v.Kind); !ok {
			t.Errorf("the fake %s is of a kind of member that does not exist: %s", v.Name, v.Kind)
		}
	}
	for _, k := range member.Kinds() {
		if k.BaseURL != "" && !faked[k.Name] {
			t.Errorf("members of the kind %s have no fake", k.Name)
		}
	}
}
